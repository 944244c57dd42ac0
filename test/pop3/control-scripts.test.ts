/**
 * pop3d.rc and pop3d-ssl.rc beside imapd.rc: two servers that come and go each by itself (P10).
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot, programs, searchPath } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { loginPop3 } from '../support/pop3-client.js';
import { freePort, run, waitUntil } from '../support/processes.js';
import { addPop3Settings, makeConfiguration } from '../support/start.js';
import { controlScript } from '../support/start-scripts.js';

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('P10: IMAP is up and POP off, and the other way round; each script may be called twice', async () => {
  const scratch = scratchDirectory('pop3-scripts');
  const home = join(scratch.path, 'bob');
  mkdirSync(home);
  copyMaildir('three-messages', join(home, 'Maildir'));
  giveToMailUser(home);
  const ports = { imap: await freePort(), imaps: await freePort(), pop3: await freePort(), pop3s: await freePort() };
  const options = { directory: scratch.path, users: [{ name: 'bob', home }] };
  const configuration = await makeConfiguration({ ...options, port: ports.imap, tlsPort: ports.imaps });
  addPop3Settings(options, { configuration, ports: [ports.pop3, ports.pop3s] });
  const script = (name: string, word: string) => controlScript(name, word, configuration);
  const status = (name: string) => {
    const environment = { COURIER_CONFDIR: configuration, ANGARIUM_PROGRAMS: programs, PATH: searchPath };
    return run(['/bin/sh', join(checkoutRoot, 'init', name), 'status'], { environment });
  };
  const pidFile = join(scratch.path, 'run', 'pop3d.pid');

  try {
    await script('authdaemond', 'start');
    await script('imapd.rc', 'start');
    assert.equal(await isOpen(ports.pop3), false);
    assert.equal((await status('pop3d.rc')).exitCode, 3);

    for (const _twice of [1, 2]) await script('pop3d.rc', 'start');
    const client = await loginPop3(ports.pop3, 'bob', PASSWORD, false);
    assert.equal((await client.must('STAT')).status, '+OK 3 682');
    assert.equal(await isOpen(ports.pop3s), false);
    assert.equal((await status('pop3d.rc')).exitCode, 0);
    assert.equal((await status('pop3d-ssl.rc')).exitCode, 3);

    await script('pop3d-ssl.rc', 'start');
    await (await loginPop3(ports.pop3s, 'bob', PASSWORD)).must('QUIT');
    await script('pop3d.rc', 'stop');
    assert.equal(await isOpen(ports.pop3), false);
    assert.equal((await client.must('STAT')).status, '+OK 3 682');

    const keeper = Number(readFileSync(join(scratch.path, 'run', 'pop3d-ssl.pid'), 'utf8'));
    await script('imapd.rc', 'stop');
    await script('pop3d-ssl.rc', 'restart');
    assert.notEqual(Number(readFileSync(join(scratch.path, 'run', 'pop3d-ssl.pid'), 'utf8')), keeper);
    await (await loginPop3(ports.pop3s, 'bob', PASSWORD)).must('QUIT');
    await assert.rejects(loginClient(ports.imap, 'bob', PASSWORD, false));

    writeFileSync(pidFile, '1\n');
    await script('pop3d.rc', 'start');
    await (await loginPop3(ports.pop3, 'bob', PASSWORD, false)).must('QUIT');
    await script('pop3d.rc', 'reload');
  } finally {
    for (const name of ['pop3d.rc', 'pop3d-ssl.rc', 'imapd.rc', 'authdaemond']) await script(name, 'stop');
    await waitUntil('the pid files are gone', () => !existsSync(pidFile));
    assert.equal(await isOpen(ports.pop3s), false);
    scratch.remove();
  }
});

test('pop3d without its settings says which file is missing', async () => {
  const scratch = scratchDirectory('pop3-nothing');
  const environment = { COURIER_CONFDIR: scratch.path, PATH: searchPath };

  const { exitCode, stderr } = await run([join(programs, 'pop3d')], { environment });

  assert.equal(exitCode, 78);
  assert.match(stderr, /pop3d: cannot be read \(ENOENT\); copy the file of this name from etc\//);
  scratch.remove();
});
