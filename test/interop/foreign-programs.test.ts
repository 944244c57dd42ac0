/**
 * The bench's work on a maildir in which Debian's Courier, maildrop, mv, rm, cp and mutt's renames are at work at the
 * same time, and old files come back under the same names. Every answer must be right for a version of the message that
 * was there; when all is quiet, every answer must be right for the file that is there, in the session that saw it all, in
 * a new one, in a server that has no cache, and in Courier.
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { FULL_LIST } from '../bench/rows.js';
import { ImapClient, loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { courierTarget } from '../support/peer-targets.js';
import { type OurServers, startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';
import { ForeignPrograms } from './foreign-programs.js';
import { CHECKED_LIST, loadSession, nameOf, numbersIn, searches, uidOf, Witness } from './load-session.js';
import { VersionedMail } from './versioned-mail.js';

const LOAD_SECONDS = 14;
/** A list of all would hide what it is about. */
const SHOWN_FAULTS = 3;
const COUNTS = { ordinary: 300, restorable: 60 } as const;

/** All answers of a session about INBOX as it is. */
interface InboxView {
  readonly names: ReadonlyMap<number, string>;
  readonly full: readonly string[];
  readonly sorted: readonly number[];
  readonly threads: string;
  readonly found: readonly (readonly number[])[];
}

async function viewInbox(client: ImapClient, witness: Witness, who: string): Promise<InboxView> {
  const { untagged } = await client.must(`UID FETCH 1:* (${CHECKED_LIST})`);
  witness.checkList(who, untagged);
  const full = (await client.must(`UID FETCH 1:* (${FULL_LIST})`)).untagged.filter((line) =>
    /^\* \d+ FETCH/.test(line),
  );
  const found: number[][] = [];
  for (const { keys } of searches) found.push(numbersIn((await client.must(`UID SEARCH ${keys}`)).untagged, 'SEARCH'));
  return {
    names: new Map(
      untagged.map((line): [number, string] => [uidOf(line), nameOf(line) ?? '']).filter(([uid]) => uid > 0),
    ),
    full: full.map((line) => line.replace(' \\Recent', '').replace('(\\Recent ', '(').replace('(\\Recent)', '()')),
    sorted: numbersIn((await client.must('UID SORT (SUBJECT DATE) UTF-8 ALL')).untagged, 'SORT'),
    threads: (await client.must('UID THREAD REFERENCES UTF-8 ALL')).untagged.join('\n'),
    found,
  };
}

/** Compares a view with the files. */
function compareWithFiles(who: string, view: InboxView, files: readonly string[], mail: VersionedMail): void {
  assert.deepEqual([...view.names.values()].sort(), [...files].sort(), `${who} shows other messages than there are`);
  for (const [index, { keys, hits }] of searches.entries()) {
    const expected = [...view.names].filter(([, name]) => hits(mail.named(name))).map(([uid]) => uid);
    assert.deepEqual(
      [...(view.found[index] ?? [])].sort((a, b) => a - b),
      expected,
      `${who}: ${keys}`,
    );
  }
  const uids = [...view.names.keys()];
  assert.deepEqual(
    [...view.sorted].sort((a, b) => a - b),
    uids,
    `${who}: SORT has other messages`,
  );
  const threaded = (view.threads.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);
  assert.deepEqual(threaded, uids, `${who}: THREAD has other messages`);
}

test('M2, speed: answers stay right while other programs work in the maildir', { timeout: 300_000 }, async () => {
  const home = new TestHome('foreign-programs', { folders: ['.Other'] });
  const { maildir } = home;
  const mail = new VersionedMail();
  const foreign = new ForeignPrograms(maildir, home.beside('beside'), mail, COUNTS);
  const start = (name: string): Promise<OurServers> =>
    startOurs({ directory: home.directory(name), users: [home.user] });
  const ours = await start('ours');
  const servers = [ours];
  const courier = await courierTarget({ maildir, settings: {}, options: {} });
  const open = async (server: OurServers, tls: boolean): Promise<ImapClient> => {
    const client = await loginClient(tls ? server.tlsPort : server.port, 'bob', PASSWORD, tls);
    await client.must('SELECT INBOX');
    return client;
  };
  const openCourier = async (): Promise<ImapClient> => {
    const client = new ImapClient(await courier.connect(1, { loggedIn: true, plain: false }));
    await client.must('SELECT INBOX');
    return client;
  };
  try {
    const witness = new Witness(mail);
    const old = await open(ours, false);
    const until = performance.now() + LOAD_SECONDS * 1000;
    await Promise.all([
      foreign.work(until),
      loadSession('ours', old, witness, mail, until),
      loadSession('ours over TLS', await open(ours, true), witness, mail, until),
      loadSession('Courier', await openCourier(), new Witness(mail), mail, until),
    ]);
    witness.judgeHits();
    assert.deepEqual(witness.faults.slice(0, SHOWN_FAULTS), []);

    const files = foreign.names();
    const fresh = await start('without-cache');
    servers.push(fresh);
    await old.must('NOOP');
    const views: [string, InboxView][] = [];
    for (const [who, client] of [
      ['the server without a cache', await open(fresh, false)],
      ['the old session', old],
      ['a new session', await open(ours, true)],
    ] as const) {
      views.push([who, await viewInbox(client, witness, who)]);
    }
    assert.deepEqual(witness.faults.slice(0, SHOWN_FAULTS), []);
    const [[, first] = []] = views;
    for (const [who, view] of views) {
      compareWithFiles(who, view, files, mail);
      const otherwise = view.full.filter((line, index) => line !== first?.full[index]);
      assert.deepEqual(otherwise.slice(0, SHOWN_FAULTS), [], `${who} describes ${otherwise.length} messages otherwise`);
      assert.deepEqual([view.sorted, view.threads], [first?.sorted, first?.threads], `${who} sorts otherwise`);
    }
    const ofCourier = await (await openCourier()).must(`UID FETCH 1:* (${CHECKED_LIST})`);
    const inCourier = ofCourier.untagged
      .map((line) => `${uidOf(line)} ${nameOf(line)}`)
      .filter((line) => /^[1-9]/.test(line));
    assert.deepEqual(
      inCourier,
      [...(first?.names ?? [])].map((entry) => entry.join(' ')),
      'Courier has other UIDs',
    );
    for (const program of ['maildrop', 'safecat', 'rm', 'mv away', 'mv back', 'flag', 'restore']) {
      assert.ok((foreign.done[program] ?? 0) > 0, `${program} did nothing`);
    }
    assert.ok(witness.answers > COUNTS.ordinary * 2, `only ${witness.answers} answers were looked at`);
  } finally {
    await courier.close();
    for (const server of servers) await server.stop();
    home.remove();
  }
});
