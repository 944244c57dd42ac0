/**
 * Remembered logins in running daemons: in the memory of one, and in a real Redis that two share, stops, hangs and
 * comes back.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { Secret } from '../../init/runtime/secret.js';
import { findProgram, freePort, run, waitForPort, waitUntil } from '../support/processes.js';
import { configuration, exchange, login, program, type RunningDaemon, startDaemon, writeUserdb } from './support.js';

const JOE = { service: 'imap', loginName: 'joe', password: new Secret('secret') };
const SECRET_HASH = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
const USERDB = `joe\tuid=5000|gid=5001|home=/home/joe|mail=/home/joe/Maildir|quota=1000S|systempw=${SECRET_HASH}\n`;

/** How often a daemon has let somebody in without asking its module. */
async function remembered(daemon: RunningDaemon): Promise<number> {
  // An answer may be here before the line that was written before it.
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return daemon.log().match(/^DEBUG: authuserdb: remembered$/gm)?.length ?? 0;
}

test('67: in memory: a second login asks no module; a changed password, changed files and a reload count at once', async () => {
  const daemon = await startDaemon(await configuration(USERDB, 'DEBUG_LOGIN=1\nAUTHCACHE_TTL=600'));
  const first = await exchange(daemon.socketPath, login('imap', 'joe', 'secret'));
  assert.match(first, /^UID=5000\n/);
  assert.equal(await exchange(daemon.socketPath, login('imap', 'joe', 'secret')), first, 'octet for octet');
  assert.equal(await remembered(daemon), 1);
  assert.equal(await exchange(daemon.socketPath, login('imap', 'joe', 'wrong')), 'FAIL\n');
  assert.equal(await exchange(daemon.socketPath, login('pop3', 'joe', 'secret')), first);
  assert.equal(await remembered(daemon), 1, 'a service is not another one');

  const change = { ...JOE, oldPassword: JOE.password, newPassword: new Secret('tanstaafl') };
  assert.deepEqual(await daemon.client.changePassword(change), { kind: 'changed' });
  assert.deepEqual(await daemon.client.authenticate(JOE), { kind: 'rejected' });
  assert.equal((await daemon.client.authenticate({ ...JOE, password: change.newPassword })).kind, 'account');
  await writeUserdb(daemon.directory, USERDB);
  assert.deepEqual(await daemon.client.authenticate({ ...JOE, password: change.newPassword }), { kind: 'rejected' });

  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  daemon.child.kill('SIGHUP');
  await waitUntil('the modules are exchanged', () => daemon.log().includes('Uninstalling authuserdb'));
  const before = await remembered(daemon);
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  assert.equal(await remembered(daemon), before);
  assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
  assert.equal(await remembered(daemon), before + 1);

  const explained = await run([process.execPath, program('authtest'), '-v', '-s', 'imap', 'joe', 'secret'], {
    environment: { COURIER_CONFDIR: daemon.directory },
  });
  assert.match(explained.stderr, /^authuserdb: yes \(\d+\.\d ms\)$/m);
  assert.match(
    explained.stderr,
    /^Mind: authdaemond remembers this login, and lets it in without asking for \d+ s more$/m,
  );
  assert.match(explained.stderr, /^Mind: its home \/home\/joe does not exist$/m);
  assert.doesNotMatch(explained.stderr, /secret/);
  assert.equal(await daemon.stop(), 0);
});

describe('logins shared through Redis', () => {
  const directory = mkdtempSync(join(tmpdir(), 'authredis-'));
  const secretFile = join(directory, 'secret');
  let port = 0;
  let redis: ChildProcess;
  let one: RunningDaemon;
  let other: RunningDaemon;

  const startRedis = async (): Promise<void> => {
    const options = ['--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no'];
    redis = spawn(findProgram('/usr/bin/redis-server'), ['--port', String(port), ...options], { stdio: 'ignore' });
    await waitForPort(port);
  };
  const stopRedis = async (): Promise<void> => {
    const ended = new Promise((resolve) => redis.once('close', resolve));
    redis.kill('SIGKILL');
    await ended;
  };
  const everything = async (): Promise<string> => {
    const client = new Redis(port, '127.0.0.1');
    const keys = await client.keys('*');
    const values = keys.length === 0 ? [] : await client.mgetBuffer(...keys);
    client.disconnect();
    return `${keys.join('\n')}\n${values.map((value) => value?.toString('latin1')).join('\n')}`;
  };
  const settings = (url: string): string =>
    `DEBUG_LOGIN=1\nAUTHCACHE_TTL=600\nAUTHCACHE_REDIS="${url}"\nAUTHCACHE_SECRETFILE="${secretFile}"`;

  before(async () => {
    port = await freePort();
    writeFileSync(secretFile, randomBytes(32), { mode: 0o600 });
    await startRedis();
    const url = `redis://127.0.0.1:${port}`;
    one = await startDaemon(await configuration(USERDB, settings(url)));
    other = await startDaemon(await configuration(USERDB, settings(url)));
  });
  after(async () => {
    redis.kill('SIGKILL');
    assert.equal(await one.stop(), 0);
    assert.equal(await other.stop(), 0);
    rmSync(directory, { recursive: true });
  });

  /** A login that a daemon had learnt before: over and over until it is remembered. */
  const learnt = async (daemon: RunningDaemon): Promise<void> => {
    const before = await remembered(daemon);
    await waitUntil('the login is remembered', async () => {
      assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
      return (await remembered(daemon)) > before;
    });
  };

  test('what one daemon has learnt the other knows, service by service, until a password is changed', async () => {
    await learnt(one);
    assert.equal(await remembered(other), 0);
    const answer = await exchange(other.socketPath, login('imap', 'joe', 'secret'));
    assert.equal(await remembered(other), 1);
    assert.equal(answer, await exchange(other.socketPath, login('pop3', 'joe', 'secret')), 'octet for octet');
    assert.equal(await remembered(other), 1);
    assert.equal(await exchange(other.socketPath, login('imap', 'joe', 'wrong')), 'FAIL\n');

    const change = { ...JOE, oldPassword: JOE.password, newPassword: new Secret('tanstaafl') };
    assert.deepEqual(await other.client.changePassword(change), { kind: 'changed' });
    const before = await remembered(one);
    assert.deepEqual(await other.client.authenticate(JOE), { kind: 'rejected' });
    assert.equal((await one.client.authenticate(JOE)).kind, 'account', 'its own userdb has the old password');
    assert.equal(await remembered(one), before, 'but it had to look');
    await writeUserdb(other.directory, USERDB);
  });

  test('the Redis holds no name, no password, no hash, and what is written into it lets nobody in', async () => {
    await learnt(one);
    const stolen = await everything();
    assert.match(stolen, /^angarium:login:[0-9a-f]{64}$/m);
    for (const word of ['joe', 'secret', 'home', SECRET_HASH, '5000']) assert.equal(stolen.includes(word), false, word);

    const client = new Redis(port, '127.0.0.1');
    for (const key of await client.keys('angarium:login:*')) {
      if (key.length > 40) await client.set(key, randomBytes(200));
    }
    client.disconnect();
    const before = await remembered(one);
    assert.equal((await one.client.authenticate(JOE)).kind, 'account');
    assert.deepEqual(await one.client.authenticate({ ...JOE, password: new Secret('wrong') }), { kind: 'rejected' });
    assert.equal(await remembered(one), before);
  });

  test('a Redis that hangs, stops and comes back never costs a login, and the log says so once', async () => {
    await learnt(one);
    redis.kill('SIGSTOP');
    const answers = await Promise.all(Array.from({ length: 50 }, () => one.client.authenticate(JOE)));
    redis.kill('SIGCONT');
    assert.deepEqual([...new Set(answers.map(({ kind }) => kind))], ['account']);
    await learnt(one);

    await stopRedis();
    for (let round = 0; round < 20; round += 1) assert.equal((await one.client.authenticate(JOE)).kind, 'account');
    assert.equal(
      (await one.client.changePassword({ ...JOE, oldPassword: new Secret('x'), newPassword: new Secret('y') })).kind,
      'rejected',
    );
    await startRedis();
    await learnt(one);
    const told = one.log().match(/^(WARN|INFO): AUTHCACHE_REDIS: .*$/gm) ?? [];
    assert.equal(told.length, 4, told.join('\n'));
    assert.match(told[0] ?? '', /until it answers, no logins are remembered$/);
    assert.match(told.at(-1) ?? '', /it answers again$/);
  });
});

test('a Redis without a good secret is a mistake that --check tells, and its password is not shown', async () => {
  const address = 'AUTHCACHE_TTL=60\nAUTHCACHE_REDIS="redis://:hidden@127.0.0.1:1"';
  const directory = await configuration(USERDB, `${address}\nAUTHCACHE_SECRETFILE="/none/such"`);
  const environment = { COURIER_CONFDIR: directory };
  const check = async (): Promise<string> =>
    (await run([process.execPath, program('authdaemond'), '--check'], { environment })).stderr;
  assert.match(await check(), /AUTHCACHE_SECRETFILE=\/none\/such cannot be read \(ENOENT\); make one with/);

  const secret = join(directory, 'secret');
  const rc = join(directory, 'authdaemonrc');
  writeFileSync(secret, 'short');
  const lines = [`authmodulelist="authuserdb"`, address, `AUTHCACHE_SECRETFILE="${secret}"`];
  writeFileSync(rc, `${lines.join('\n')}\n`);
  chmodSync(secret, 0o600);
  assert.match(await check(), /is shorter than 32 octets/);
  writeFileSync(secret, randomBytes(32));
  chmodSync(secret, 0o644);
  assert.match(await check(), /can be read by everybody/);
  chmodSync(secret, 0o600);
  assert.equal(await check(), '');
  const { stdout } = await run([process.execPath, program('authdaemond'), '--dump-config'], { environment });
  assert.match(stdout, /^AUTHCACHE_REDIS='redis:\/\/:\*\*\*@127\.0\.0\.1:1'/m);
  rmSync(directory, { recursive: true });
});
