/**
 * K7: an installation below a directory of one's own, by somebody who is not root: one tree, that serves mail, is
 * upgraded in place and taken away again.
 */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { buildRoot, searchPath } from '../support/paths.js';
import { mailIds } from '../support/peer-targets.js';
import { freePort, mustRun, run } from '../support/processes.js';

const installer = join(buildRoot, 'init', 'install', 'install-system.js');

interface Site {
  readonly prefix: string;
  readonly settings: string;
  /** Runs a program of the installation as its owner. */
  use(command: readonly string[], input?: string): Promise<string>;
  install(...options: readonly string[]): Promise<string>;
}

function siteIn(directory: string): Site {
  const prefix = join(directory, 'angarium');
  const ids = process.geteuid?.() === 0 ? mailIds() : {};
  const environment = { PATH: `${join(prefix, 'sbin')}:${join(prefix, 'bin')}:${searchPath}` };
  const use = async (command: readonly string[], input = '') => mustRun(command, { ...ids, environment, input });
  return {
    prefix,
    settings: join(prefix, 'etc', 'courier'),
    use,
    install: async (...options) => use([process.execPath, installer, '--prefix', prefix, ...options]),
  };
}

function set(file: string, values: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, 'utf8');
  for (const [name, value] of Object.entries(values)) {
    assert.match(text, new RegExp(`^${name}=`, 'm'), `${file} has no ${name}`);
    text = text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`);
  }
  writeFileSync(file, text);
}

/** Every path below a directory, and what is in the files. */
function contentsOf(directory: string): Record<string, string> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    paths.map((path) => {
      const entry = lstatSync(join(directory, path));
      return [path, entry.isFile() ? readFileSync(join(directory, path), 'latin1') : String(entry.mode)];
    }),
  );
}

async function addAccount({ use, settings }: Site, directory: string): Promise<void> {
  const home = join(directory, 'bob');
  mkdirSync(home);
  copyMaildir('three-messages', join(home, 'Maildir'));
  const { uid, gid } = statSync(directory);
  giveTo(home, uid, gid);
  const hash = (await use(['userdbpw', '-md5'], 'secret\n')).trim();
  await use(['userdb', 'bob', 'set', `uid=${uid}`, `gid=${gid}`, `home=${home}`, `systempw=${hash}`]);
  await use(['makeuserdb']);
  assert.ok(existsSync(join(settings, 'userdb.dat')));
}

async function countMessages(port: number, tls: boolean): Promise<string> {
  const client = await loginClient(port, 'bob', 'secret', tls);
  const { untagged } = await client.must('SELECT INBOX');
  await client.must('LOGOUT');
  client.close();
  return untagged.find((line) => line.endsWith(' EXISTS')) ?? '';
}

test('K7, K12: installed below a directory by an ordinary user, it serves mail, is upgraded, and goes again', async () => {
  const scratch = scratchDirectory('prefix');
  const { uid, gid } = process.geteuid?.() === 0 ? mailIds() : statSync(scratch.path);
  giveTo(scratch.path, uid, gid);
  const site = siteIn(scratch.path);
  const { prefix, settings, use, install } = site;
  const [port, tlsPort] = [await freePort(), await freePort()];
  try {
    const said = await install();
    assert.match(said, /You are not root.*\n.*set PORT and SSLPORT/);
    assert.ok(existsSync(join(settings, 'imapd.pem')), 'a certificate');
    set(join(settings, 'imapd'), { ADDRESS: '127.0.0.1', PORT: String(port) });
    set(join(settings, 'imapd-ssl'), { SSLADDRESS: '127.0.0.1', SSLPORT: String(tlsPort) });
    await addAccount(site, scratch.path);
    assert.match(await use(['imapd', '--check']), /No errors found/);

    for (const name of ['authdaemond', 'imapd', 'imapd-ssl']) await use([name, 'start']);
    try {
      assert.equal(await countMessages(port, false), '* 3 EXISTS');
      assert.equal(await countMessages(tlsPort, true), '* 3 EXISTS');
      assert.match(await use(['authtest', 'bob', 'secret']), /Authentication succeeded/);
    } finally {
      for (const name of ['imapd-ssl', 'imapd', 'authdaemond']) await use([name, 'stop']);
    }

    // An older release: a file that is not in this one, and settings of another version.
    const stale = join(prefix, 'lib', 'angarium', 'dist', 'imapd', 'stale.js');
    await use(['sh', '-c', `echo >${stale} && echo ${stale} >>${prefix}/lib/angarium/installed`]);
    const imapd = join(settings, 'imapd');
    writeFileSync(imapd, readFileSync(imapd, 'utf8').replace(/^##VERSION:.*/, '##VERSION: Angarium 0.0.1'));
    assert.match(await install(), /^imapd: merged/m);
    assert.equal(existsSync(stale), false);
    assert.match(readFileSync(imapd, 'utf8'), new RegExp(`^PORT=${port}$`, 'm'));

    const before = contentsOf(settings);
    assert.doesNotMatch(await install(), /merged/);
    assert.deepEqual(contentsOf(settings), before, 'a second time changes nothing');

    const whole = contentsOf(prefix);
    await use(['cp', '-a', prefix, join(scratch.path, 'copy')]);
    assert.match(await install('--uninstall'), /Settings stay in/);
    assert.deepEqual(contentsOf(settings), before);
    assert.deepEqual(readdirSync(prefix).sort(), ['etc', 'var']);
    assert.equal(readdirSync(join(scratch.path, 'bob', 'Maildir', 'cur')).length, 3);

    // Going back to it is copying it back.
    await use(['cp', '-a', `${join(scratch.path, 'copy')}/.`, prefix]);
    assert.deepEqual(contentsOf(prefix), whole);
    assert.match(await use(['imapd', '--version']), /^imapd \(Angarium\) \d/);
  } finally {
    scratch.remove();
  }
});

test('every package that the programs load is there and loads, and nothing for other machines is', async () => {
  const scratch = scratchDirectory('packages');
  try {
    const staging = ['--prefix', '/usr', '--destdir', scratch.path, '--no-users'];
    await mustRun([process.execPath, installer, ...staging]);
    const library = join(scratch.path, 'usr', 'lib', 'angarium');

    const names = ['argon2', 'iconv-lite', 'ioredis', 'koffi', 'ldapts', 'mysql2/promise', 'pg'];
    const script = names.map((name) => `await import('${name}');`).join('');
    await mustRun([process.execPath, '--input-type=module', '-e', script], { directory: library });

    const native = readdirSync(library, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.node'));
    assert.equal(native.length, 2, native.join('\n'));
    assert.equal(existsSync(join(scratch.path, 'etc', 'courier', 'imapd.dist')), true);
    assert.match(
      readFileSync(join(scratch.path, 'usr/lib/angarium/dist/bin/imapd'), 'utf8'),
      /^#!\/usr\/lib\/angarium\//,
    );
  } finally {
    scratch.remove();
  }
});

test('wrong options are refused with a text', async () => {
  for (const [words, text] of [
    [['--prefix', 'here'], /--prefix here is not an absolute path/],
    [['--prefix', '/opt/my mail'], /has blanks in it/],
    [['--perfix', '/usr'], /--perfix/],
    [['--prefix', '/nonexistent/angarium', '--uninstall'], /nothing is installed in/],
  ] as const) {
    const { exitCode, stderr } = await run([process.execPath, installer, ...words]);
    assert.notEqual(exitCode, 0);
    assert.match(stderr, text);
  }
});
