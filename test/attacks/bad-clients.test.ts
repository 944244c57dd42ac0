/**
 * Clients that send too much, read nothing, or vanish, and what they wait for vanishing (attacks 23, 24, 38, 52, 63, 71):
 * others are served meanwhile, and nothing is left behind.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loginClient, openClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { untilAtRest } from '../support/processor-line.js';
import { assertShort, attacked, deliver, othersWaiting, type RawClient, rawLogin } from './attacked.js';

test('attack 23: 100,000 NOOPs in one write are answered in order, and others do not wait for them', async () => {
  await attacked({}, async ({ ours }) => {
    const client = await rawLogin(ours.port, 'alice');
    const waiting = await othersWaiting(ours, 'bob', async () => {
      client.send(Array.from({ length: 100_000 }, (_, number) => `n${number} NOOP\r\n`).join(''));
      const answers = (await client.until(/n99999 .*\r\n/, 120)).trimEnd().split('\r\n');
      assert.equal(answers.length, 100_000);
      assert.ok(answers.every((answer, number) => answer.startsWith(`n${number} OK `)));
    });
    assertShort(waiting);
    client.close();
  });
});

test('attack 24: clients that ask for 300 MB and read nothing cost no memory, plain and in TLS', async () => {
  const body = `Subject: big\n\n${`${'x'.repeat(76)}\n`.repeat(800_000)}`;
  const prepare = (maildir: (name: string) => string): void => deliver(maildir('bob'), 5, body);
  await attacked({ prepare }, async ({ ours, memory, assertAlive, descriptors, pids }) => {
    await assertAlive();
    const before = memory('imapd');
    const clients: RawClient[] = [];
    for (let number = 0; number < 10; number += 1) {
      const client = await (number % 2 === 0 ? rawLogin(ours.port, 'bob') : rawLogin(ours.tlsPort, 'bob', 'TLS'));
      client.send('s SELECT INBOX\r\n');
      await client.until(/s OK.*\r\n/);
      client.socket.pause();
      client.send('f FETCH 1:* BODY.PEEK[]\r\n');
      clients.push(client);
    }
    await untilAtRest(() => pids(''));
    const grown = memory('imapd') - before;
    assert.ok(grown < 60_000, `${grown} KiB for ten clients`);
    await assertAlive();
    for (const client of clients) client.close();
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
  });
});

test('attack 38: clients that vanish in a literal, in IDLE and in FETCH leave neither descriptors nor files', async () => {
  const prepare = (maildir: (name: string) => string): void =>
    deliver(maildir('bob'), 200, Buffer.alloc(100_000, 'x\n'));
  await attacked({ prepare }, async ({ ours, maildir, assertAlive, descriptors, pids }) => {
    await assertAlive();
    const warm = await loginClient(ours.port, 'bob', PASSWORD, false);
    await warm.must('SELECT INBOX');
    const clients: RawClient[] = [];
    const begin = async (commands: string, until: string): Promise<void> => {
      const client = await rawLogin(ours.port, 'bob');
      client.send(commands);
      await client.until(until);
      clients.push(client);
    };
    const before = pids('').length;
    for (let number = 0; number < 10; number += 1) {
      await begin('a APPEND INBOX {52428800}\r\n', '+ ');
      clients.at(-1)?.send(Buffer.alloc(1_048_576, 'x'));
      await begin('a SELECT INBOX\r\nb IDLE\r\n', '+ ');
      await begin('a SELECT INBOX\r\nb FETCH 1:* BODY.PEEK[]\r\n', '* 1 FETCH');
    }
    await waitUntil('messages are being received', () => readdirSync(join(maildir('bob'), 'tmp')).length === 10);
    for (const client of clients) client.socket.resetAndDestroy();
    await waitUntil('tmp is empty', () => readdirSync(join(maildir('bob'), 'tmp')).length === 0);
    await waitUntil('all descriptors but that of one client are closed', () => descriptors() === 1);
    // One more worker may have been started for the crowd.
    assert.ok(pids('').length - before <= 3);
    assert.match((await warm.must('STATUS INBOX (MESSAGES)')).untagged.join(), /MESSAGES 203\)/);
    warm.close();
    await assertAlive();
  });
});

test('attack 52: a parent with 500 children is renamed while a child is selected', async () => {
  await attacked({}, async ({ ours }) => {
    const client = await loginClient(ours.port, 'bob', PASSWORD, false);
    for (let number = 0; number < 500; number += 1) await client.must(`CREATE INBOX.p.c${number}`);
    for (let number = 0; number < 50; number += 1) await client.must(`SUBSCRIBE INBOX.p.c${number}`);
    const other = await loginClient(ours.port, 'bob', PASSWORD, false);
    await other.must('SELECT INBOX.p.c7');
    assertShort(await othersWaiting(ours, 'alice', async () => void (await client.must('RENAME INBOX.p INBOX.q'))));
    assert.match((await other.send('NOOP')).untagged.join(), /\* BYE \[NONEXISTENT\]/);
    assert.equal((await client.must('LIST "" "INBOX.q.*"')).untagged.length, 500);
    assert.equal((await client.must('LIST "" "INBOX.p*"')).untagged.length, 0);
    assert.equal((await client.must('LSUB "" "INBOX.q.*"')).untagged.length, 50);
    client.close();
  });
});

test('attack 63, 71: without authdaemond a login is a temporary failure, and good again when it is back', async () => {
  await attacked({}, async ({ ours, assertAlive }) => {
    await assertAlive();
    const session = await loginClient(ours.port, 'bob', PASSWORD, false);
    ours.authdaemond.kill('SIGSTOP');
    const waiting = await openClient(ours.port, false);
    const answer = waiting.send(`LOGIN bob ${PASSWORD}`);
    await delay(200);
    ours.authdaemond.kill('SIGCONT');
    assert.equal((await answer).status, 'OK', 'a slow back end is waited for');
    ours.authdaemond.kill('SIGKILL');
    await waitUntil('it is gone', () => ours.authdaemond.signalCode !== null);
    for (const port of [ours.port, ours.tlsPort]) {
      const client = await openClient(port, port === ours.tlsPort);
      const said = await client.send(`LOGIN bob ${PASSWORD}`).then(
        ({ text, untagged }) => text + untagged.join(),
        async () => '',
      );
      assert.doesNotMatch(said, /AUTHENTICATIONFAILED|socket|\//);
      client.close();
    }
    assert.match(ours.log(), /authentication error/);
    assert.doesNotMatch(ours.log(), /LOGIN FAILED/);
    await session.must('NOOP');
    session.close();
    waiting.close();
  });
});
