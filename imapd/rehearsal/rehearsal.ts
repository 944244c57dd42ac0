/**
 * Rehearses what clients ask for most, before the first of them does: V8 compiles code when it has run for a while, so a
 * worker's first SELECT and FETCH would take half as long again as the next ones.
 *
 * It is the real code, from the octets of a command to those of its answer, over mail that is made up here, on a disk in
 * memory. It touches no file but its own, which it reads as if it were mail, so it does not matter whose process this is.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import type { Log } from '../../init/runtime/log/log.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { entriesReader } from '../../maildir/directory-entries.js';
import { DiskInMemory } from '../../maildir/disk-in-memory.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { MaildirStore } from '../../maildir/maildir-store.js';
import { FactCache } from '../cache/fact-cache.js';
import { serveSession } from '../session/dialogue.js';
import { Session } from '../session/session.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { RehearsalClient } from './rehearsal-client.js';
import { manyNames, type SampleMessage, type SampleName, sampleMail } from './sample-mail.js';

/** No command over so many takes long, and real clients wait for no more than one command. */
const MESSAGES = 150;

/** Then V8 has compiled the loops over octets, and most of what runs once for each message. */
const ROUNDS = 16;

/** Every message of so many is read from a real file. */
const REAL_FILE_EVERY = 3;

const MAX_OWN_OCTETS = 65_536;

/** Folders beside INBOX, with a message each. */
const FOLDERS = 30;

/** A large folder, which is opened and no more: what runs once for each name runs much more often than all else. */
const MANY = 'INBOX.Many';
const MANY_MESSAGES = 1_000;

/** How often a real file is looked at in each round. */
const LOOKS = 100;

const MAILDIR = '/Maildir';
const CACHE = '/cache';

const LIST = '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)';
const STATUS = 'LIST "" "INBOX.*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))';
const FIELDS = 'BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]';

const NOTHING = Buffer.alloc(0);
const NOTE = 'Subject: rehearsal\r\n\r\nOne line.\r\n';

/** What a client does with single messages. */
const ONE_BY_ONE: readonly string[] = [
  ...Array.from({ length: 10 }, (_, index) => `UID STORE ${index + 1} +FLAGS (\\Flagged)`),
  ...Array.from({ length: 10 }, (_, index) => `UID STORE ${index + 1} -FLAGS (\\Flagged)`),
  'UID COPY 1:20 INBOX.Folder0',
  `APPEND INBOX.Folder1 {${NOTE.length}+}\r\n${NOTE}`,
  'UID STORE 1:20 +FLAGS.SILENT (\\Deleted)',
  'EXPUNGE',
];

/** What a client asks in a maildir that nobody has opened before. Each list is asked with nothing known, and with all. */
const rounds: readonly (readonly string[])[] = [
  [`FETCH 1:* ${LIST}`, `UID FETCH 1:* ${LIST}`, 'FETCH 1:* (FLAGS)', 'SORT (DATE) UTF-8 ALL', 'SEARCH UNSEEN'],
  [
    `FETCH 1:* ${FIELDS}`,
    `FETCH 1:* ${FIELDS}`,
    'FETCH 1:* (UID RFC822.SIZE)',
    'SEARCH FROM "ines"',
    'SEARCH SUBJECT "disks"',
  ],
  [
    `FETCH 1:* ${LIST}`,
    'THREAD REFERENCES UTF-8 ALL',
    'SORT (SUBJECT) UTF-8 ALL',
    'SEARCH TEXT "nobody"',
    STATUS,
    STATUS,
  ],
  [
    `UID FETCH 1:* (FLAGS ${FIELDS})`,
    'UID FETCH 1:* (BODY.PEEK[])',
    'SEARCH BODY "nobody"',
    'SEARCH SINCE 1-Dec-2023',
    'UID STORE 1:* +FLAGS (\\Answered)',
    ...ONE_BY_ONE,
    STATUS,
    STATUS,
  ],
];

/** What a rehearsal is given. */
export interface RehearsalOptions {
  readonly settings: SessionSettings;
  readonly clock: Clock;
  /** Hears of what goes wrong. */
  readonly log: Log;
  /** Waited for before each command: settles when nobody else needs this process. */
  readonly quiet: () => Promise<void>;
}

/** Plays all rounds, and leaves nothing behind. @throws when a command is not answered with OK */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  // Loads what large directories are read with.
  entriesReader();
  // Some things happen once in a process, and V8 then throws away all code that counts on their never happening: Node
  // detaches a buffer with the first empty message, and makes the first buffer of its own where it is asked for names.
  const detached = new ArrayBuffer(1);
  structuredClone(detached, { transfer: [detached] });
  serialize(0);
  const mail = sampleMail(MESSAGES);
  const names = manyNames(MANY_MESSAGES);
  const path = fileURLToPath(import.meta.url);
  const own = { path, octets: octetsOf(path) };
  for (let round = 0; round < ROUNDS; round += 1) {
    await options.quiet();
    lookAt(path);
    await playRound(options, { mail, names, own }, rounds[round % rounds.length] ?? []);
  }
}

/** Also at what is not there, as whoever looks for changes does. */
function lookAt(path: string): void {
  for (let look = 0; look < LOOKS; look += 1) {
    realFileSystem.status(path);
    realFileSystem.status(dirname(path));
    realFileSystem.status(`${path}.none`);
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

/** What a round is played with. */
interface Properties {
  readonly mail: readonly SampleMessage[];
  /** Of the large folder. */
  readonly names: readonly SampleName[];
  /** This file. */
  readonly own: { readonly path: string; readonly octets: Buffer };
}

async function playRound(
  { settings: given, clock, log: told, quiet }: RehearsalOptions,
  properties: Properties,
  commands: readonly string[],
): Promise<void> {
  // Where clients may not SORT, to have rehearsed it does no harm.
  const settings = { ...given, disableThreadSort: false, utf8Only: false };
  const log = troubleOnly(told);
  const parts = { fileSystem: diskWith(properties, clock), warn: (text: string): void => log.write('warning', text) };
  const { durable, useLocks, keywords } = settings;
  const place = { now: clock.now, after: clock.after, hostName: 'rehearsal.example', processId: 1 };
  const store = new MaildirStore({ ...parts, ...place, durable, useLocks, keywords });
  const facts = new FactCache({ ...parts, directory: CACHE, clock });
  const client = new RehearsalClient();
  const session = new Session({
    ...{ stream: client, unread: Buffer.alloc(0), maildir: store.open(MAILDIR), facts, settings, log, clock },
    account: { address: 'rehearsal', home: '/', maildir: MAILDIR, uid: 0, gid: 0, options: {} },
    remote: { ip: '127.0.0.1', port: 0 },
    tls: false,
  });
  const served = serveSession(session);
  try {
    for (const command of [`SELECT ${MANY}`, 'SELECT INBOX', ...commands]) {
      await quiet();
      await client.ask(command);
    }
  } finally {
    client.leave();
    await served;
    await facts.close();
    await store.close();
  }
}

function makeFolder(disk: DiskInMemory, path: string): void {
  for (const directory of ['', '/tmp', '/new', '/cur']) disk.makeDirectory(`${path}${directory}`);
}

function diskWith({ mail, names, own }: Properties, clock: Clock): DiskInMemory {
  const disk = new DiskInMemory(clock.now);
  disk.makeDirectory(CACHE);
  makeFolder(disk, MAILDIR);
  mail.slice(0, FOLDERS).forEach(({ name, octets, arrivedAt }, index) => {
    const path = `${MAILDIR}/.Folder${index}`;
    makeFolder(disk, path);
    disk.put(`${path}/cur/${name}`, octets, arrivedAt);
  });
  const many = `${MAILDIR}/${MANY.replace('INBOX', '')}`;
  makeFolder(disk, many);
  for (const { name, isNew } of names) disk.put(`${many}/${isNew ? 'new' : 'cur'}/${name}`, NOTHING, 0);
  mail.forEach(({ name, octets, arrivedAt, isNew }, index) => {
    const path = `${MAILDIR}/${isNew ? 'new' : 'cur'}/${name}`;
    if (index % REAL_FILE_EVERY > 0 || own.octets.length === 0) disk.put(path, octets, arrivedAt);
    else disk.put(path.replace(/,S=\d+/, ''), own.octets, arrivedAt, own.path);
  });
  return disk;
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
