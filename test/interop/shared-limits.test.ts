/** Two servers that share their limits by a real Redis (Y3). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attacked, logged, RawClient, rawLogin } from '../attacks/attacked.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { findProgram, freePort, mustRun, waitForPort, waitUntil } from '../support/processes.js';
import type { OurServers } from '../support/start.js';

/** Tries to log in, and gives the tagged answer; whoever is in stays in. */
async function tryLogin(
  ours: OurServers,
  name: string,
  password = PASSWORD,
): Promise<{ text: string; client: RawClient }> {
  const client = new RawClient(ours.port);
  await client.until(/^\* OK .*\r\n/);
  client.send(`a LOGIN ${name} ${password}\r\n`);
  return { text: await client.until(/a (OK|NO) .*\r\n/), client };
}

async function isLetIn(ours: OurServers, name: string): Promise<boolean> {
  const { text, client } = await tryLogin(ours, name);
  client.close();
  return text.startsWith('a OK');
}

test('Y3: a limit holds across two servers, a failure on one counts on the other, and no login waits for Redis', async () => {
  const port = await freePort();
  const settings = { MAXPERACCOUNT: '3', LIMITS_REDIS: `redis://127.0.0.1:${port}`, IMAP_LOGIN_DELAY: '1' };
  await attacked({ settings }, async ({ ours: one, directory }) => {
    const place = join(directory, 'redis');
    mkdirSync(place);
    const start = (): ChildProcess => {
      const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', place, '--save', ''];
      return spawn(findProgram('/usr/bin/redis-server'), options, { stdio: 'ignore' });
    };
    // Each counts for itself until then.
    await logged(one, /LIMITS_REDIS: .*; each server counts for itself meanwhile/);
    assert.ok(await isLetIn(one, 'bob'));
    const redis = start();
    const ended = new Promise((resolve) => redis.once('close', resolve));
    try {
      await waitForPort(port);
      await attacked({ settings }, async ({ ours: two }) => {
        const sessions = [await rawLogin(one.port, 'bob'), await rawLogin(one.tlsPort, 'bob', 'TLS')];
        sessions.push(await rawLogin(two.port, 'bob'));
        await waitUntil('both know of three', async () => !(await isLetIn(one, 'bob')) && !(await isLetIn(two, 'bob')));
        const { text, client } = await tryLogin(two, 'bob');
        assert.match(text, /^a NO \[LIMIT\] Too many sessions of this account from your address: the limit is 3 /);
        client.close();
        assert.ok(await isLetIn(two, 'alice'));
        sessions[0]?.close();
        await waitUntil('the second has heard that there is room', async () => await isLetIn(two, 'bob'));

        (await tryLogin(one, 'carol', 'wrong')).client.close();
        const list = [join(programs, 'imapd'), '--control', 'penalty', 'list'];
        const environment = { COURIER_CONFDIR: two.configuration };
        await waitUntil('the second knows of the failure', async () =>
          (await mustRun(list, { environment })).includes('address=127.0.0.1 failures=1 names=1'),
        );
        redis.kill('SIGKILL');
        await ended;
        assert.ok(await isLetIn(two, 'alice'));
        for (const each of sessions) each.close();
      });
    } finally {
      redis.kill('SIGKILL');
    }
  });
});
