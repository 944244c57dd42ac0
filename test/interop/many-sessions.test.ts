/**
 * A server with 500 sessions, half of them in TLS, whose administrator reloads wrong settings, then good ones, and stops
 * it: attacks 88. What a client was told is done is done, and what it had only begun is not there at all.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ConnectionGone, type ImapClient, loginClient, openConnection } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot, programs, searchPath } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { run } from '../support/processes.js';
import { makeCertificate, startOurs } from '../support/start.js';
import { type ScriptedServers, startWithScripts } from '../support/start-scripts.js';

const SESSIONS = 500;
const ACCOUNTS = 10;
/** So many clients come at the same time. */
const AT_ONCE = 25;
/** Everybody is told, and everything has ended, in this time; most of it is for the scripts on a busy machine. */
const STOP_MS = 30_000;

const BYE = '* BYE Angarium server shut down by signal.';
/** The messages that were there before are smaller. */
const SMALL = 10_000;
/** Larger than any buffer on the way. */
const LARGE = Buffer.from(`Subject: large\r\n\r\n${'All of it, or nothing.\r\n'.repeat(200_000)}`);

/** As it lies in the maildir, where lines end as the system's do. */
const STORED = LARGE.toString('latin1').replaceAll('\r', '').length;

interface Session {
  readonly client: ImapClient;
  readonly home: string;
}

async function inBatches<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => work(from + index));
    results.push(...(await Promise.all(batch)));
  }
  return results;
}

function script(name: string, word: string, { configuration }: ScriptedServers) {
  const environment = { COURIER_CONFDIR: configuration, ANGARIUM_PROGRAMS: programs, PATH: searchPath };
  return run(['/bin/sh', join(checkoutRoot, 'init', name), word], { environment });
}

/** Writes settings behind those that a file has; gives a function that takes them back. */
function addSettings(servers: ScriptedServers, file: string, lines: string): () => void {
  const path = join(servers.configuration, file);
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, `${before}\n${lines}`);
  return () => writeFileSync(path, before);
}

async function greetingFrom(port: number, localAddress: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  const text = await new Promise<string>((resolve) => socket.once('data', (octets) => resolve(octets.toString())));
  socket.destroy();
  return text;
}

async function certificateOf(port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** Everything that a session hears until it ends. */
async function rest(client: ImapClient): Promise<string[]> {
  const heard: string[] = [];
  for (;;) {
    const response = await client.response().catch((error: unknown) => {
      if (error instanceof ConnectionGone) return undefined;
      throw error;
    });
    if (response === undefined) return heard;
    heard.push(response);
  }
}

async function reloadWrong(servers: ScriptedServers, sessions: readonly Session[]): Promise<void> {
  const back = [
    addSettings(servers, 'imapd', 'MAXDAEMONS=many\nIMAP_UMASK=9\n'),
    addSettings(servers, 'imapd-ssl', 'TLS_VERIFYPEER=SOMETIMES\n'),
  ];
  const { exitCode, stderr } = await script('imapd.rc', 'reload', servers);
  assert.notEqual(exitCode, 0);
  for (const wrong of ['MAXDAEMONS=many', 'IMAP_UMASK=9', 'TLS_VERIFYPEER=SOMETIMES', 'the settings stay as they were'])
    assert.ok(stderr.includes(wrong), `${wrong} in\n${stderr}`);
  for (const undo of back) undo();
  await Promise.all(sessions.map(({ client }) => client.must('NOOP')));
  (await loginClient(servers.port, 'user0', PASSWORD, false)).close();
}

async function reloadGood(servers: ScriptedServers, sessions: readonly Session[]): Promise<void> {
  const access = join(servers.configuration, 'access');
  writeFileSync(access, '127.0.0.3\tdeny\n127.0.0.2\tallow,MAXCPERIP=0\n');
  const before = await certificateOf(servers.tlsPort);
  await makeCertificate(join(servers.configuration, 'imapd.pem'));
  addSettings(servers, 'imapd', `IMAPACCESSFILE=${access}\nMAXPERIP=499\n`);

  assert.deepEqual(await script('imapd.rc', 'reload', servers), { exitCode: 0, stdout: '', stderr: '' });

  assert.notEqual(await certificateOf(servers.tlsPort).catch(() => before), before);
  assert.match(await greetingFrom(servers.port, '127.0.0.3'), /not allowed here/);
  assert.match(await greetingFrom(servers.port, '127.0.0.1'), /the limit is 499 \(MAXPERIP\)/);
  await Promise.all(sessions.map(({ client }) => client.must('NOOP')));
}

/** Messages of an account, by the size of their files. */
function messagesOf(home: string): number[] {
  const maildir = join(home, 'Maildir');
  return ['cur', 'new'].flatMap((folder) =>
    readdirSync(join(maildir, folder)).map((name) => readFileSync(join(maildir, folder, name)).length),
  );
}

/** Far beyond what the test needs. */
const NO_LIMITS = { MAXDAEMONS: '2000', MAXPERIP: '2000', MAXBEFORELOGIN: '2000', MAXRATEPERIP: '20000' };

function usersIn(directory: string) {
  return Array.from({ length: ACCOUNTS }, (_, index) => {
    const home = join(directory, `user${index}`);
    mkdirSync(home);
    copyMaildir('three-messages', join(home, 'Maildir'));
    giveToMailUser(home);
    return { name: `user${index}`, home };
  });
}

test('attacks 88: 500 sessions, a wrong reload, a good one, and a stop that loses nothing', async () => {
  const scratch = scratchDirectory('many');
  const users = usersIn(scratch.path);
  const servers = await startWithScripts({ directory: scratch.path, users, settings: NO_LIMITS });
  try {
    const sessions = await inBatches(SESSIONS, async (index): Promise<Session> => {
      const { name, home } = users[index % ACCOUNTS] ?? { name: '', home: '' };
      const isTls = index % 2 === 1;
      const client = await loginClient(isTls ? servers.tlsPort : servers.port, name, PASSWORD, isTls);
      await client.must('SELECT INBOX');
      return { client, home };
    });
    await reloadWrong(servers, sessions);
    await reloadGood(servers, sessions);

    const idle = sessions.slice(100, 300);
    for (const { client } of idle) client.raw('i IDLE\r\n');
    for (const { client } of idle) assert.match(await client.response(), /^\+ /);
    await inBatches(ACCOUNTS, (index) => sessions[20 + index]?.client.must('APPEND INBOX', LARGE) ?? assert.fail());
    const half = sessions.slice(0, 10);
    for (const { client } of half)
      client.raw(`a APPEND INBOX {${LARGE.length}+}\r\n${LARGE.toString('latin1', 0, 100_000)}`);
    const whole = sessions.slice(10, 20);
    for (const { client } of whole) client.raw(`a APPEND INBOX {${LARGE.length}+}\r\n${LARGE.toString('latin1')}\r\n`);
    const ends = sessions.map(({ client }) => rest(client));
    const started = performance.now();
    assert.equal((await script('imapd-ssl.rc', 'stop', servers)).exitCode, 0);
    assert.equal((await script('imapd.rc', 'stop', servers)).exitCode, 0);
    const stopped = performance.now() - started;

    const heard = await Promise.all(ends);
    assert.deepEqual(
      heard.map((lines) => lines.at(-1)),
      sessions.map(() => BYE),
    );
    assert.ok(stopped < STOP_MS, `it took ${stopped} ms`);
    const isDone = (index: number) => heard[index]?.some((line) => line.startsWith('a OK')) === true;
    for (const [index, { home }] of sessions.slice(0, ACCOUNTS).entries()) {
      const large = messagesOf(home).filter((size) => size > SMALL);
      assert.equal(isDone(index), false, 'a half message was accepted');
      assert.ok(
        large.every((size) => size === STORED),
        `${large}`,
      );
      assert.ok(large.length === 2 || (large.length === 1 && !isDone(index + ACCOUNTS)), `${large}`);
    }
  } finally {
    await servers.stop();
    scratch.remove();
  }
});

/** A POP3 session that is logged in; gives what it hears from then on, when the server has closed. */
async function popSession(port: number, tls: boolean, name: string): Promise<() => Promise<string>> {
  const connection = await openConnection(port, tls);
  let heard = '';
  for (const line of ['', `USER ${name}`, `PASS ${PASSWORD}`, 'DELE 1']) {
    if (line !== '') connection.send(Buffer.from(`${line}\r\n`));
    heard = String(await connection.receive());
    assert.match(heard, /^\+OK/);
  }
  return async () => {
    heard = '';
    for (let octets = await connection.receive(); octets !== undefined; octets = await connection.receive())
      heard += octets;
    return heard;
  };
}

test('attacks 88: POP3 sessions are told, too, and what they had marked as deleted stays', async () => {
  const scratch = scratchDirectory('many');
  const users = usersIn(scratch.path);
  const servers = await startOurs({ directory: scratch.path, users, pop3: NO_LIMITS });
  try {
    const { port = 0, tlsPort = 0, pop3d } = servers.pop3 ?? {};
    const sessions = await inBatches(SESSIONS / 5, (index) =>
      popSession(index % 2 === 1 ? tlsPort : port, index % 2 === 1, users[index % ACCOUNTS]?.name ?? ''),
    );
    const ends = Promise.all(sessions.map((rest) => rest()));
    const gone = new Promise((resolve) => pop3d?.once('close', resolve));
    const started = performance.now();
    pop3d?.kill('SIGTERM');
    await gone;

    assert.ok(performance.now() - started < STOP_MS);
    const bye = '-ERR [SYS/TEMP] Angarium server shut down by signal.\r\n';
    assert.deepEqual(
      await ends,
      sessions.map(() => bye),
    );
    for (const { home } of users) assert.equal(messagesOf(home).length, 3);
  } finally {
    await servers.stop();
    scratch.remove();
  }
});
