/**
 * The control scripts of init/ where something is in the way: pid files that were left behind, a port that another program
 * has, a server that somebody else started. And all of them together at boot.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { programs } from '../support/paths.js';
import { run as runProgram, waitUntil } from '../support/processes.js';
import { answers, closed, processesOf, SILENCE, withSite } from '../support/script-site.js';
import { isAlive } from '../support/start.js';

async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}

test('K3: each word twice, for imapd and its ports in TLS', async () => {
  await withSite(async ({ directory, ports, run }) => {
    const scripts = ['imapd.rc', 'imapd-ssl.rc'];
    for (const word of ['start', 'start', 'reload', 'reload', 'restart', 'restart'])
      for (const script of scripts) assert.deepEqual(run(script, word), SILENCE, `${script} ${word}`);
    for (const script of scripts) assert.equal(run(script, 'status').status, 0);
    assert.deepEqual([await answers(ports.imapd), await answers(ports['imapd-ssl'])], [true, true]);

    for (const script of scripts) for (const word of ['stop', 'stop']) assert.deepEqual(run(script, word), SILENCE);

    for (const script of scripts) assert.equal(run(script, 'status').status, 3);
    assert.deepEqual(processesOf(directory), []);
    assert.equal(run('imapd.rc', 'reload').status, 1);
    assert.equal(run('imapd.rc', 'dance').status, 64);
  });
});

test('K3: a pid file that was left behind, or names another program, or nothing, is no server of ours', async () => {
  await withSite(async ({ directory, ports, run }) => {
    const other = spawn('/bin/sleep', ['60'], {
      argv0: 'sh /nowhere/keeper /nowhere/imapd.pid /nowhere/ftpd',
      stdio: 'ignore',
    });
    const pidFile = join(directory, 'run', 'imapd.pid');
    mkdirSync(join(directory, 'run'));
    for (const content of ['999999\n', `${other.pid}\n`, 'not a number\n', '-1\n', '1\n', '']) {
      writeFileSync(pidFile, content);
      assert.deepEqual(run('imapd.rc', 'stop'), SILENCE, `stop with ${JSON.stringify(content)}`);
      assert.equal(existsSync(pidFile), false);
    }
    writeFileSync(pidFile, `${other.pid}\n`);
    assert.equal(run('imapd.rc', 'status').status, 3);
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    assert.equal(await answers(ports.imapd), true);
    assert.equal(isAlive(Number(readFileSync(pidFile, 'utf8'))), true);
    assert.equal(other.exitCode ?? other.signalCode, null);
    await stopped(other);
  });
});

test('K5: a port that another program has is named, and so is the program; nothing of ours stays', async () => {
  await withSite(async ({ directory, ports, run }) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports['imapd-ssl'], '127.0.0.1', resolve));
    const owner = new RegExp(
      `port 127\\.0\\.0\\.1\\.${ports['imapd-ssl']} cannot be opened: .* \\(pid ${process.pid}\\)`,
    );

    const refused = run('imapd-ssl.rc', 'start');
    assert.deepEqual([refused.status, owner.test(refused.stderr)], [1, true], refused.stderr);
    assert.deepEqual(processesOf(directory), []);

    // The same for a server that runs already: it goes on.
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    const alsoRefused = run('imapd-ssl.rc', 'start');
    assert.deepEqual([alsoRefused.status, owner.test(alsoRefused.stderr)], [1, true], alsoRefused.stderr);
    assert.equal(run('imapd-ssl.rc', 'status').status, 3);
    assert.equal(await answers(ports.imapd), true);
    await new Promise((resolve) => other.close(resolve));
  });
});

test('a server that somebody else started is told to open ports, and stopped by nobody else', async () => {
  await withSite(async ({ directory, ports, run }) => {
    const environment = { ...process.env, COURIER_CONFDIR: directory };
    const imapd = join(programs, 'imapd');
    const server = spawn(imapd, ['--open', 'imapd'], { env: environment, stdio: 'ignore' });
    const status = () => runProgram([imapd, '--control', 'status'], { environment: { COURIER_CONFDIR: directory } });
    await waitUntil('it is ready', async () => (await status()).stdout.startsWith('ready'));

    assert.deepEqual(run('imapd-ssl.rc', 'start'), SILENCE);
    assert.equal(await answers(ports['imapd-ssl']), true);
    const refused = run('imapd.rc', 'stop');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /imapd runs, and was not started by this script/);
    assert.equal(await answers(ports.imapd), true);
    await stopped(server);
  });
});

test('K6: a reload that is asked for while the server starts happens when it has started', async () => {
  await withSite(async ({ directory, ports, write }) => {
    const log = join(directory, 'log');
    write('imapd', { LOGTO: log });
    const environment = { ...process.env, COURIER_CONFDIR: directory };
    const server = spawn(join(programs, 'imapd'), ['--open', 'imapd'], { env: environment, stdio: 'ignore' });
    await waitUntil('it has begun', () => existsSync(join(directory, 'run', 'imapd.control')));
    server.kill('SIGHUP');

    await waitUntil('it has read again', () => /started: (.*\n)*.*settings read again/.test(readFileSync(log, 'utf8')));
    assert.equal(await answers(ports.imapd), true);
    await stopped(server);
  });
});

test('K3: at boot everything is started whose flag says YES', async () => {
  await withSite(async ({ directory, ports, run, write }) => {
    write('imapd', { IMAPDSTART: 'NO' });
    write('pop3d-ssl', { POP3DSSLSTART: 'NO' });
    const open = () => Promise.all(Object.values(ports).map((port) => answers(port)));

    for (const word of ['start', 'start', 'reload']) assert.deepEqual(run('boot', word), SILENCE, word);

    assert.deepEqual(await open(), [false, true, true, false]);
    assert.equal(run('boot', 'status').status, 0);
    assert.deepEqual(run('boot', 'stop'), SILENCE);
    assert.equal(await closed(ports['imapd-ssl']), true);
    assert.deepEqual([...(await open()), run('boot', 'status').status !== 0], [false, false, false, false, true]);
    assert.deepEqual(processesOf(directory), []);
  });
});

test('K6: ports that have changed are opened by a reload, others stay open, and one that cannot be had changes nothing', async () => {
  await withSite(async ({ directory, ports, run, write }) => {
    const log = join(directory, 'log');
    write('imapd', { LOGTO: log });
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    const [kept, added] = [ports.imapd, ports.pop3d];
    write('imapd', { PORT: `127.0.0.1.${kept},127.0.0.1.${added}`, LOGTO: log });
    assert.deepEqual(run('imapd.rc', 'reload'), SILENCE);
    assert.deepEqual([await answers(kept), await answers(added)], [true, true]);

    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports['pop3d-ssl'], '127.0.0.1', resolve));
    write('imapd', { PORT: `127.0.0.1.${ports['pop3d-ssl']}`, LOGTO: log });
    const refused = run('imapd.rc', 'reload');
    assert.deepEqual([refused.status, /cannot be opened/.test(refused.stderr)], [1, true], refused.stderr);
    assert.deepEqual([await answers(kept), await answers(added)], [true, true]);
    await new Promise((resolve) => other.close(resolve));

    write('imapd', { PORT: `127.0.0.1.${added}`, LOGTO: log, IMAP_LOGIN_PROCESSES: '1', LOGINUSER: 'daemon' });
    assert.deepEqual(run('imapd.rc', 'reload'), SILENCE);
    const later = /a change takes effect at the next start: LOGINUSER, the number of login processes$/m;
    assert.match(readFileSync(log, 'utf8'), later);
    assert.deepEqual([await closed(kept), await answers(added)], [true, true]);
  });
});
