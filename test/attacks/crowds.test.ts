/** Hundreds of sessions at once (attacks 37, 86, 88): each is told what happens, to the last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImapClient, loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { blamedMilliseconds } from '../support/processor-line.js';
import {
  type Attacked,
  assertLoopsFree,
  assertShort,
  attacked,
  deliver,
  forgetDelays,
  othersWaiting,
  type RawClient,
  rawLogin,
} from './attacked.js';

/** Nothing that is waited for takes so long, but on a machine with much else to do. */
const MOST_SECONDS = 120;

async function crowd(server: Attacked, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let number = 0; number < count; number += 1) {
    const client = await rawLogin(server.ours.port, 'bob');
    client.send('s SELECT INBOX\r\n');
    clients.push(client);
  }
  for (const client of clients) await client.until(/s OK.*\r\n/, MOST_SECONDS);
  return clients;
}

test('attack 37: 200 sessions are told what one does to 5,000 messages, and another account does not wait', async () => {
  const prepare = (maildir: (name: string) => string): void => deliver(maildir('bob'), 5_000, 'Subject: m\n\nbody\n');
  await attacked({ prepare }, async (server) => {
    const { ours, memory } = server;
    const clients = await crowd(server, 200);
    const before = memory('mail worker');
    const idling = clients.slice(100);
    for (const client of idling) client.send('i IDLE\r\n');
    for (const client of idling) await client.until('+ ');
    const one = await loginClient(ours.port, 'bob', PASSWORD, false);
    await one.must('SELECT INBOX');
    await forgetDelays(ours);
    const waiting = await othersWaiting(ours, 'alice', async () => {
      for (const sign of ['+', '-', '+']) await one.must(`STORE 1:* ${sign}FLAGS.SILENT (\\Flagged)`);
      for (const client of clients.slice(0, 100)) client.send('n NOOP\r\n');
      for (const client of clients.slice(0, 100)) {
        const told = await client.until(/n OK.*\r\n/, MOST_SECONDS);
        assert.equal(told.match(/^\* \d+ FETCH \(FLAGS \(.*\\Flagged/gm)?.length, 5_003);
      }
      const knowsLast = ({ received }: RawClient): boolean => {
        const at = received.lastIndexOf('* 5003 FETCH');
        return at >= 0 && received.startsWith('* 5003 FETCH (FLAGS (\\Flagged', at);
      };
      await waitUntil('all that idle know the last state', () => idling.every(knowsLast), MOST_SECONDS);
    });
    assertShort(waiting);
    await assertLoopsFree(ours, waiting);
    const grown = memory('mail worker') - before;
    assert.ok(grown < 150_000, `${grown} KiB more`);
    for (const client of clients) client.close();
    one.close();
  });
});

test('attack 86, 88: 500 sessions are served; SIGTERM says BYE to all of them, and ends in time', async () => {
  await attacked({}, async ({ ours, assertAlive, pids }) => {
    const clients: RawClient[] = [];
    for (let number = 0; number < 400; number += 1) {
      clients.push(await rawLogin(ours.port, number % 2 === 0 ? 'alice' : 'bob'));
    }
    for (const client of clients.slice(0, 50)) client.send('s SELECT INBOX\r\ni IDLE\r\n');
    for (const client of clients.slice(50, 60)) client.send('a APPEND INBOX {1000}\r\nhalf');
    const secure: ImapClient[] = [];
    for (let number = 0; number < 100; number += 1) secure.push(await loginClient(ours.tlsPort, 'bob', PASSWORD, true));
    await assertAlive();
    const family = pids('');
    const ended = blamedMilliseconds(
      () => pids(''),
      async () => {
        ours.imapd.kill('SIGTERM');
        for (const client of clients) assert.match(await client.untilClosed(MOST_SECONDS), /\* BYE /);
        for (const client of secure) assert.match(await client.response(), /^\* BYE /);
        await waitUntil('the supervisor has ended', () => ours.imapd.exitCode !== null, MOST_SECONDS);
      },
    );
    assert.ok((await ended) < 12_000);
    assert.ok(family.length >= 4);
  });
});
