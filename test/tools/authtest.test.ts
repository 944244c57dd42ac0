/**
 * authtest and authenumerate, on running daemons: Courier's words, our explanations, and what they say when a module is
 * down or the daemon is Debian's.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configuration, program, startDaemon } from '../authdaemon/support.js';
import { startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import { type Finished, findProgram, freePort, run } from '../support/processes.js';
import { ours, scratch, USERDB } from './userdb-tools-support.js';

const SHA_OF_SECRET = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';

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
  const piped = [
    '/bin/bash',
    '--norc',
    '-c',
    `${process.execPath} ${program('authenumerate')} | :; echo "\${PIPESTATUS[0]}"`,
  ];
  const unread = await run(piped, { environment: { COURIER_CONFDIR: directory } });
  assert.deepEqual([unread.stdout, unread.stderr], ['141\n', ''], 'as a program that SIGPIPE ends');
  await daemon.stop();

  const gone = await configuration(USERDB);
  const down = await ours('authtest', ['joe', 'secret'], { directory: gone });
  assert.deepEqual([down.exitCode, down.stdout], [1, '']);
  assert.match(down.stderr, /ENOENT.*\nAuthentication FAILED: Input\/output error\n$/s);
  assert.equal((await ours('authenumerate', [], { directory: gone })).exitCode, 1);
  rmSync(gone, { recursive: true });
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

test('A4: authtest -v shows every module that was asked, in order, and what is in the way of a login', async () => {
  const userdb = [
    `ann\tuid=5000|gid=5000|home=/none/such|options=disableimap=1|systempw=${SHA_OF_SECRET}`,
    `root\tuid=0|gid=0|home=/|systempw=${SHA_OF_SECRET}`,
  ].join('\n');
  const directory = await configuration(userdb);
  writeFileSync(
    join(directory, 'custom.mjs'),
    `export function authenticate({ loginName, password }) {
      if (loginName !== 'zoe') return undefined;
      if (password === 'broken') throw new Error('the mill has stopped');
      return password === 'secret' ? { uid: 0, gid: 0, home: '/' } : undefined;
    }\n`,
  );
  const rc = readFileSync(join(directory, 'authdaemonrc'), 'utf8');
  writeFileSync(join(directory, 'authdaemonrc'), rc.replace('"authuserdb"', '"authuserdb authcustom"'));
  writeFileSync(join(directory, 'authcustomrc'), `CUSTOM_MODULE ${directory}/custom.mjs\n##NAME: MARKER:0\n`);
  const daemon = await startDaemon(directory);
  const explained = async (...words: string[]): Promise<string[]> => {
    const { stderr } = await ours('authtest', words, { directory });
    return stderr
      .replace(/\(\d+\.\d ms\)/g, '(… ms)')
      .trimEnd()
      .split('\n');
  };

  assert.deepEqual(await explained('-v', '-s', 'imap', 'ann', 'secret'), [
    'authuserdb: yes (… ms)',
    'Mind: its option disableimap is set: IMAP is refused',
    'Mind: its home /none/such does not exist',
  ]);
  assert.deepEqual(await explained('-s', 'imap', '-v', 'ann'), await explained('-v', '-s', 'imap', 'ann', 'secret'));
  assert.deepEqual(await explained('-v', 'zoe', 'wrong'), [
    'Authentication FAILED: Operation not permitted',
    'authuserdb: no, unknown account (… ms)',
    'authcustom: no, the custom module says no (… ms)',
  ]);
  const [reason, courier, userdbStep, customStep] = await explained('zoe', 'broken');
  assert.match(reason ?? '', /^ERR: authdaemon: .*the mill has stopped/);
  assert.equal(courier, 'Authentication FAILED: Input/output error');
  assert.equal(userdbStep, 'authuserdb: no, unknown account (… ms)');
  assert.match(customStep ?? '', /^authcustom: cannot say now, .*the mill has stopped.* \(… ms\)$/);
  assert.deepEqual(await explained('-v', 'root', 'secret'), [
    'authuserdb: yes (… ms)',
    'Mind: its uid is 0: mail servers refuse to be root, and the login fails',
  ]);
  assert.deepEqual(await explained('-v', 'ann', 'secret', 'new'), [
    'Password change succeeded.',
    'authuserdb: changed (… ms)',
  ]);
  assert.doesNotMatch(daemon.log(), /secret/);
  assert.equal(await daemon.stop(), 0);
});

test('a module that is down: accounts before it are listed and let in, the list is not complete, and nobody is unknown', async () => {
  const directory = await configuration(USERDB.replace('SYSTEM', SHA_OF_SECRET));
  const rc = readFileSync(join(directory, 'authdaemonrc'), 'utf8');
  writeFileSync(join(directory, 'authdaemonrc'), rc.replace('"authuserdb"', '"authuserdb authmysql"'));
  const settings = {
    SERVER: '127.0.0.1',
    PORT: String(await freePort()),
    USERNAME: 'mail',
    PASSWORD: 'hidden',
    DATABASE: 'mail',
    USER_TABLE: 'passwd',
    CRYPT_PWFIELD: 'crypt',
    UID_FIELD: 'uid',
    GID_FIELD: 'gid',
    LOGIN_FIELD: 'id',
    HOME_FIELD: 'home',
  };
  const lines = Object.entries(settings).map(([name, value]) => `MYSQL_${name}\t${value}`);
  writeFileSync(join(directory, 'authmysqlrc'), `${lines.join('\n')}\n##NAME: MARKER:0\n`, { mode: 0o600 });
  const daemon = await startDaemon(directory);

  assert.equal((await ours('authtest', ['joe', 'secret'], { directory })).exitCode, 0);
  const nobody = await ours('authtest', ['nobody', 'x'], { directory });
  assert.equal(nobody.exitCode, 1);
  assert.match(nobody.stderr, /Authentication FAILED: Input\/output error\nauthuserdb: no, unknown account/);
  assert.match(nobody.stderr, /^authmysql: cannot say now, .*ECONNREFUSED/m);
  const list = await ours('authenumerate', [], { directory });
  assert.equal(list.exitCode, 1);
  assert.match(list.stdout, /^joe\t5000\t5001\t/m);
  assert.match(list.stderr, /^ERR: authdaemon: .*ECONNREFUSED/);
  const modules = await ours('authdaemond', ['--modules'], { directory });
  assert.equal(modules.exitCode, 1);
  assert.match(modules.stdout, /^authmysql\tbuilt in\tenabled\tnot reachable: .*ECONNREFUSED/m);
  assert.doesNotMatch(nobody.stderr + list.stderr + modules.stdout + daemon.log(), /hidden/);

  writeFileSync(join(directory, 'authmysqlrc'), `${lines.join('\n')}\nMYSQL_PORTT 1\n##NAME: MARKER:0\n`);
  const check = await ours('authdaemond', ['--check'], { directory });
  assert.match(check.stderr, /authmysqlrc:\d+: MYSQL_PORTT/);
  assert.equal(await daemon.stop(), 0);
});

test('Debian’s authdaemond explains nothing, and authtest -v says so', async () => {
  const directory = scratch();
  const state = join(directory, 'state');
  mkdirSync(state);
  const settings = ['authmodulelist="authuserdb"', `authdaemonvar=${state}/authdaemon`, 'daemons=1', 'DEBUG_LOGIN=0'];
  writeFileSync(join(directory, 'authdaemonrc'), `${settings.join('\n')}\n`);
  writeFileSync(join(directory, 'userdb'), USERDB.replace('SYSTEM', SHA_OF_SECRET), { mode: 0o600 });
  const courier = await startCourierAuthdaemond({ etc: directory, state });

  const good = await ours('authtest', ['-v', 'joe', 'secret'], { directory });
  assert.match(good.stdout, /^Authentication succeeded\.\n/);
  assert.equal(good.stderr, 'The authdaemond that answers there gives no explanations.\n');
  const bad = await ours('authtest', ['joe', 'wrong'], { directory });
  assert.equal(bad.stderr, 'Authentication FAILED: Operation not permitted\n');
  await courier.stop();
  rmSync(directory, { recursive: true });
});
