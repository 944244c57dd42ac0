/**
 * Rehearses what clients ask for, before the first of them does: V8 compiles code when it has run for a while, so a worker's
 * first downloads would take three times as long as the next ones.
 *
 * It is the real code, from the octets of a command to those of its answer, over mail that is made up here, on a disk in
 * memory. It touches no file but its own, which it reads as if it were mail, so it does not matter whose process this is.
 */
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Log } from '../init/runtime/log/log.js';
import type { Clock } from '../init/runtime/system/clock.js';
import { DiskInMemory } from '../maildir/disk-in-memory.js';
import { realFileSystem } from '../maildir/file-system.js';
import { MaildirStore } from '../maildir/maildir-store.js';
import { serveSession } from './session/dialogue.js';
import { Session } from './session/session.js';
import type { SessionSettings } from './settings/session-settings.js';

/** Then V8 has compiled what runs once for each command and once for each message. */
const ROUNDS = 12;
const MESSAGES = 150;
/** One after the other, in each round: what runs once for each thing that a client sends is compiled after thousands. */
const SMALL_COMMANDS = 400;
/** More lie there in some rounds, so that the loops over all of a large maildrop are compiled. */
const MANY_MESSAGES = 2_000;
const MANY_EVERY = 6;
/** Every message of so many is read from a real file. */
const REAL_FILE_EVERY = 3;
const MAX_OWN_OCTETS = 65_536;
/** Commands of a client that sends many at once. */
const AT_ONCE = 50;

const MAILDIR = '/Maildir';
/** Flags as messages in cur have them. */
const SUFFIXES = [':2,', ':2,S', ':2,FS'];

/** What a rehearsal is given. */
export interface RehearsalOptions {
  readonly settings: SessionSettings;
  readonly clock: Clock;
  /** Hears of what goes wrong. */
  readonly log: Log;
  /** Waited for before each piece of work: settles when nobody else needs this process. */
  readonly quiet: () => Promise<void>;
}

/** Plays all rounds, and leaves nothing behind. @throws when a session ends before it should */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const path = fileURLToPath(import.meta.url);
  const own = { path, octets: octetsOf(path) };
  for (let round = 0; round < ROUNDS; round += 1) {
    await options.quiet();
    const messages = round % MANY_EVERY === 0 ? MANY_MESSAGES : MESSAGES;
    const disk = diskWith(messages, own, options.clock);
    // The first session finds no list of sizes, the second one that tells all.
    await playSession(
      options,
      disk,
      Array.from({ length: MESSAGES }, (_, index) => `RETR ${index + 1}`),
    );
    const small = Array.from({ length: SMALL_COMMANDS }, () => 'NOOP');
    await playSession(options, disk, batches('RETR'), batches('TOP'), small, ['DELE 1', 'DELE 2']);
  }
}

/** Commands that are sent together. */
function batches(command: string): string[] {
  const words = command === 'TOP' ? ' 0' : '';
  return Array.from({ length: MESSAGES / AT_ONCE }, (_, batch) =>
    Array.from({ length: AT_ONCE }, (_one, index) => `${command} ${batch * AT_ONCE + index + 1}${words}`).join('\r\n'),
  );
}

async function playSession(
  { settings, clock, log: told, quiet }: RehearsalOptions,
  disk: DiskInMemory,
  ...commands: readonly (readonly string[])[]
): Promise<void> {
  const log = troubleOnly(told);
  const store = new MaildirStore({
    ...{ fileSystem: disk, now: clock.now, after: clock.after, hostName: 'rehearsal.example', processId: 1 },
    ...{ durable: settings.durable, useLocks: true, keywords: 'off' },
    warn: (text) => log.write('warning', text),
  });
  const maildrop = await store.peek(MAILDIR).maildrop();
  const client = new Client();
  const session = new Session({
    ...{ stream: client, unread: Buffer.alloc(0), maildrop, settings, log, clock, utf8: false },
    account: { address: 'rehearsal', home: '/', maildir: MAILDIR, uid: 0, gid: 0, options: {} },
    remote: { ip: '127.0.0.1', port: 0 },
    tls: false,
  });
  const served = serveSession(session);
  for (const command of ['CAPA', 'STAT', 'LIST', 'UIDL', ...commands.flat(), 'QUIT']) {
    await quiet();
    await client.ask(command);
  }
  client.push(null);
  await served;
  await store.close();
}

/** A client in this process that says something, and listens for so many answers. */
class Client extends Duplex {
  /** Says to our output what it says of a socket: what was written is done with when the stream says so. */
  readonly bytesWritten = 0;
  #answered: (() => void) | undefined;

  async ask(commands: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#answered = resolve;
      this.once('error', reject);
      this.push(`${commands}\r\n`, 'latin1');
    });
    this.removeAllListeners('error');
    this.on('error', () => undefined);
  }

  override _read(): void {}

  /** A session that has answered all that it was sent writes all of it at once. */
  override _write(_octets: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    taken();
    this.#answered?.();
  }
}

/** Nothing, where this process may not read what it was started from. */
function octetsOf(path: string): Buffer {
  try {
    const file = realFileSystem.open(path);
    const octets = Buffer.alloc(MAX_OWN_OCTETS);
    const length = file.read(octets, 0);
    file.close();
    return octets.subarray(0, length);
  } catch {
    return Buffer.alloc(0);
  }
}

function diskWith(
  messages: number,
  own: { readonly path: string; readonly octets: Buffer },
  clock: Clock,
): DiskInMemory {
  const disk = new DiskInMemory(clock.now);
  for (const directory of ['', '/tmp', '/new', '/cur']) disk.makeDirectory(`${MAILDIR}${directory}`);
  for (let number = 0; number < messages; number += 1) {
    const isOwn = number % REAL_FILE_EVERY === 0 && own.octets.length > 0;
    const octets = isOwn ? own.octets : messageOf(number);
    const name = `${1_700_000_000 + number}.M${number}P1.rehearsal,S=${octets.length}`;
    const place = number % 2 === 0 ? `new/${name}` : `cur/${name}${SUFFIXES[number % SUFFIXES.length] ?? ''}`;
    disk.put(`${MAILDIR}/${place}`, octets, 0, isOwn ? own.path : undefined);
  }
  return disk;
}

function messageOf(number: number): Buffer {
  const header = `From: Ines <ines@sandbox.example>\nSubject: number ${number}\nMessage-ID: <${number}@sandbox.example>\n`;
  const lines = `${'A line of text that is there to have a length. '.repeat(1 + (number % 2))}\n.dot\n\n`;
  return Buffer.from(`${header}\n${lines.repeat(1 + (number % 90))}`);
}

/** Nobody is to read of logins that were none. */
function troubleOnly(log: Log): Log {
  return {
    write(level, text) {
      if (level === 'warning' || level === 'error' || level === 'alert') log.write(level, `rehearsal: ${text}`);
    },
    bug: (error, where) => log.bug(error, `rehearsal, ${where}`),
  };
}
