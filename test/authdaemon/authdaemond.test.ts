/**
 * A running authdaemond over its real socket: Courier's answers, garbage, slow callers, reload, password changes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AuthClient } from '../../authdaemon/client.js';
import { Secret } from '../../init/runtime/secret.js';
import { run, waitUntil } from '../support/processes.js';
import { COURIER_ANSWERS, COURIER_USERDB } from './courier-answers.js';
import { testFloods } from './socket-flood-tests.js';
import { configuration, exchange, login, program, type RunningDaemon, startDaemon, writeUserdb } from './support.js';

const OPTIONS = 'DEFAULTOPTIONS="disablewebmail=1,group=x"';
const JOE = { service: 'imap', loginName: 'joe', password: new Secret('secret') };

/** Somebody who says half a request and waits: ten seconds, while the other tests of this file run. */
let silent: { readonly daemon: RunningDaemon; readonly cutOff: Promise<{ heard: string; seconds: number }> };
before(async () => {
  const daemon = await startDaemon(await configuration(COURIER_USERDB));
  const began = performance.now();
  const answer = exchange(daemon.socketPath, 'PRE . imap jo', { keepOpen: true });
  silent = { daemon, cutOff: answer.then((heard) => ({ heard, seconds: (performance.now() - began) / 1000 })) };
});

describe('authdaemond', () => {
  let daemon: RunningDaemon;
  before(async () => {
    daemon = await startDaemon(await configuration(COURIER_USERDB, OPTIONS));
  });
  after(async () => {
    assert.equal(await daemon.stop(), 0);
  });

  test('70: every recorded request has the answer that Courier gave, octet for octet', async () => {
    for (const [request, answer] of COURIER_ANSWERS) {
      assert.equal(await exchange(daemon.socketPath, request), answer, JSON.stringify(request.slice(0, 100)));
    }
  });

  test('70: ENUMERATE lists the accounts as Courier does', async () => {
    const lines = (await exchange(daemon.socketPath, 'ENUMERATE\n')).split('\n');

    assert.deepEqual(lines.slice(0, 2), ['# authuserdb', '']);
    assert.deepEqual(lines.slice(2, -2).sort(), [
      'full\t5000\t5000\t/h\t\tdisablewebmail=1,group=x',
      'joe\t5000\t5001\t/home/joe\t/home/joe/Maildir\tdisableimap=0,group=a,disablewebmail=1',
      'noopts\t5000\t5000\t/h\t\tdisablewebmail=1,group=x',
    ]);
    assert.deepEqual(lines.slice(-2), ['.', '']);
  });

  test('A4: our client gets the account, a clear no, and the list', async () => {
    const answer = await daemon.client.authenticate(JOE);
    assert.ok(answer.kind === 'account');
    assert.deepEqual(
      [answer.account.address, answer.account.uid, answer.account.home, answer.account.maildir],
      ['joe', 5000, '/home/joe', '/home/joe/Maildir'],
    );
    assert.deepEqual(await daemon.client.authenticate({ ...JOE, password: new Secret('wrong') }), { kind: 'rejected' });
    assert.deepEqual(await daemon.client.lookup('imap', 'nobody'), { kind: 'rejected' });
    assert.equal((await daemon.client.lookup('imap', 'joe')).kind, 'account');
    const names: string[] = [];
    for await (const item of daemon.client.enumerate()) if (item.kind === 'account') names.push(item.account.name);
    assert.deepEqual(names.sort(), ['full', 'joe', 'noopts']);
  });

  test('65: no name reaches anything but its own account', async () => {
    const names = [
      "'",
      '%',
      '*)(uid=*',
      'joe\0',
      'joe\nroot',
      '../joe',
      '/',
      '..',
      'Joe',
      ' joe',
      'joe ',
      '5000=',
      '_',
      '$(id)',
    ];
    for (const loginName of [...names, 'jo', 'joee', 'x'.repeat(7000), '\u202ejoe', 'joé']) {
      assert.deepEqual(await daemon.client.authenticate({ ...JOE, loginName }), { kind: 'rejected' }, loginName);
      assert.deepEqual(await daemon.client.lookup('imap', loginName), { kind: 'rejected' }, loginName);
    }
    assert.deepEqual(await daemon.client.lookup('imap\npop3', 'joe'), { kind: 'rejected' });
  });

  test('68: garbage, half lines and a megabyte are closed without an answer, and others are served', async () => {
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256));
    const bad = [
      noise,
      Buffer.alloc(1_048_576, 'x'),
      Buffer.alloc(1_048_576),
      'PRE',
      'AUTH 100\nimap\n',
      'A=b\n'.repeat(50_000),
    ];

    const answers = await Promise.all(bad.map((octets) => exchange(daemon.socketPath, octets)));

    assert.deepEqual(
      answers,
      bad.map(() => ''),
    );
    assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  });

  test('68: a request may come octet by octet', async () => {
    const socket = connect(daemon.socketPath);
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (const octet of login('imap', 'joe', 'secret')) {
      socket.write(octet);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await closed;

    assert.match(Buffer.concat(pieces).toString(), /^UID=5000\n/);
  });

  test('a hundred logins at once are all answered', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        daemon.client.authenticate({
          ...JOE,
          password: new Secret(index % 2 === 0 ? 'secret' : 'x'),
          remoteIp: `192.0.2.${index % 7}`,
        }),
      ),
    );

    assert.equal(answers.filter(({ kind }) => kind === 'account').length, 50);
    assert.equal(answers.filter(({ kind }) => kind === 'rejected').length, 50);
  });

  test('a second daemon on the socket refuses and says so; the first goes on', async () => {
    const second = await run([process.execPath, program('authdaemond')], {
      environment: { COURIER_CONFDIR: daemon.directory },
    });

    assert.equal(second.exitCode, 78);
    assert.match(second.stderr, /another authdaemond answers there already/);
    assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  });

  test('69: everybody may connect to the socket, and only the directory keeps them away', () => {
    assert.equal(statSync(daemon.socketPath).mode & 0o777, 0o777);
    assert.equal(statSync(join(daemon.directory, 'run')).mode & 0o777, 0o750);
  });
});

test('settings are read again on SIGHUP; wrong ones are told and the old stay', async () => {
  const daemon = await startDaemon(await configuration(COURIER_USERDB, OPTIONS));
  const rc = join(daemon.directory, 'authdaemonrc');
  const good = readFileSync(rc, 'utf8');
  const options = async (): Promise<string> => {
    const answer = await daemon.client.lookup('imap', 'full');
    return answer.kind === 'account' ? answer.account.options.map(({ name }) => name).join(' ') : answer.kind;
  };

  writeFileSync(
    rc,
    good.replace('daemons=2', 'daemons=many').replace('DEFAULTOPTIONS=', 'DEBUG_LOGIN=9\nDEFAULTOPTIONS='),
  );
  daemon.child.kill('SIGHUP');
  await waitUntil('the wrong settings are told', () => daemon.log().includes('still in force'));
  assert.match(daemon.log(), /authdaemonrc:3: daemons=many is not a whole number/);
  assert.match(daemon.log(), /DEBUG_LOGIN=9 is not known/);
  assert.equal(await options(), 'disablewebmail group');

  writeFileSync(rc, good.replace(OPTIONS, 'DEFAULTOPTIONS="disablepop3=1"'));
  daemon.child.kill('SIGHUP');
  await waitUntil('the modules are exchanged', () => daemon.log().includes('Uninstalling authuserdb'));
  assert.equal(await options(), 'disablepop3');
  assert.equal(await daemon.stop(), 0);
});

test('A5: a userdb that is compiled again is seen at once; one that is damaged is a temporary failure', async () => {
  const daemon = await startDaemon(await configuration(COURIER_USERDB));
  const compiled = join(daemon.directory, 'userdb.dat');

  await writeUserdb(
    daemon.directory,
    `${COURIER_USERDB}\nann\tuid=7|gid=7|home=/a|systempw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`,
  );
  assert.equal((await daemon.client.authenticate({ ...JOE, loginName: 'ann' })).kind, 'account');

  writeFileSync(compiled, 'damaged');
  const answer = await daemon.client.authenticate(JOE);
  assert.ok(answer.kind === 'temporary failure');
  assert.match(answer.reason, /userdb\.dat: the file is too short/);
  await waitUntil('the log says so', () => /ERR: authuserdb: .*userdb\.dat/.test(daemon.log()));
  assert.equal(await exchange(daemon.socketPath, login('imap', 'joe', 'secret')), '', 'silence for others, as Courier');
  assert.equal(await exchange(daemon.socketPath, 'PASSWD imap\tjoe\tsecret\tx\n'), 'FAIL\n');

  rmSync(compiled);
  assert.deepEqual(await daemon.client.authenticate(JOE), { kind: 'rejected' });
  await writeUserdb(daemon.directory, COURIER_USERDB);
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  assert.equal(await daemon.stop(), 0);
});

test('A17: a changed password counts at once, and the CRAM secrets follow it', async () => {
  const userdb = `${COURIER_USERDB}\nann\tuid=7|gid=7|home=/a|systempw={SSHA}uJDd0BIdJ9Z7yDCZNWdgYeb33+cBAgME|hmac-md5pw=00\n`;
  const daemon = await startDaemon(await configuration(userdb));
  const change = {
    service: 'imap',
    loginName: 'ann',
    oldPassword: new Secret('secret'),
    newPassword: new Secret('tanstaafl'),
  };

  assert.deepEqual(await daemon.client.changePassword({ ...change, oldPassword: new Secret('x') }), {
    kind: 'rejected',
  });
  assert.deepEqual(await daemon.client.changePassword({ ...change, newPassword: new Secret('a\tb') }), {
    kind: 'rejected',
  });
  assert.deepEqual(await daemon.client.changePassword(change), { kind: 'changed' });

  assert.deepEqual(await daemon.client.authenticate({ ...JOE, loginName: 'ann' }), { kind: 'rejected' });
  assert.equal(
    (await daemon.client.authenticate({ ...JOE, loginName: 'ann', password: change.newPassword })).kind,
    'account',
  );
  const source = readFileSync(join(daemon.directory, 'userdb'), 'utf8');
  assert.match(source, /^ann\tuid=7\|gid=7\|home=\/a\|systempw=\{SSHA\}[^|]+\|hmac-md5pw=[0-9a-f]{64}$/m);
  assert.ok(source.startsWith(COURIER_USERDB), 'the other records are as they were');
  assert.equal(statSync(join(daemon.directory, 'userdb')).mode & 0o777, 0o600);

  // The example of RFC 2195 section 2, with its password.
  const challenge = Buffer.from('<1896.697170952@postoffice.reston.mci.net>').toString('base64');
  const response = Buffer.from('ann b913a602c7eda7a495b4e6e7334d3890').toString('base64');
  const twice = { ...change, oldPassword: new Secret('tanstaafl'), newPassword: new Secret('tanstaaftanstaaf') };
  assert.deepEqual(await daemon.client.changePassword(twice), { kind: 'changed' });
  const body = `imap\ncram-md5\n${challenge}\n${response}\n`;
  assert.match(await exchange(daemon.socketPath, `AUTH ${body.length}\n${body}`), /^UID=7\n/);
  const forged = body.replace(response, Buffer.from('ann b913a602c7eda7a495b4e6e7334d3891').toString('base64'));
  assert.equal(await exchange(daemon.socketPath, `AUTH ${forged.length}\n${forged}`), 'FAIL\n');
  assert.equal(await daemon.stop(), 0);
});

test('passwords stand in the log at DEBUG_LOGIN=2 only', async () => {
  for (const level of [0, 1, 2]) {
    const daemon = await startDaemon(await configuration(COURIER_USERDB, `DEBUG_LOGIN=${level}`));
    await daemon.client.authenticate({ ...JOE, remoteIp: '192.0.2.1' });
    await daemon.client.authenticate({ ...JOE, password: new Secret('mistyped') });
    await daemon.client.changePassword({
      ...JOE,
      oldPassword: new Secret('secret'),
      newPassword: new Secret('brandnew'),
    });
    assert.equal(await daemon.stop(), 0);
    const log = daemon.log();

    assert.equal(
      /DEBUG: received auth request, service=imap, authtype=login, ip=\[192\.0\.2\.1\]/.test(log),
      level > 0,
    );
    assert.equal(/DEBUG: authuserdb: trying this module/.test(log), level > 0);
    assert.equal(/clearpasswd=secret/.test(log), level === 2);
    assert.equal(/mistyped/.test(log), level === 2);
    assert.equal(/5en6G6MezRroT3XKqkdPOmY/.test(log), level === 2);
    assert.doesNotMatch(log, /brandnew/);
  }
});

test('A2: modules that are not built in are named and passed over; with none left, authdaemond does not start', async () => {
  const directory = await configuration(COURIER_USERDB);
  const rc = join(directory, 'authdaemonrc');
  const text = readFileSync(rc, 'utf8');
  writeFileSync(rc, text.replace('"authuserdb"', '"authsqlite authuserdb authfoo"'));
  const daemon = await startDaemon(directory);
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  assert.match(daemon.log(), /^INFO: modules="authsqlite authuserdb authfoo", daemons=2$/m);
  assert.match(daemon.log(), /^INFO: Installing libauthsqlite$/m);
  assert.match(daemon.log(), /^INFO: authsqlite is a module of Courier that this authdaemond does not have/m);
  assert.match(daemon.log(), /^INFO: authfoo is not the name of a module$/m);
  assert.match(daemon.log(), /^INFO: Installation complete: authuserdb$/m);
  assert.equal(await daemon.stop(), 0);

  const without = await configuration(COURIER_USERDB);
  writeFileSync(join(without, 'authdaemonrc'), text.replace('"authuserdb"', '"authsqlite authfoo"'));
  const refused = await run([process.execPath, program('authdaemond')], { environment: { COURIER_CONFDIR: without } });
  assert.equal(refused.exitCode, 78);
  assert.match(refused.stderr, /none of the modules in authmodulelist \("authsqlite authfoo"\) is available/);
  rmSync(without, { recursive: true });
});

test('all that is wrong with the settings is told before a start, and by --check', async () => {
  const directory = await configuration(COURIER_USERDB, 'DEBUG_LOGIN=x\nauthdaemonvar=relative\nTYPO=1\nLOGTO=nowhere');
  const environment = { COURIER_CONFDIR: directory };
  for (const option of [[], ['--check']]) {
    const { exitCode, stderr } = await run([process.execPath, program('authdaemond'), ...option], { environment });
    assert.equal(exitCode, 78);
    assert.match(stderr, /authdaemonrc:4: DEBUG_LOGIN=x is not known; write one of 0, 1, 2/);
    assert.match(stderr, /authdaemonrc:5: authdaemonvar=relative is not an absolute path/);
    assert.match(stderr, /authdaemonrc:7: LOGTO=nowhere is not known/);
  }
  const dumped = await run([process.execPath, program('authdaemond'), '--dump-config'], { environment });
  assert.match(dumped.stdout, /^daemons='2' {2}# .*authdaemonrc:3$/m);
  assert.match(dumped.stdout, /^DEFAULTOPTIONS='' {2}# default$/m);
  assert.match(dumped.stderr, /TYPO is not a setting of this program/);
  rmSync(directory, { recursive: true });
});

test('A3: --modules shows what is built in, what is enabled, and what can be reached', async () => {
  const directory = await configuration(COURIER_USERDB);
  const environment = { COURIER_CONFDIR: directory };
  const show = () => run([process.execPath, program('authdaemond'), '--modules'], { environment });
  const first = await show();
  assert.equal(first.stdout.split('\n')[0], 'authuserdb\tbuilt in\tenabled\treachable');
  assert.match(first.stdout, /^authmysql\tbuilt in\tnot enabled$/m);
  assert.equal(first.exitCode, 0);

  rmSync(join(directory, 'userdb.dat'));
  const rc = join(directory, 'authdaemonrc');
  writeFileSync(rc, readFileSync(rc, 'utf8').replace('"authuserdb"', '"authsqlite authuserdb"'));
  const { stdout, exitCode } = await show();
  const [sqlite, userdb] = stdout.split('\n');
  assert.equal(sqlite, 'authsqlite\tnot built in\tenabled');
  assert.match(userdb ?? '', /^authuserdb\tbuilt in\tenabled\tnot reachable: .*has not been compiled; run makeuserdb$/);
  assert.equal(exitCode, 1);
  rmSync(directory, { recursive: true });
});

test('A1, 71: killed and started again: temporary failure, then fine; the old socket is replaced', async () => {
  const daemon = await startDaemon(await configuration(COURIER_USERDB));
  daemon.child.kill('SIGKILL');
  await new Promise((resolve) => daemon.child.once('close', resolve));
  assert.ok(existsSync(daemon.socketPath));
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'temporary failure');

  const again = await startDaemon(daemon.directory);
  await waitUntil('the daemon answers', async () => (await daemon.client.authenticate(JOE)).kind === 'account');
  assert.equal(await again.stop(), 0);
  assert.equal(existsSync(daemon.socketPath), false);
});

test('a directory that everybody may enter is told', async () => {
  const directory = await configuration(COURIER_USERDB);
  chmodSync(join(directory, 'run'), 0o755);
  const daemon = await startDaemon(directory);

  assert.match(daemon.log(), /WARN: .*run: everybody on this machine may ask for passwords/);
  assert.equal(await daemon.stop(), 0);
});

test('the daemon ends when the process that keeps it ends', async () => {
  const directory = await configuration(COURIER_USERDB, 'LOGTO=stderr');
  const keeper = spawn('/bin/sleep', ['60']);
  const environment = { COURIER_CONFDIR: directory };
  const running = run([process.execPath, program('authdaemond'), `--keeper=${keeper.pid}`], {
    environment,
    seconds: 120,
  });
  const waited = await run([process.execPath, program('authdaemond'), `--wait=${keeper.pid}`], { environment });
  assert.equal(waited.exitCode, 0, waited.stderr);

  keeper.kill('SIGKILL');
  assert.equal((await running).exitCode, 0);
  rmSync(directory, { recursive: true });
});

test('the client tells every kind of broken daemon from a clear no', async () => {
  const directory = await configuration(COURIER_USERDB);
  const socketPath = join(directory, 'broken');
  const replies = [
    '',
    'FAI',
    'UID=1\nGID=1\n',
    '.\n',
    'OK\n',
    'UID=1\n.\n',
    'x'.repeat(100_000),
    'TEMPFAIL the database is down\n',
  ];
  let reply = '';
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.resume().end(reply);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const client = new AuthClient({ socketPath, readMs: 5000 });
  for (reply of replies) {
    const answer = await client.authenticate(JOE);
    assert.equal(answer.kind, 'temporary failure', JSON.stringify(reply.slice(0, 20)));
    for await (const item of client.enumerate()) assert.ok(item.kind === 'incomplete' || reply === '.\n');
  }
  assert.deepEqual(await client.authenticate(JOE), { kind: 'temporary failure', reason: 'the database is down' });
  await new Promise((resolve) => server.close(resolve));

  const mute = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => mute.listen(join(directory, 'mute'), resolve));
  const patient = new AuthClient({ socketPath: join(directory, 'mute'), readMs: 100 });
  assert.deepEqual(await patient.authenticate(JOE), { kind: 'temporary failure', reason: 'no answer in time' });
  mute.close();
  rmSync(directory, { recursive: true });
});

testFloods();

test('68: a silent caller is cut off after ten seconds, and others were served meanwhile', async () => {
  const { daemon, cutOff } = silent;
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  const { heard, seconds } = await cutOff;

  assert.equal(heard, '');
  assert.ok(seconds > 9 && seconds < 20, `${seconds} s`);
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  assert.equal(await daemon.stop(), 0);
});
