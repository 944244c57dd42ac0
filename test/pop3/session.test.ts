/**
 * What transcripts of POP3 cannot show: log lines, clocks, clients that vanish or are slow, many commands at once.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { logTo } from '../../init/runtime/log/log.js';
import type { WorkerSession } from '../../init/runtime/worker/mail-worker.js';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { Pop3Server } from '../../pop3d/mail-server.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { pop3TestSettings } from '../support/pop3-target.js';
import { HandClock, TestClient } from '../support/session-fixture.js';
import { testStore } from '../support/test-store.js';

let scratch: Scratch;
let maildir: string;
let log: string[];
let clock: HandClock;
let clients: TestClient[];

beforeEach(() => {
  scratch = scratchDirectory('pop3-session');
  maildir = join(scratch.path, 'Maildir');
  copyMaildir('five-letters', maildir);
  log = [];
  clients = [];
  clock = new HandClock();
});

afterEach(async () => {
  for (const client of clients) client.vanish();
  await Promise.all(clients.map(({ done }) => done));
  scratch.remove();
});

function server(settings: Readonly<Record<string, string>> = {}): Pop3Server {
  const parts = { store: testStore({ useLocks: true }), fileSystem: realFileSystem, clock };
  return new Pop3Server({ ...parts, settings: pop3TestSettings(settings), runLoginExec: async () => undefined });
}

/** A client whose PASS was handed over. */
async function arrive(at: Pop3Server, changes: Partial<WorkerSession> = {}): Promise<TestClient> {
  const [theirs, ours] = duplexPair();
  const served = at.serve({
    stream: ours,
    unread: Buffer.alloc(0),
    tag: 'ASCII',
    account: { address: 'bob', home: scratch.path, maildir, uid: 0, gid: 0, options: {} },
    remote: { ip: '192.0.2.7', port: 40_112 },
    local: { ip: '192.0.2.1', port: 110 },
    tls: false,
    log: logTo((level, line) => void log.push(`${level}: ${line}`)),
    ...changes,
  });
  const client = new TestClient(theirs, ours, served);
  clients.push(client);
  await client.until('+OK logged in.\n');
  return client;
}

const letters = (): string[] => readdirSync(join(maildir, 'cur'));

describe('the log', () => {
  test('L1: LOGIN and LOGOUT are as Courier writes them', async () => {
    const client = await arrive(server(), { tls: true });
    client.send('RETR 1\r\nTOP 2 0\r\n');
    await client.until('\n.\n');
    await client.until('\n.\n');
    clock.turn(3);
    client.send('QUIT\r\n');
    await client.untilClosed();

    const who = 'user=bob, ip=[192.0.2.7], port=[40112]';
    assert.deepEqual(log, [
      `info: LOGIN, ${who}, stls=1`,
      `info: LOGOUT, ${who}, top=211, retr=139, rcvd=23, sent=447, time=3, stls=1`,
    ]);
  });

  test('POP3_LOG_DELETIONS: each message that is removed has a line, and none that is not', async () => {
    const client = await arrive(server({ POP3_LOG_DELETIONS: '1' }));
    client.send('DELE 1\r\nDELE 3\r\nRSET\r\nDELE 2\r\nQUIT\r\n');
    await client.untilClosed();

    const line = 'info: DELETED, user=bob, ip=[192.0.2.7], port=[40112], filename=cur/1700100002.M2.mx:2,RS';
    assert.deepEqual(log.slice(1, -1), [line]);
  });

  test('L1: a file name cannot forge a line', async () => {
    writeFileSync(join(maildir, 'cur', '1800000000.x, ip=[192.0.2.9]:2,'), 'Subject: forged\n\n');
    const client = await arrive(server({ POP3_LOG_DELETIONS: '1' }));
    client.send('DELE 6\r\nQUIT\r\n');
    await client.untilClosed();

    assert.match(log[1] ?? '', /, filename=cur\/1800000000\.x\\x2C\\x20ip\\x3D\\x5B192\.0\.2\.9\\x5D:2\\x2C$/);
  });

  test('without it there is none', async () => {
    const client = await arrive(server());
    client.send('DELE 2\r\nQUIT\r\n');
    await client.untilClosed();

    assert.equal(log.length, 2);
  });
});

describe('the end', () => {
  test('P1: a client that vanishes has removed nothing', async () => {
    const client = await arrive(server());
    client.send('DELE 1\r\nDELE 2\r\nQUI');
    await client.until('+OK Deleted.\n+OK Deleted.\n');
    client.vanish();
    await client.done;

    assert.match(log.at(-1) ?? '', /^info: DISCONNECTED, user=bob, .*, top=0, retr=0, rcvd=19, sent=44, time=0$/);
    assert.equal(letters().length, 5);
  });

  test('a QUIT whose line has no end is none', async () => {
    const client = await arrive(server());
    client.send('DELE 1\r\nQUIT');
    await client.until('+OK Deleted.\n');
    client.stream.end();
    await client.done;

    assert.match(log.at(-1) ?? '', /DISCONNECTED/);
    assert.equal(letters().length, 5);
  });

  test('who falls silent is left without a word, and nothing is removed', async () => {
    const client = await arrive(server({ POP3_INACTIVITY_TIMEOUT: '700' }));
    client.send('DELE 1\r\n');
    await client.until('+OK Deleted.\n');
    clock.turn(699);
    client.send('NOOP\r\n');
    await client.until('+OK Yup.\n');
    await new Promise((resolve) => setImmediate(resolve));
    clock.turn(700);

    assert.equal(await client.untilClosed(), '');
    await client.done;
    assert.match(log.at(-1) ?? '', /^info: TIMEOUT, user=bob, .*, time=1399$/);
    assert.equal(letters().length, 5);
  });

  test('when the server ends, sessions are told, and nothing is removed', async () => {
    const at = server();
    const client = await arrive(at);
    client.send('DELE 1\r\n');
    await client.until('+OK Deleted.\n');
    await at.end();

    assert.equal(await client.untilClosed(), '-ERR [SYS/TEMP] Angarium server shut down by signal.\n');
    assert.match(log.at(-1) ?? '', /^notice: Disconnected during shutdown by signal, user=bob/);
    assert.equal(letters().length, 5);
  });

  test('an administrator sees a session, and ends it', async () => {
    const at = server();
    const client = await arrive(at, { sessionId: 7 });

    const [seen] = at.sessions({ user: 'bob' });
    assert.deepEqual([seen?.session, seen?.protocol, seen?.ip], [7, 'pop3', '192.0.2.7']);
    assert.equal(at.kick({ session: 7 }).length, 1);
    assert.equal(await client.untilClosed(), '-ERR [SYS/TEMP] Disconnected by the administrator.\n');
  });
});

test('L2: a session is traced where the file is, without passwords, also when it has begun', async () => {
  const file = join(maildir, 'pop3log.dat');
  const at = server({ POP3DEBUGFILE: 'pop3log.dat' });
  const client = await arrive(at);
  client.send('NOOP\r\n');
  await client.until('+OK Yup.\n');
  assert.equal(at.lookForTraces({}).length, 0);
  writeFileSync(file, '');
  assert.equal(at.lookForTraces({}).length, 1);

  client.send('STAT\r\nPASS secret\r\nAUTH PLAIN c2VjcmV0\r\nQUIT\r\n');
  await client.untilClosed();
  await client.done;
  const time = '2026-11-21T00:00:00.000Z';
  assert.equal(
    readFileSync(file, 'latin1'),
    [
      ...['READ: STAT', 'READ: PASS (not shown)', 'READ: AUTH (not shown)', 'READ: QUIT'],
      'WRITE: +OK 5 984\n-ERR Invalid command.\n-ERR Invalid command.\n+OK Bye-bye.',
    ]
      .map((line) => `${time} ${line}\n`)
      .join(''),
  );
});

test('attacks 79: a QUIT that the disk refuses is -ERR, and nothing else is lost', async () => {
  const disk: FileSystem = {
    ...realFileSystem,
    unlink(path) {
      if (path.includes('.M2.')) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      realFileSystem.unlink(path);
    },
  };
  const store = testStore({ fileSystem: disk, useLocks: true });
  const parts = { store, fileSystem: disk, clock, settings: pop3TestSettings() };
  const client = await arrive(new Pop3Server({ ...parts, runLoginExec: async () => undefined }));
  client.send('DELE 1\r\nDELE 2\r\nQUIT\r\n');

  assert.match(await client.untilClosed(), /\n-ERR \[SYS\/TEMP\] Some deleted messages were not removed\.\n$/);
  assert.deepEqual(letters().length, 4);
  assert.ok(letters().some((name) => name.includes('.M2.')));
});

describe('what a client sends', () => {
  test('PIPELINING: many commands at once are answered in their order', async () => {
    const client = await arrive(server(), { unread: Buffer.from('STAT\r\nLIST 2\r\n') });
    client.send('NOOP\nUIDL 9\r\nRETR 4\r\nDELE 4\r\nSTAT\r\nQUIT\r\nSTAT\r\n');
    const said = await client.untilClosed();

    const lines = said.split('\n');
    assert.deepEqual(lines.slice(0, 4), ['+OK 5 984', '+OK 2 244', '+OK Yup.', '-ERR Invalid message number.']);
    assert.match(said, /\nNumbers follow\.\n\.\n\+OK Deleted\.\n\+OK 4 836\n\+OK Bye-bye\.\n$/);
    assert.equal(letters().length, 4);
  });

  test('a line that is too long is no command, and what follows is one', async () => {
    const client = await arrive(server());
    client.send(`NOOP ${'x'.repeat(100_000)}`);
    client.send(`${'y'.repeat(100_000)}\r\nSTAT\r\n`);

    assert.equal(await client.until('984\n'), '-ERR The line is too long.\n+OK 5 984\n');
  });

  test('octets that are no text are refused', async () => {
    const client = await arrive(server());
    client.send('\0\0\0\r\n\xff\xfe\r\nST\0AT\r\nNOOP\r\n');

    assert.equal(await client.until('Yup.\n'), `${'-ERR Invalid command.\n'.repeat(3)}+OK Yup.\n`);
  });
});

describe('large messages', () => {
  test('a client that reads slowly gets all of it, and the server holds little of it meanwhile', async () => {
    const line = `${'x'.repeat(70)}\n.dot\n`;
    const lines = 200_000;
    writeFileSync(join(maildir, 'cur', '1800000000.M9.mx:2,'), `Subject: large\n\n${line.repeat(lines)}`);
    const client = await arrive(server());
    client.stream.pause();
    client.send('RETR 6\r\n');
    await new Promise((resolve) => setTimeout(resolve, 100));

    assert.ok(client.stream.readableLength + 1 < 2 * 1024 * 1024);

    let received = 0;
    let rest = '';
    client.stream.on('data', (octets: Buffer) => {
      received += octets.length;
      rest = (rest + octets.toString('latin1')).slice(-30);
    });
    client.stream.resume();
    while (!rest.endsWith('\r\n.\r\n')) await new Promise((resolve) => setImmediate(resolve));
    const sizeOctets = 'Subject: large\r\n\r\n'.length + (72 + 6) * lines;
    const reply = `+OK ${sizeOctets} octets follow.\r\n`;
    assert.equal(received, reply.length + sizeOctets + lines + '.\r\n'.length);
    assert.ok(rest.endsWith('..dot\r\n.\r\n'));
  });

  test('attacks 81: TOP takes any number of lines, and no other word', async () => {
    const client = await arrive(server());
    client.send('TOP 1 -1\r\nTOP 1 x\r\nTOP 1 4000000000\r\nTOP 1 0\r\nQUIT\r\n');
    const said = await client.untilClosed();

    assert.ok(said.startsWith('-ERR Invalid command.\n-ERR Invalid command.\n+OK headers follow.\nFrom: Ann'));
    assert.equal(said.match(/At noon\?/g)?.length, 1);
  });

  test('TOP reads no more of it than it needs', async () => {
    writeFileSync(join(maildir, 'cur', '1800000000.M9.mx:2,'), `Subject: large\n\n${'line\n'.repeat(1_000_000)}`);
    const client = await arrive(server());
    client.send('TOP 6 2\r\nQUIT\r\n');

    assert.equal(await client.untilClosed(), '+OK headers follow.\nSubject: large\n\nline\nline\n.\n+OK Bye-bye.\n');
    assert.match(log.at(-1) ?? '', /, top=26, /);
  });

  test('pieces of a file are cut anywhere, and line ends and dots are right', async () => {
    const text = `Subject: edges\n\n${`${'y'.repeat(61)}\n.\n`.repeat(3_000)}`;
    writeFileSync(join(maildir, 'cur', '1800000000.M9.mx:2,'), text);
    const client = await arrive(server());
    client.send('RETR 6\r\nQUIT\r\n');
    const said = await client.untilClosed();

    const sent = text.replaceAll('\n.', '\n..');
    assert.equal(said, `+OK ${text.length + text.split('\n').length - 1} octets follow.\n${sent}.\n+OK Bye-bye.\n`);
  });
});

test('a message that IMAP reads afterwards is marked as read, once', async () => {
  const client = await arrive(server());
  client.send('RETR 3\r\nRETR 3\r\nQUIT\r\n');
  await client.untilClosed();

  assert.ok(letters().includes('1700200003.M3.mx:2,FS'));
  assert.match(readFileSync(join(maildir, 'courierpop3dsizelist'), 'utf8'), /M3\.mx:2,F 292 3:/);
});
