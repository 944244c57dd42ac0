/**
 * Many at once on one maildir: two of our servers, Debian's Courier, a delivery loop, and somebody who renames and moves
 * files by hand. No message is lost, doubled or half-seen, and all agree on every UID.
 */
import assert from 'node:assert/strict';
import { chownSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ImapClient, loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { courierTarget, mailIds } from '../support/peer-targets.js';
import { startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

const SECONDS = 20;
const DELIVERIES_PER_SECOND = 100;
const MOVES_PER_SECOND = 40;
const LOOKS_PER_SECOND = 25;

/** What all sessions together have been told about INBOX. */
class Witness {
  readonly #subjects = new Map<number, string>();
  readonly faults: string[] = [];

  note(who: string, untagged: readonly string[]): void {
    for (const response of untagged) {
      const uid = Number(/UID (\d+)/.exec(response)?.[1] ?? 0);
      const subject = /^Subject: (.*?)\r?$/m.exec(response)?.[1];
      if (uid === 0 || subject === undefined) continue;
      // Courier's stand-in for a message whose file was moved away a moment ago.
      if (who === 'Courier' && subject === 'message unavailable') continue;
      const known = this.#subjects.get(uid) ?? subject;
      if (known !== subject) this.faults.push(`${who}: UID ${uid} is ${subject}, and was ${known}`);
      this.#subjects.set(uid, subject);
    }
  }
}

/** Looks for new mail, reads it, and marks old mail, until the time is over. Vanished mail may be refused. */
async function work(who: string, client: ImapClient, witness: Witness, until: number): Promise<void> {
  let next = 1;
  await client.must('SELECT INBOX');
  while (performance.now() < until) {
    await client.must('NOOP');
    const { untagged } = await client.send(`UID FETCH ${next}:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])`);
    witness.note(who, untagged);
    const uids = untagged.map((response) => Number(/UID (\d+)/.exec(response)?.[1] ?? 0));
    next = Math.max(next, ...uids.map((uid) => uid + 1));
    if (next > 3) {
      await client.send(`UID STORE ${1 + Math.floor(Math.random() * (next - 1))} +FLAGS (\\Seen)`);
      const read = await client.send(`UID FETCH ${1 + Math.floor(Math.random() * (next - 1))} (UID BODY.PEEK[])`);
      witness.note(who, read.untagged);
    }
    await delay(1000 / LOOKS_PER_SECOND);
  }
  await client.send('LOGOUT');
  client.close();
}

/** A delivery agent: tmp, then new. @returns how many were delivered. */
async function deliver(maildir: string, until: number): Promise<number> {
  const { uid, gid } = mailIds();
  let number = 0;
  while (performance.now() < until) {
    number += 1;
    const name = `${Math.floor(Date.now() / 1000)}.P${process.pid}Q${number}.mx`;
    writeFileSync(join(maildir, 'tmp', name), `Subject: number ${number}\n\nText of ${number}.\n`);
    if (process.getuid?.() === 0) chownSync(join(maildir, 'tmp', name), uid, gid);
    renameSync(join(maildir, 'tmp', name), join(maildir, 'new', name));
    await delay(1000 / DELIVERIES_PER_SECOND);
  }
  return number;
}

/** Flags some messages by hand and moves others to another folder. */
async function meddle(maildir: string, until: number): Promise<void> {
  for (let round = 0; performance.now() < until; round += 1) {
    const names = readdirSync(join(maildir, 'cur'));
    const name = names[Math.floor(Math.random() * names.length)];
    if (name !== undefined) {
      const [unique = '', flags = ''] = name.split(':2,');
      const flagged = `${unique}:2,${[...new Set([...flags, 'F'])].sort().join('')}`;
      const target = round % 5 === 0 ? join(maildir, '.Other', 'cur', name) : join(maildir, 'cur', flagged);
      try {
        renameSync(join(maildir, 'cur', name), target);
      } catch (error) {
        // Somebody else has renamed it between.
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
      }
    }
    await delay(1000 / MOVES_PER_SECOND);
  }
}

/** Everything in a mailbox: UID to subject. */
async function view(client: ImapClient, mailbox: string): Promise<Map<number, string>> {
  await client.must(`EXAMINE ${mailbox}`);
  const { untagged } = await client.must('UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])');
  const entries = untagged.map((response): [number, string] => [
    Number(/UID (\d+)/.exec(response)?.[1] ?? 0),
    /^Subject: (.*?)\r?$/m.exec(response)?.[1] ?? '',
  ]);
  return new Map(entries.filter(([uid, subject]) => uid > 0 && subject !== ''));
}

test('M2, attack 60 to 62: two of our servers, Courier, deliveries and a mover share a maildir', {
  timeout: 400_000,
}, async () => {
  const home = new TestHome('shared', { folders: ['.Other'] });
  const { maildir } = home;
  const start = (name: string) => startOurs({ directory: home.directory(name), users: [home.user] });
  const servers = [await start('one'), await start('two')];
  const courier = await courierTarget({ maildir, settings: {}, options: {} });
  const openCourier = async () => new ImapClient(await courier.connect(1, { loggedIn: true, plain: false }));
  const openAll = async (): Promise<[string, ImapClient][]> => [
    ['one', await loginClient(servers[0]?.port ?? 0, 'bob', PASSWORD, false)],
    ['one over TLS', await loginClient(servers[0]?.tlsPort ?? 0, 'bob', PASSWORD, true)],
    ['two', await loginClient(servers[1]?.port ?? 0, 'bob', PASSWORD, false)],
    ['Courier', await openCourier()],
  ];
  try {
    const witness = new Witness();
    const clients = await openAll();
    const until = performance.now() + SECONDS * 1000;
    const working = clients.map(([who, client]) => work(who, client, witness, until));
    const [delivered] = await Promise.all([deliver(maildir, until), meddle(maildir, until), ...working]);

    const views = [];
    for (const [who, client] of await openAll()) {
      views.push({ who, inbox: await view(client, 'INBOX'), other: await view(client, 'INBOX.Other') });
      await client.send('LOGOUT');
      client.close();
    }
    assert.deepEqual(witness.faults, []);
    for (const { who, inbox, other } of views) {
      assert.deepEqual([...inbox], [...(views[0]?.inbox ?? [])], `${who} sees another INBOX`);
      const subjects = [...inbox.values(), ...other.values()].sort();
      const expected = Array.from({ length: delivered }, (_, number) => `number ${number + 1}`).sort();
      assert.deepEqual(subjects, expected, `${who} does not see every message once`);
    }
  } finally {
    await courier.close();
    for (const server of servers) await server.stop();
    home.remove();
  }
});
