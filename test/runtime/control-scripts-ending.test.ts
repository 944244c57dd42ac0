/**
 * The control scripts of init/ while a server is on its way out, because its keeper was killed or somebody has told it to
 * end: start means that a server is there afterwards, and stays; stop, that nothing listens any more.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { processTree, waitUntil } from '../support/processes.js';
import { answers, processesOf, type ScriptSite, SILENCE, withSite } from '../support/script-site.js';
import { isAlive } from '../support/start.js';

function keeperOf({ directory }: ScriptSite, file: string): number {
  return Number(readFileSync(join(directory, file), 'utf8'));
}

/** A client that does not close when the server does: the server waits for it a while. */
async function clingingClient(port: number): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined).resume();
  await once(client, 'data');
  return client;
}

/** Waits until a server that was told to end has done so, and says that its successor is there. */
async function staysOpen(old: readonly number[], port: number): Promise<void> {
  await waitUntil('the old server has ended', () => !old.some(isAlive), 30);
  assert.equal(await answers(port), true);
}

for (const name of ['imapd', 'pop3d'] as const) {
  test(`K3: ${name}.rc start, with the keeper killed a moment before: a new server is there, and stays`, async () => {
    await withSite(async (site) => {
      const port = site.ports[name];
      assert.deepEqual(site.run(`${name}.rc`, 'start'), SILENCE);
      const keeper = keeperOf(site, `run/${name}.pid`);
      const family = processTree([keeper]);
      const client = await clingingClient(port);

      process.kill(keeper, 'SIGKILL');
      assert.deepEqual(site.run(`${name}.rc`, 'start'), SILENCE);

      await staysOpen(family, port);
      assert.equal(isAlive(keeperOf(site, `run/${name}.pid`)), true);
      client.destroy();
    });
  });
}

test('K3: imapd-ssl.rc start while imapd ends: both keepers are gone, and a new server opens its ports', async () => {
  await withSite(async (site) => {
    const { ports, run } = site;
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    const [keeper = 0, daemon = 0, ...others] = processTree([keeperOf(site, 'run/imapd.pid')]);
    const client = await clingingClient(ports.imapd);

    process.kill(daemon, 'SIGTERM');
    assert.deepEqual(run('imapd-ssl.rc', 'start'), SILENCE);

    await staysOpen([keeper, daemon, ...others], ports['imapd-ssl']);
    assert.equal(await answers(ports.imapd), false);
    client.destroy();
  });
});

test('K3: stop, with the keeper killed a moment before, returns when the server is gone', async () => {
  await withSite(async (site) => {
    const { directory, ports, run } = site;
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    const client = await clingingClient(ports.imapd);

    process.kill(keeperOf(site, 'run/imapd.pid'), 'SIGKILL');
    assert.deepEqual(run('imapd.rc', 'stop'), SILENCE);

    assert.equal(await answers(ports.imapd), false);
    await waitUntil('nothing is left', () => processesOf(directory).length === 0);
    client.destroy();
  });
});

test('T1: imapd-ssl.rc stop returns when nothing listens, and restart works, however busy the login processes are', async () => {
  await withSite(async (site) => {
    const { ports, run } = site;
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    assert.deepEqual(run('imapd-ssl.rc', 'start'), SILENCE);
    const logins = Array.from(run('imapd.rc', 'status').stdout.matchAll(/^login pid=(\d+)/gm), ([, pid]) =>
      Number(pid),
    );
    assert.ok(logins.length > 0);
    const halt = (): void => {
      for (const pid of logins) process.kill(pid, 'SIGSTOP');
      spawn('/bin/sh', ['-c', `sleep 2; kill -CONT ${logins.join(' ')}`], { stdio: 'ignore' });
    };

    halt();
    assert.deepEqual(run('imapd-ssl.rc', 'stop'), SILENCE);
    assert.equal(await answers(ports['imapd-ssl']), false);

    assert.deepEqual(run('imapd-ssl.rc', 'start'), SILENCE);
    halt();
    assert.deepEqual(run('imapd-ssl.rc', 'restart'), SILENCE);
    assert.equal(await answers(ports['imapd-ssl']), true);
  });
});

test('K3: authdaemond start and stop, with the keeper killed a moment before', async () => {
  await withSite(async (site) => {
    const { directory, run } = site;
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);
    const first = processTree([keeperOf(site, 'authdaemon/pid')]);

    process.kill(first[0] ?? 0, 'SIGKILL');
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);

    await waitUntil('the old daemon has ended', () => !first.some(isAlive), 30);
    assert.equal(run('authdaemond', 'status').status, 0);
    assert.equal(await isAnswered(directory), true);

    process.kill(keeperOf(site, 'authdaemon/pid'), 'SIGKILL');
    assert.deepEqual(run('authdaemond', 'stop'), SILENCE);
    assert.equal(await isAnswered(directory), false);
  });
});

test('K3: authdaemond start while the daemon ends: a new one is there, and stays', async () => {
  await withSite(async (site) => {
    const { directory, run } = site;
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);
    const old = processTree([keeperOf(site, 'authdaemon/pid')]);
    // A request that is never whole: the daemon gives it some seconds.
    const caller = connect(join(directory, 'authdaemon', 'socket')).on('error', () => undefined);
    caller.write('AUTH 1');
    await once(caller, 'connect');

    process.kill(old[0] ?? 0, 'SIGTERM');
    await waitUntil('it ends', async () => !(await isAnswered(directory)));
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);

    await waitUntil('the old daemon has ended', () => !old.some(isAlive), 30);
    assert.equal(await isAnswered(directory), true);
    caller.destroy();
  });
});

function isAnswered(directory: string): Promise<boolean> {
  return new Promise((resolve) => {
    const caller = connect(join(directory, 'authdaemon', 'socket'));
    caller.once('connect', () => resolve(true)).once('error', () => resolve(false));
    caller.once('connect', () => caller.destroy());
  });
}
