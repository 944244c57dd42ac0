/**
 * The cache is deleted and damaged at random while sessions of the installed programs work. Every answer is compared with
 * what the message files say: with the files themselves, and with a server that has no cache.
 *
 * Between the rounds the server ends, and messages get other files under their names, as when a backup is restored: of
 * the same length, with a date in the past. What the next server finds in the cache is of the old ones.
 */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { type ImapClient, loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mailIds } from '../support/peer-targets.js';
import { waitUntil } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';
import { CacheVandal } from './cache-vandal.js';
import { numbersIn, uidOf } from './load-session.js';
import { type Version, VersionedMail } from './versioned-mail.js';

const ROUNDS = 3;
const ROUND_SECONDS = 5;
const ORDINARY = 150;
const RESTORED = 60;
const SCRATCHES = 6;

const FIELDS = 'BODY.PEEK[HEADER.FIELDS (SUBJECT FROM TO DATE MESSAGE-ID)]';
/** Each is asked with UID; the answers about one message are the same as long as its file is. */
const LISTS = [
  'UID INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE',
  `UID RFC822.SIZE ${FIELDS}`,
  'UID ENVELOPE',
  'UID BODY BODYSTRUCTURE',
] as const;
const SEARCHES = ['SUBJECT violet', 'FROM example', 'SENTSINCE 1-Mar-2020', 'BODY trumpet', 'LARGER 3000'] as const;
const ORDERS = [
  'SORT (SUBJECT) UTF-8 ALL',
  'SORT (REVERSE DATE FROM) UTF-8 ALL',
  'THREAD REFERENCES UTF-8 ALL',
] as const;

const THREADS = ['THREAD REFERENCES UTF-8 ALL', 'THREAD ORDEREDSUBJECT UTF-8 ALL'] as const;

/** What was said of each message in one round, without sequence numbers. */
class Sayings {
  readonly #byUid = new Map<string, Set<string>>();
  readonly lists: { readonly what: string; readonly numbers: readonly number[] }[] = [];
  /** Whole answers to THREAD, by the command; only of those who ask while nobody changes anything. */
  readonly threads = new Map<string, readonly string[]>();
  count = 0;

  note(what: string, untagged: readonly string[]): void {
    for (const line of untagged) {
      if (!/^\* \d+ FETCH \(UID/.test(line)) continue;
      const key = `${uidOf(line)} ${what}`;
      const said = this.#byUid.get(key) ?? new Set();
      said.add(line.replace(/^\* \d+ /, ''));
      this.#byUid.set(key, said);
      this.count += 1;
    }
  }

  noteNumbers(what: string, numbers: readonly number[]): void {
    this.lists.push({ what, numbers });
    this.count += 1;
  }

  /** Fails if anything differs from what was said of the same mailbox in the same state. */
  assertSame(truth: Sayings): void {
    this.assertAs(truth);
    assert.deepEqual(this.lists, truth.lists);
    assert.deepEqual(this.threads, truth.threads);
  }

  /** Fails if anything that was said differs from the truth, or two sayings of a message that is gone from one another. */
  assertAs(truth: Sayings): void {
    for (const [key, said] of this.#byUid) {
      const right = truth.#byUid.get(key);
      assert.deepEqual([...said], [...(right ?? [...said].slice(0, 1))], `answers to ${key}`);
    }
    for (const { what, numbers } of this.lists) {
      const right = truth.lists.find((list) => list.what === what)?.numbers ?? [];
      const both = new Set(right.filter((number) => numbers.includes(number)));
      const common = numbers.filter((number) => both.has(number));
      // Threads of messages that are gone may be shown in another order; all else is in one order.
      if (what.startsWith('THREAD')) continue;
      assert.deepEqual(
        common,
        right.filter((number) => both.has(number)),
        `${what}: order`,
      );
    }
  }
}

/** A client that works until the time is over; other sessions may expunge what it asks for. */
async function work(client: ImapClient, sayings: Sayings, mail: VersionedMail, until: number): Promise<void> {
  for (let round = 0; performance.now() < until; round += 1) {
    await client.must('NOOP');
    const list = LISTS[round % LISTS.length] ?? LISTS[0];
    sayings.note(list, (await client.send(`UID FETCH 1:* (${list})`)).untagged);
    await askNumbers(client, sayings, round);
    const uids = numbersIn((await client.must('UID SEARCH ALL')).untagged, 'SEARCH');
    const some = uids[Math.floor(Math.random() * uids.length)] ?? 1;
    await client.send(`UID STORE ${some} ${round % 3 === 0 ? '-' : '+'}FLAGS (\\Answered)`);
    await client.send(`UID COPY ${some} INBOX.Other`);
    await client.must('APPEND INBOX', Buffer.from(mail.ordinary().wire, 'latin1'));
    if (round % 3 !== 0) continue;
    // Not one of those whose files are replaced: all of them are there in the end.
    await client.send(`UID STORE ${uids.at(-1)} +FLAGS (\\Deleted)`);
    await client.must('EXPUNGE');
  }
}

/** One of the searches and orders. Messages that arrived meanwhile are in some answers and not in others. */
async function askNumbers(client: ImapClient, sayings: Sayings, round: number): Promise<void> {
  const search = SEARCHES[round % SEARCHES.length] ?? SEARCHES[0];
  sayings.noteNumbers(search, numbersIn((await client.must(`UID SEARCH ${search}`)).untagged, 'SEARCH'));
  const order = ORDERS[round % ORDERS.length] ?? ORDERS[0];
  const [kind = ''] = order.split(' ');
  sayings.noteNumbers(order, numbersIn((await client.must(`UID ${order}`)).untagged, kind));
}

/** Everything that a session says of INBOX while nobody changes it. */
async function everything(client: ImapClient): Promise<Sayings> {
  const sayings = new Sayings();
  for (const list of LISTS) sayings.note(list, (await client.must(`UID FETCH 1:* (${list})`)).untagged);
  for (let round = 0; round < SEARCHES.length; round += 1) await askNumbers(client, sayings, round);
  for (const command of THREADS) sayings.threads.set(command, (await client.must(`UID ${command}`)).untagged);
  return sayings;
}

/** Compares what is said of each message with its file, which BODY[] shows octet for octet. */
async function assertTrue(client: ImapClient, mail: VersionedMail): Promise<number> {
  const { untagged } = await client.must(`UID FETCH 1:* (UID RFC822.SIZE ENVELOPE ${FIELDS} BODY.PEEK[])`);
  let count = 0;
  for (const line of untagged) {
    const name = /^X-Name: (\S+)\r$/m.exec(line)?.[1];
    if (name === undefined) continue;
    const version = mail.named(name);
    assert.ok(line.includes(version.wire), `the body of ${name}`);
    assert.ok(line.includes(`RFC822.SIZE ${version.size} `), `the size of ${name}: ${line.slice(0, 200)}`);
    assert.ok(line.includes(`${fieldsOf(version)})`) || line.includes(fieldsOf(version)), `the fields of ${name}`);
    const subject = /^Subject: (a \w+ picture \d+)\r$/m.exec(version.wire)?.[1];
    if (subject !== undefined) assert.match(line, new RegExp(`ENVELOPE \\("[^"]*" "${subject}"`));
    count += 1;
  }
  return count;
}

function fieldsOf({ wire }: Version): string {
  const block = wire.slice(0, wire.indexOf('\r\n\r\n') + 2);
  const fields = block.match(/^(?:Subject|From|To|Date|Message-ID):.*\r\n(?:[ \t].*\r\n)*/gim) ?? [];
  return `${fields.join('')}\r\n`;
}

/** Puts a version of a message under the name that it has now, with a date in the past. */
function put(maildir: string, mail: VersionedMail, number: number, version: number): void {
  const { octets } = mail.restorable(number, version);
  const beside = join(maildir, 'tmp', `restored${number}`);
  writeFileSync(beside, octets);
  utimesSync(beside, 1_600_000_000, 1_600_000_000 + (version === 0 ? 0 : number % 2));
  const uniqueName = `1600000${String(number).padStart(3, '0')}.M${number}.mx`;
  const current = readdirSync(join(maildir, 'cur')).find((name) => name.startsWith(`${uniqueName}:`));
  renameSync(beside, join(maildir, 'cur', current ?? `${uniqueName}:2,`));
}

function fill(maildir: string, mail: VersionedMail): void {
  for (let number = 0; number < ORDINARY; number += 1) {
    writeFileSync(join(maildir, 'cur', `1500000${String(number).padStart(3, '0')}.M1.mx:2,`), mail.ordinary().octets);
  }
  for (let number = 0; number < RESTORED; number += 1) put(maildir, mail, number, 0);
}

/** What the log says when the servers have ended; logins and logouts left out. */
async function lastWords(servers: readonly OurServers[]): Promise<string> {
  for (const server of servers) await server.stop();
  const lines = servers.flatMap((server) => server.log().split('\n'));
  return lines.filter((line) => !/\b(?:Connection|LOGIN|LOGOUT|Disconnected), /.test(line)).join('\n');
}

test('speed: with a cache that is deleted and damaged under load, every answer stays right', async () => {
  const home = new TestHome('damaged-cache', { folders: ['.Other'] });
  const { maildir } = home;
  const cache = home.beside('cache');
  const mail = new VersionedMail();
  fill(maildir, mail);
  const vandal = new CacheVandal(cache);
  const servers: OurServers[] = [];
  const start = async (name: string, cacheDirectory: string): Promise<OurServers> => {
    const settings = { IMAP_CACHEDIR: cacheDirectory };
    const ours = await startOurs({ directory: home.directory(name), users: [home.user], settings });
    servers.push(ours);
    return ours;
  };
  const open = async (ours: OurServers): Promise<ImapClient> => {
    const client = await loginClient(ours.port, 'bob', PASSWORD, false);
    await client.must('SELECT INBOX');
    return client;
  };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      home.give();
      const ours = await start(`ours${round}`, cache);
      const clients = [await open(ours), await open(ours), await open(ours)];
      const sayings = new Sayings();
      const until = performance.now() + ROUND_SECONDS * 1000;
      await Promise.all([vandal.work(until), ...clients.map((client) => work(client, sayings, mail, until))]);

      // What is learnt now brings the files back, so that the next server finds something.
      await clients[0]?.must('APPEND INBOX', Buffer.from(mail.ordinary().wire, 'latin1'));
      const plain = await start(`plain${round}`, '');
      const truth = await everything(await open(plain));
      sayings.assertAs(truth);
      for (const client of [clients[0] ?? (await open(ours)), await open(ours)]) {
        await client.must('NOOP');
        (await everything(client)).assertSame(truth);
        assert.ok((await assertTrue(client, mail)) >= RESTORED);
      }
      assert.ok(sayings.count > 3 * (ORDINARY + RESTORED), `only ${sayings.count} answers were looked at`);
      await plain.stop();
      await ours.stop();
      assert.ok(vandal.files().length > 0, 'no cache was kept');
      vandal.scratch(SCRATCHES);
      assert.doesNotMatch(`${ours.log()}${plain.log()}`, /TypeError|RangeError|SERVERBUG|died/);
      for (let number = round; number < RESTORED; number += 2) put(maildir, mail, number, round + 1);
    }
    assert.ok(vandal.deeds > 20, `only ${vandal.deeds} times was the cache damaged`);
  } catch (error) {
    throw new Error(`${String(error)}\n${await lastWords(servers)}`, { cause: error });
  } finally {
    for (const server of servers) await server.stop();
    home.remove();
  }
});

test('speed: without the directory of their user, workers answer right and tell of it once; the next ones have it again', async () => {
  const home = new TestHome('no-cache');
  const cache = home.beside('cache');
  const mail = new VersionedMail();
  fill(home.maildir, mail);
  home.give();
  const settings = { IMAP_CACHEDIR: cache };
  const kept = new CacheVandal(cache);
  const serve = async (name: string, run: (client: ImapClient, ours: OurServers) => Promise<void>): Promise<string> => {
    const ours = await startOurs({ directory: home.directory(name), users: [home.user], settings });
    try {
      const client = await loginClient(ours.port, 'bob', PASSWORD, false);
      await client.must('SELECT INBOX');
      await run(client, ours);
    } finally {
      await ours.stop();
    }
    return ours.log();
  };
  try {
    const log = await serve('first', async (client, ours) => {
      await everything(client);
      await waitUntil('something is kept', () => kept.files().length > 0);
      rmSync(join(cache, String(mailIds().uid)), { recursive: true });
      const before = await everything(client);
      assert.ok((await assertTrue(client, mail)) >= RESTORED);
      for (let number = 0; number < 3; number += 1) {
        await client.must('APPEND INBOX', Buffer.from(mail.ordinary().wire, 'latin1'));
        await everything(client);
      }
      if (process.getuid?.() === 0) await waitUntil('it is told', () => ours.log().includes('of no use at present'));
      before.assertAs(await everything(client));
    });
    assert.ok(log.split('of no use at present').length <= 2, log);
    assert.doesNotMatch(log, /TypeError|RangeError|SERVERBUG|died/);

    const again = await serve('second', async (client) => {
      (await everything(client)).assertSame(await everything(client));
      await waitUntil('it is kept again', () => kept.files().length > 0);
    });
    assert.doesNotMatch(again, /of no use at present/);
  } finally {
    home.remove();
  }
});
