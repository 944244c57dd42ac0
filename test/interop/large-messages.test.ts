/**
 * Messages of 50 MB go through the installed programs in little memory: what is measured is the mail worker itself,
 * by what the kernel says of it. The client is this process and does not count.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeMessages } from '../support/generated-maildir.js';
import { openConnection } from '../support/imap-client.js';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mailIds } from '../support/peer-targets.js';
import { processesCalled } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';
import type { TargetConnection } from '../support/transcript-target.js';

const LARGE_OCTETS = 50_000_000;
/**
 * Whoever keeps a message in memory, even once, needs 50 MB, and so does whoever takes new memory for each piece of it.
 * Ours grows by 3 to 6 MB; V8 may need a dozen more for a while, when its thread compiles.
 */
const MAX_GROWTH_KIB = 20 * 1024;
/** Two pieces of 1,024 octets are asked for; the file is 50 MB. */
const MAX_OCTETS_READ_FOR_PIECES = 1024 * 1024;
/** The line that completes LOGIN tells all capabilities. */
const LONGEST_LINE = 2_000;
const LINE = `${'QUJD'.repeat(18)}\n`;

/** A message with a text and an attachment of 50 MB. */
function largeMessage(): Buffer {
  const head = 'Subject: large\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nShort text.\n--b\n\n';
  return Buffer.from(`${head}${LINE.repeat(Math.ceil(LARGE_OCTETS / LINE.length))}--b--\n`);
}

/** Reads octets until a line begins with this text; gives how many came. */
async function drain(connection: TargetConnection, begin: string): Promise<number> {
  const line = new RegExp(`(^|\\r\\n)${begin}[^\\r]*\\r\\n$`);
  let octets = 0;
  for (let tail = ''; !line.test(tail); ) {
    const piece = await connection.receive();
    assert.ok(piece !== undefined, 'the connection was closed');
    octets += piece.length;
    tail = (tail + piece.toString('latin1', Math.max(0, piece.length - LONGEST_LINE))).slice(-LONGEST_LINE);
  }
  return octets;
}

/** A number of KiB in /proc/PID/status. */
function kib(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Octets that a process has read by system calls, sockets included. */
function octetsRead(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** The memory of some processes: how far its peak went above what it was before. */
class Growth {
  readonly #before: ReadonlyMap<number, number>;

  constructor(pids: readonly number[]) {
    // proc(5): this sets the peak back to what the process has now.
    for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
    this.#before = new Map(pids.map((pid) => [pid, kib(pid, 'VmRSS')]));
  }

  /** Of the process that grew most. */
  get kib(): number {
    return Math.max(...[...this.#before].map(([pid, before]) => kib(pid, 'VmHWM') - before));
  }
}

/** A server with one large message, and a client that has selected its mailbox. */
async function withLargeMessage(
  tls: boolean,
  work: (place: { servers: OurServers; connection: TargetConnection; maildir: string }) => Promise<void>,
): Promise<void> {
  const scratch = scratchDirectory('large');
  const home = join(scratch.path, 'bob');
  const maildir = join(home, 'Maildir');
  const directory = join(scratch.path, 'server');
  for (const path of [home, directory]) mkdirSync(path);
  copyMaildir('empty', maildir);
  writeMessages(maildir, [{ octets: largeMessage() }, { octets: 'Subject: small\n\nHello.\n' }]);
  if (process.getuid?.() === 0) giveTo(home, mailIds().uid, mailIds().gid);
  const servers = await startOurs({ directory, users: [{ name: 'bob', home }] });
  try {
    const connection = await openConnection(tls ? servers.tlsPort : servers.port, tls);
    connection.send(Buffer.from(`a LOGIN bob ${PASSWORD}\r\n`));
    await drain(connection, 'a OK');
    // What these commands need once, they have then.
    connection.send(Buffer.from('a SELECT INBOX\r\nb FETCH 2 (BODY.PEEK[] BODY.PEEK[1]<0.10>)\r\n'));
    await drain(connection, 'b OK');
    connection.send(Buffer.from('c APPEND INBOX {18+}\r\nSubject: x\r\n\r\nHi\r\n\r\n'));
    await drain(connection, 'c OK');
    await work({ servers, connection, maildir });
    connection.close();
  } finally {
    await servers.stop();
    scratch.remove();
  }
}

/** Runs one command, and says and checks what it cost. */
async function measured(context: TestContext, what: string, servers: OurServers, run: () => Promise<void>) {
  const workers = processesCalled('mail worker for', servers.roots());
  const logins = processesCalled('login process', servers.roots());
  assert.ok(workers.length > 0 && logins.length > 0);
  const [worker, login] = [new Growth(workers), new Growth(logins)];
  await run();
  const [workerKib, loginKib] = [worker.kib, login.kib];
  const mib = (value: number): string => `${(value / 1024).toFixed(1)} MiB`;
  context.diagnostic(`${what}: mail worker +${mib(workerKib)}, login process +${mib(loginKib)}`);
  // The login process only relays TLS; V8 lets some 30 MB of its used buffers lie before it collects them.
  assert.ok(workerKib < MAX_GROWTH_KIB, `${what}: ${workerKib} KiB more`);
}

for (const tls of [false, true]) {
  const how = tls ? 'over TLS' : 'in plaintext';

  test(`H6, C21: a message of 50 MB is sent and its parts are read in little memory, ${how}`, {
    timeout: 300_000,
  }, async (context) => {
    await withLargeMessage(tls, async ({ servers, connection }) => {
      await measured(context, 'FETCH BODY[] of 50 MB', servers, async () => {
        connection.send(Buffer.from('d FETCH 1 (BODY.PEEK[])\r\n'));
        assert.ok((await drain(connection, 'd OK')) > LARGE_OCTETS);
      });
      const [worker = 0] = processesCalled('mail worker for', servers.roots());
      const readBefore = octetsRead(worker);
      await measured(context, 'FETCH of pieces of it', servers, async () => {
        connection.send(Buffer.from('e FETCH 1 (BODY.PEEK[1]<0.1024> BODY.PEEK[2]<49000000.1024>)\r\n'));
        await drain(connection, 'e OK');
      });
      const read = octetsRead(worker) - readBefore;
      assert.ok(read < MAX_OCTETS_READ_FOR_PIECES, `${read} octets were read for two small pieces`);
    });
  });

  test(`C15, H6: a message of 50 MB is received in little memory, ${how}`, { timeout: 300_000 }, async (context) => {
    await withLargeMessage(tls, async ({ servers, connection, maildir }) => {
      const message = Buffer.from(largeMessage().toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
      await measured(context, 'APPEND of 50 MB', servers, async () => {
        connection.send(Buffer.from(`d APPEND INBOX {${message.length}}\r\n`));
        await drain(connection, '\\+ ');
        connection.send(message);
        connection.send(Buffer.from('\r\n'));
        await drain(connection, 'd OK');
      });

      const files = ['new', 'cur'].flatMap((part) =>
        readdirSync(join(maildir, part)).map((filename) => statSync(join(maildir, part, filename)).size),
      );
      const size = largeMessage().length;
      assert.equal(files.filter((octets) => octets === size).length, 2);
    });
  });
}
