/**
 * userdb, makeuserdb, userdbpw, pw2userdb, authpasswd: each beside Courier's own, where there is
 * one on this machine, and in exchange with it.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkPassword } from '../../authdaemon/passwords/password.js';
import { GdbmReader } from '../../authdaemon/userdb/gdbm.js';
import { Secret } from '../../init/runtime/secret.js';
import { configuration, program, startDaemon } from '../authdaemon/support.js';
import { findProgram, run } from '../support/processes.js';
import { ours, scratch, USERDB } from './userdb-tools-support.js';

function recordsOf(path: string): string[] {
  const file = readFileSync(path);
  const reader = new GdbmReader((position, length) => file.subarray(position, position + length));
  return [...reader.records()].map(({ key, value }) => `${key}\t${value}`).sort();
}

test('A5: makeuserdb compiles to the same records as Courier’s, with the same modes', async () => {
  const directory = scratch();
  for (const name of ['ours', 'theirs']) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'userdb'), USERDB, { mode: 0o600 });
  }

  const mine = await ours('makeuserdb', [], { directory: join(directory, 'ours') });
  // With -f its own notes where a record came from are wrong, so it gets our directory in the place of its own.
  const script = `mount --bind ${join(directory, 'theirs')} /etc/courier && ${findProgram('/usr/sbin/makeuserdb')}`;
  const courier = await run(['/usr/bin/unshare', '-m', '/bin/sh', '-c', script]);

  assert.deepEqual([mine.exitCode, courier.exitCode], [0, 0], mine.stderr + courier.stderr);
  for (const name of ['userdb.dat', 'userdbshadow.dat']) {
    const [one, other] = [join(directory, 'ours', name), join(directory, 'theirs', name)];
    assert.deepEqual(recordsOf(one), recordsOf(other));
    assert.equal(statSync(one).mode, statSync(other).mode);
  }
  rmSync(directory, { recursive: true });
});

test('makeuserdb refuses what Courier’s refuses, with its words and exit codes', async () => {
  const directory = scratch();
  const source = join(directory, 'userdb');
  const both = async (): Promise<void> => {
    const mine = await ours('makeuserdb', ['-f', source]);
    const courier = await run([findProgram('/usr/sbin/makeuserdb'), '-f', source]);
    assert.notEqual(mine.exitCode, 0);
    assert.deepEqual([mine.exitCode, mine.stdout + mine.stderr], [courier.exitCode, courier.stdout + courier.stderr]);
  };
  await both();
  writeFileSync(source, `${USERDB}\njoe\tuid=1\n`, { mode: 0o600 });
  await both();
  chmodSync(source, 0o640);
  await both();
  rmSync(directory, { recursive: true });
});

test('makeuserdb --help and --version print, and compile nothing', async () => {
  const directory = scratch();
  writeFileSync(join(directory, 'userdb'), USERDB, { mode: 0o600 });

  for (const option of ['--help', '--version']) {
    const { exitCode, stdout } = await ours('makeuserdb', [option], { directory });
    assert.equal(exitCode, 0);
    assert.match(stdout, /makeuserdb/);
  }
  assert.deepEqual(readdirSync(directory), ['userdb']);
  rmSync(directory, { recursive: true });
});

test('A5: userdb and Courier’s leave the same records after the same commands', async () => {
  const directory = scratch();
  const mine = join(directory, 'mine');
  const theirs = join(directory, 'theirs');
  const both = async (words: readonly string[], input = ''): Promise<void> => {
    const own = await ours('userdb', ['-f', mine, ...words], { input });
    const courier = await run([findProgram('/usr/sbin/userdb'), '-f', theirs, ...words], { input });
    assert.deepEqual([own.exitCode, own.stderr], [courier.exitCode, courier.stderr], words.join(' '));
  };
  await both(['ann', 'set', 'uid=1', 'gid=2', 'home=/h']);
  await both(['bob', 'set', 'uid=9', 'gecos=a b', 'options=x=1,y']);
  await both(['ann', 'set', 'uid=3', 'mail=m']);
  await both(['ann', 'unset', 'mail', 'nosuch']);
  await both(['carl', 'unset', 'mail']);
  await both(['carl', 'del']);
  await both(['ann', 'set', 'systempw', 'imappw'], 'first\nsecond\n');
  await both(['dora', 'set', 'uid=1']);
  await both(['dora', 'del']);
  await both(['ann', 'set', 'gecos=a|b']);

  const show = async (words: readonly string[]): Promise<string[][]> => {
    const own = await ours('userdb', ['-show', '-f', mine, ...words]);
    const courier = await run([findProgram('/usr/sbin/userdb'), '-show', '-f', theirs, ...words]);
    return [own, courier].map(({ stdout }) => stdout.split('\n').sort());
  };
  for (const words of [[], ['ann'], ['bob'], ['nosuch']]) {
    const [own, courier] = await show(words);
    assert.deepEqual(own, courier);
  }
  assert.equal(statSync(mine).mode & 0o777, 0o600);
  assert.deepEqual(readFileSync(mine, 'utf8').split('\n')[0], 'ann\tuid=3|gid=2|home=/h|systempw=first|imappw=second');
  rmSync(directory, { recursive: true });
});

test('userdb and makeuserdb of both kinds work on one file in turn', async () => {
  const directory = scratch();
  const file = join(directory, 'userdb');
  const theirs = findProgram('/usr/sbin/userdb');
  for (let round = 0; round < 4; round += 1) {
    const words = ['-f', file, `user${round}`, 'set', `uid=${round}`, 'gid=1', 'home=/h', 'systempw=x'];
    await (round % 2 === 0 ? ours('userdb', words) : run([theirs, ...words]));
    const made = await (round % 2 === 1
      ? ours('makeuserdb', ['-f', file])
      : run([findProgram('/usr/sbin/makeuserdb'), '-f', file]));
    assert.equal(made.exitCode, 0, made.stderr);
    assert.equal(recordsOf(`${file}.dat`).length, round + 1);
    assert.equal(recordsOf(`${file}shadow.dat`).length, round + 1);
  }
  rmSync(directory, { recursive: true });
});

test('userdb names a file inside a directory with the account: path/name', async () => {
  const directory = scratch();
  const file = join(directory, 'userdb');
  await ours('userdb', ['ann', 'set', 'uid=1'], { directory });
  assert.equal(readFileSync(file, 'utf8'), 'ann\tuid=1\n');
  rmSync(file);
  mkdirSync(file, { mode: 0o700 });

  assert.equal((await ours('userdb', ['staff/ann', 'set', 'uid=2'], { directory })).exitCode, 0);
  assert.equal(readFileSync(join(file, 'staff'), 'utf8'), 'ann\tuid=2\n');
  assert.equal((await ours('userdb', ['-show', 'staff', 'ann'], { directory })).stdout, 'uid=2\n');
  assert.equal((await ours('userdb', ['ann', 'set', 'uid=2'], { directory })).exitCode, 25);
  assert.notEqual((await ours('userdb', ['../ann', 'set', 'uid=2'], { directory })).exitCode, 0);
  assert.equal(existsSync(join(directory, 'ann')), false);
  const usage = await ours('userdb', [], { directory });
  assert.deepEqual([usage.exitCode, usage.stdout.split('\n').length], [1, 5]);
  rmSync(directory, { recursive: true });
});

test('userdbpw makes what Courier’s makes', async () => {
  const input = 'secret\n';
  for (const option of ['-hmac-md5', '-hmac-sha1', '-hmac-sha256']) {
    const mine = await ours('userdbpw', [option], { input });
    assert.deepEqual(mine, await run([findProgram('/usr/sbin/userdbpw'), option], { input }));
  }
  for (const words of [[], ['-md5']]) {
    for (const made of [
      await ours('userdbpw', words, { input }),
      await run([findProgram('/usr/sbin/userdbpw'), ...words], { input }),
    ]) {
      assert.equal((await checkPassword(new Secret('secret'), made.stdout.trim())).kind, 'match');
    }
  }
  for (const words of [['-bogus'], ['-md5', '-md5']]) {
    assert.deepEqual(await ours('userdbpw', words, { input }), {
      exitCode: 1,
      stdout: '',
      stderr: 'userdbpw: invalid argument.\n',
    });
  }
  assert.equal((await ours('userdbpw', [])).exitCode, 1);
});

test('A12: authpasswd prints hashes that are good, by method', async () => {
  const begins: Readonly<Record<string, RegExp>> = {
    MD5: /^\{MD5\}/,
    SHA: /^\{SHA\}/,
    SSHA: /^\{SSHA\}/,
    '{SHA256}': /^\{SHA256\}/,
    nonsense: /^\{SSHA\}/,
    $6$: /^\$6\$/,
    ARGON2ID: /^\$argon2id\$/,
    'BLF-CRYPT': /^\$2b\$/,
  };
  for (const [method, begin] of Object.entries(begins)) {
    const { stdout } = await ours('authpasswd', [method], { input: 'secret\n' });
    assert.match(stdout, begin);
    assert.equal((await checkPassword(new Secret('secret'), stdout.trim())).kind, 'match');
  }
  assert.match((await ours('authpasswd', [], { input: 'secret\n' })).stdout, /^\{SHA512\}/);
  const theirs = await run([findProgram('/usr/sbin/authpasswd'), 'SHA'], { input: 'secret\n' });
  assert.deepEqual(await ours('authpasswd', ['SHA'], { input: 'secret\n' }), theirs);
});

test('A12: one tool’s output is another’s input, however long the first one takes', async () => {
  const directory = scratch();
  assert.equal((await ours('userdb', ['ann', 'set', 'uid=1', 'gid=1', 'home=/a'], { directory })).exitCode, 0);
  const [hash, store] = [program('authpasswd'), program('userdb')].map((path) => `${process.execPath} ${path}`);
  const piped = await run(['/bin/sh', '-c', `echo secret | ${hash} ARGON2ID | ${store} ann set systempw`], {
    environment: { COURIER_CONFDIR: directory },
  });

  assert.deepEqual([piped.exitCode, piped.stderr], [0, '']);
  assert.match(readFileSync(join(directory, 'userdb'), 'utf8'), /^ann\t.*\|systempw=\$argon2id\$/m);
  rmSync(directory, { recursive: true });
});

test('A5: pw2userdb prints the accounts that Courier’s prints', async () => {
  const directory = scratch();
  const passwd = join(directory, 'passwd');
  const shadow = join(directory, 'shadow');
  writeFileSync(
    passwd,
    'root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann A,,,:/home/ann:/bin/sh\nbob:$1$a$X:1001:1::/b:\npipe:x:3:3:a|b:/p:\n',
  );
  writeFileSync(shadow, 'root:*:1:0:99999:7:::\nann:$6$ab$cd:1:0:99999:7:::\n');
  for (const more of [[], ['--noshadow'], ['--nouid'], ['--domain=x.org'], ['-noshadow', '-nouid', '-domain=x.org']]) {
    const words = [`--passwd=${passwd}`, `--shadow=${shadow}`, ...more];
    const theirs = await run([findProgram('/usr/sbin/pw2userdb'), ...words]);
    const mine = await ours('pw2userdb', words);
    assert.deepEqual(mine.stdout.split('\n').sort(), theirs.stdout.split('\n').sort(), more.join(' '));
  }
  assert.equal((await ours('pw2userdb', ['--bogus'])).exitCode, 255);
  assert.equal((await ours('pw2userdb', ['--passwd=/nowhere/passwd'])).exitCode, 2);
  rmSync(directory, { recursive: true });
});

test('A5: pw2userdb’s output is a userdb that compiles, although two accounts have one uid and a line is damaged', async () => {
  const directory = scratch();
  const lines = Array.from(
    { length: 20_000 },
    (_, index) => `user${index}:x:${index}:100:User ${index}:/home/user${index}:/bin/sh`,
  );
  writeFileSync(join(directory, 'passwd'), `${lines.join('\n')}\ntwin:x:7:100::/t:\n+nis::::::\nbad:x:1\n`);

  const { stdout } = await ours('pw2userdb', [`--passwd=${join(directory, 'passwd')}`, '--noshadow']);
  writeFileSync(join(directory, 'userdb'), stdout, { mode: 0o600 });
  const made = await ours('makeuserdb', [], { directory });

  assert.deepEqual([made.exitCode, made.stderr], [0, '']);
  assert.equal(recordsOf(join(directory, 'userdb.dat')).length, 40_001);
  rmSync(directory, { recursive: true });
});

test('A5: Courier’s authdaemond finds the accounts of a userdb that our makeuserdb compiled, and ours theirs', async () => {
  const directory = scratch();
  const run0 = join(directory, 'run');
  mkdirSync(run0);
  writeFileSync(join(directory, 'authdaemonrc'), 'authmodulelist="authuserdb"\ndaemons=1\n');
  writeFileSync(join(directory, 'userdb'), USERDB.replace('SYSTEM', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='), {
    mode: 0o600,
  });
  assert.equal((await ours('makeuserdb', [], { directory })).exitCode, 0);

  // Its directories are compiled in: it gets ours in their place, in a mount namespace of its own.
  const daemon = findProgram('/usr/lib/courier/courier-authlib/authdaemond');
  const script = `mount --bind ${directory} /etc/courier && mkdir -p /run/courier/authdaemon &&
mount --bind ${run0} /run/courier/authdaemon || exit 99
authmodulelist=authuserdb; export authmodulelist
${daemon} 2>/dev/null & daemon=$!
n=0; while [ ! -S /run/courier/authdaemon/socket ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
${findProgram('/usr/sbin/authtest')} -s imap joe secret; echo "exit $?"
${findProgram('/usr/sbin/authtest')} -s imap joe wrong; echo "exit $?"
kill $daemon`;
  const { stdout, stderr, exitCode } = await run(['/usr/bin/unshare', '-m', '/bin/sh', '-c', script]);
  assert.notEqual(exitCode, 99, `this test needs root and mount namespaces: ${stderr}`);
  assert.match(
    stdout,
    /Authentication succeeded\.\n\n {5}Authenticated: joe {2}\(uid 5000, gid 5001\)\n[\s\S]*exit 0\nexit 1\n/,
    stderr,
  );

  const other = await configuration('');
  for (const name of ['userdb', 'userdb.dat', 'userdbshadow.dat'])
    copyFileSync(join(directory, name), join(other, name));
  assert.equal((await run([findProgram('/usr/sbin/makeuserdb'), '-f', join(other, 'userdb')])).exitCode, 0);
  const own = await startDaemon(other);
  const answer = await own.client.authenticate({ service: 'imap', loginName: 'joe', password: new Secret('secret') });
  assert.equal(answer.kind, 'account');
  await own.stop();
  rmSync(directory, { recursive: true });
});

test('every tool answers --help and --version', async () => {
  for (const name of [
    'authdaemond',
    'authtest',
    'authenumerate',
    'authpasswd',
    'userdb',
    'userdbpw',
    'makeuserdb',
    'pw2userdb',
  ]) {
    const help = await ours(name, ['--help']);
    assert.deepEqual([help.exitCode, help.stderr], [0, '']);
    assert.match(help.stdout, /^Usage: /);
    assert.match((await ours(name, ['--version'])).stdout, new RegExp(`^${name} \\(Angarium\\) \\d+\\.\\d+\\.\\d+\n$`));
  }
});
