/**
 * userdb, makeuserdb, userdbpw, pw2userdb, authpasswd, authtest, authenumerate: each beside Courier's own, where there is
 * one on this machine, and in exchange with it.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkPassword } from '../../authdaemon/passwords/password.js';
import { GdbmReader } from '../../authdaemon/userdb/gdbm.js';
import { Secret } from '../../init/runtime/secret.js';
import { configuration, program, startDaemon } from '../authdaemon/support.js';
import { type Finished, findProgram, run } from '../support/processes.js';

const USERDB = [
  'joe\tuid=5000|gid=5001|home=/home/joe|mail=/home/joe/Maildir|quota=1000S|gecos=Joe|options=group=a|systempw=SYSTEM',
  'full\tuid=5000|gid=5000|home=/h|imappw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=|hmac-md5pw=00',
  '# a comment',
  '',
  '5000=\tjoe',
  'bare\tuid=1|flag|gid=2',
].join('\n');

function ours(
  name: string,
  words: readonly string[],
  options: { input?: string; directory?: string } = {},
): Promise<Finished> {
  const environment = options.directory === undefined ? {} : { COURIER_CONFDIR: options.directory };
  return run([process.execPath, program(name), ...words], { input: options.input ?? '', environment });
}

function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'userdb-tools-'));
}

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

test('A4: authtest and authenumerate say what Courier’s say', async () => {
  const directory = await configuration(
    USERDB.replace('SYSTEM', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='),
    'DEFAULTOPTIONS="disableshared=1"',
  );
  const daemon = await startDaemon(directory);
  // Recorded from Courier's authtest 0.71.4.
  const found = (service: string, clear: string): string =>
    `Authentication succeeded.

     Authenticated: joe  (uid 5000, gid 5001)
    Home Directory: /home/joe
           Maildir: /home/joe/Maildir
             Quota: 1000S
Encrypted Password: {SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
Cleartext Password: ${clear}
           Options: group=a,disableshared=1
`.replace('SERVICE', service);
  /** A failure, and behind Courier's line what each module said. */
  const refused = async (reason: string, words: readonly string[]): Promise<void> => {
    const { exitCode, stdout, stderr } = await ours('authtest', words, { directory });
    const [courier, ...more] = stderr.replace(/\(\d+\.\d ms\)/g, '(… ms)').split('\n');
    assert.deepEqual([exitCode, stdout, courier], [1, '', 'Authentication FAILED: Operation not permitted']);
    assert.deepEqual(more, [`authuserdb: no, ${reason} (… ms)`, '']);
  };
  const usage = {
    exitCode: 1,
    stdout: '',
    stderr: 'Usage: authtest [-s service] userid [ password [ newpassword ] ]\n',
  };

  assert.deepEqual(await ours('authtest', ['joe'], { directory }), {
    exitCode: 0,
    stdout: found('login', '(none)'),
    stderr: '',
  });
  assert.deepEqual(await ours('authtest', ['-s', 'imap', 'joe', 'secret'], { directory }), {
    exitCode: 0,
    stdout: found('imap', 'secret'),
    stderr: '',
  });
  assert.match(
    (await ours('authtest', ['full'], { directory })).stdout,
    /Maildir: \(none\)\n {13}Quota: \(none\)\nEncrypted Password: \(none\)\n/,
  );
  await refused('wrong password', ['joe', 'wrong']);
  await refused('unknown account', ['nobody']);
  await refused('wrong password', ['joe', 'wrong', 'new']);
  for (const words of [[], ['-x'], ['-s']]) assert.deepEqual(await ours('authtest', words, { directory }), usage);
  assert.deepEqual(await ours('authtest', ['joe', 'secret', 'other'], { directory }), {
    exitCode: 0,
    stdout: '',
    stderr: 'Password change succeeded.\n',
  });
  assert.equal((await ours('authtest', ['joe', 'other'], { directory })).exitCode, 0);

  const list = async (...words: string[]): Promise<string[]> =>
    (await ours('authenumerate', words, { directory })).stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  assert.deepEqual(await list(), ['full\t5000\t5000\t/h\t', 'joe\t5000\t5001\t/home/joe\t/home/joe/Maildir']);
  assert.deepEqual(await list('-o'), [
    'full\t5000\t5000\t/h\t\tdisableshared=1',
    'joe\t5000\t5001\t/home/joe\t/home/joe/Maildir\tgroup=a,disableshared=1',
  ]);
  assert.deepEqual(await list('-s'), []);
  assert.deepEqual(await ours('authenumerate', ['-x'], { directory }), {
    exitCode: 1,
    stdout: '',
    stderr: 'Usage: authenumerate [-s] [-o]\n',
  });
  await daemon.stop();

  const gone = await configuration(USERDB);
  const down = await ours('authtest', ['joe', 'secret'], { directory: gone });
  assert.deepEqual([down.exitCode, down.stdout], [1, '']);
  assert.match(down.stderr, /ENOENT.*\nAuthentication FAILED: Input\/output error\n$/s);
  assert.equal((await ours('authenumerate', [], { directory: gone })).exitCode, 1);
  rmSync(gone, { recursive: true });
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

test('A4: Courier’s authtest and authenumerate ask our authdaemond, and ours Courier’s', async () => {
  const directory = scratch();
  mkdirSync(join(directory, 'run'));
  const settings = [
    'authmodulelist="authuserdb"',
    'authdaemonvar=/run/courier/authdaemon',
    'daemons=1',
    'DEBUG_LOGIN=0',
  ];
  writeFileSync(join(directory, 'authdaemonrc'), `${settings.join('\n')}\n`);
  writeFileSync(join(directory, 'userdb'), USERDB.replace('SYSTEM', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='), {
    mode: 0o600,
  });
  assert.equal((await ours('makeuserdb', [], { directory })).exitCode, 0);
  const mine = (name: string): string => `${process.execPath} ${program(name)}`;
  const theirs = (name: string): string => findProgram(`/usr/sbin/${name}`);
  const talk = (daemon: string, name: (tool: string) => string): Promise<Finished> => {
    const script = `mount --bind ${directory} /etc/courier && mkdir -p /run/courier/authdaemon &&
mount --bind ${directory}/run /run/courier/authdaemon || exit 99
set -a; . /etc/courier/authdaemonrc; set +a
${daemon} 2>/dev/null & daemon=$!
n=0; while [ ! -S /run/courier/authdaemon/socket ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
${name('authtest')} joe; ${name('authtest')} -s imap joe secret; ${name('authtest')} joe wrong; ${name('authtest')} nobody
${name('authenumerate')} -o | sort; ${name('authtest')} joe secret changed; ${name('authtest')} joe secret
${name('authtest')} joe changed >/dev/null; echo "exit $?"; ${name('authtest')} joe changed secret
kill $daemon; wait; rm -f /run/courier/authdaemon/socket`;
    return run(['/usr/bin/unshare', '-m', '/bin/sh', '-c', script]);
  };

  const daemons = [mine('authdaemond'), findProgram('/usr/lib/courier/courier-authlib/authdaemond')];
  const talks: Finished[] = [];
  for (const daemon of daemons) {
    for (const name of [mine, theirs]) talks.push(await talk(daemon, name));
    // Courier's daemon gives a changed password another scheme; each daemon begins with the same hash.
    writeFileSync(join(directory, 'userdb'), USERDB.replace('SYSTEM', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='));
    assert.equal((await ours('makeuserdb', [], { directory })).exitCode, 0);
  }

  const [first] = talks;
  assert.match(first?.stdout ?? '', /Authenticated: joe {2}\(uid 5000, gid 5001\)\n[\s\S]*\nexit 0\n$/);
  assert.equal(first?.stderr.match(/Authentication FAILED: Operation not permitted/g)?.length, 3);
  assert.equal(first?.stderr.match(/Password change succeeded/g)?.length, 2);
  assert.match(first?.stderr ?? '', /^authuserdb: no, unknown account \(\d+\.\d ms\)$/m);
  // Our authtest adds what our daemon explains; all else is the same in every pair.
  const withoutHash = ({ stdout, stderr }: Finished): string =>
    (stdout + stderr).replace(/Encrypted Password: .*/g, '').replace(/^authuserdb: .*\n/gm, '');
  for (const other of talks) assert.equal(withoutHash(other), first === undefined ? '' : withoutHash(first));
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
