/** The STATUS response, for STATUS and for LIST with RETURN (STATUS …). */
import { DELETED } from '../../maildir/flags.js';
import type { Folder, FolderCounts } from '../../maildir/folder.js';
import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { encodeStatus } from '../wire/responses.js';
import type { StatusItem } from '../wire/status-items.js';

/** What STATUS is asked. */
export interface StatusQuestion {
  /** As it is said to the client. */
  readonly mailboxName: Buffer;
  readonly items: readonly StatusItem[];
}

/**
 * Looks at a folder without opening it: nothing moves from new to cur, and no message loses \Recent.
 *
 * @throws {MaildirError} when the folder cannot be read.
 */
export async function statusResponse(session: Session, question: StatusQuestion, folder: Folder): Promise<Buffer> {
  const counts = folder.countsAtHand() ?? (await folder.counts({ sizes: false }));
  return statusOf(session, question, { folder, counts });
}

/** A folder and what it counts. */
export interface CountedFolder {
  readonly folder: Folder;
  readonly counts: FolderCounts;
}

/** The response for a folder that was looked at. @throws {MaildirError} when the sizes of messages are asked for */
export async function statusOf(
  session: Session,
  question: StatusQuestion,
  { folder, counts }: CountedFolder,
): Promise<Buffer> {
  const { items } = question;
  // RFC 7162 section 3.1: whoever asks for it knows mod-sequences.
  if (items.includes('HIGHESTMODSEQ')) await session.useModSequences();
  const size = items.includes('SIZE') ? await sumOfSizes(session, folder) : 0;
  const deletedStorage = items.includes('DELETED-STORAGE') ? await sizeOfDeleted(session, folder) : 0;
  const now = items.includes('HIGHESTMODSEQ') ? await folder.sequences.countsUpTo() : { counts, highest: 0 };
  const appendLimit = session.settings.appendLimitOctets ?? null;
  const highestModSequence = now.highest;
  const mailboxId = folder.id;
  return encodeCounts(question, now.counts, { size, deletedStorage, highestModSequence, mailboxId, appendLimit });
}

/** Octets that are added up only where they are asked for. */
export interface CountedSizes {
  readonly size: number;
  readonly deletedStorage: number;
  readonly highestModSequence: number;
  readonly mailboxId: string;
  /** RFC 7889 section 3.1; null is none. */
  readonly appendLimit: number | null;
}

const nothingElse: CountedSizes = {
  size: 0,
  deletedStorage: 0,
  highestModSequence: 0,
  mailboxId: '',
  appendLimit: null,
};

const ADDED_UP: ReadonlySet<StatusItem> = new Set([
  'SIZE',
  'DELETED-STORAGE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
]);

/** Whether something is asked for that is not a count. */
export function asksForSizes(items: readonly StatusItem[]): boolean {
  return items.some((item) => ADDED_UP.has(item));
}

/** The response for what was counted. */
export function encodeCounts(
  { mailboxName, items }: StatusQuestion,
  counts: FolderCounts,
  { size, deletedStorage, highestModSequence, mailboxId, appendLimit }: CountedSizes = nothingElse,
): Buffer {
  return encodeStatus(mailboxName, items, {
    MESSAGES: counts.messages,
    RECENT: counts.recent,
    UIDNEXT: counts.uidNext,
    UIDVALIDITY: counts.uidValidity,
    UNSEEN: counts.unseen,
    DELETED: counts.deleted,
    'DELETED-STORAGE': deletedStorage,
    HIGHESTMODSEQ: highestModSequence,
    MAILBOXID: mailboxId,
    SIZE: size,
    APPENDLIMIT: appendLimit,
  });
}

/**
 * The sum of RFC822.SIZE, which clients may rely on not to be too small (RFC 8438). Files keep LF where the wire has
 * CRLF, so their own sizes would be; each is read once and remembered.
 */
async function sumOfSizes(session: Session, folder: Folder): Promise<number> {
  const facts = await session.facts.ready(folder);
  const { table } = folder;
  const { count } = table;
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    const row = folder.table.rowOf(table.uidAt(at));
    if (row < 0) continue;
    const reading = new MessageReading(facts, row);
    try {
      const size = paced(session, reading.wireOctets());
      sum += typeof size === 'number' ? size : await size;
    } catch (error) {
      falseIfGone(error);
    } finally {
      reading.close();
    }
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return sum;
}

/** What EXPUNGE would free, as quotas count it (RFC 9208 section 4.3.2). */
async function sizeOfDeleted(session: Session, folder: Folder): Promise<number> {
  const { table } = folder;
  const { count } = table;
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    const row = folder.table.rowOf(table.uidAt(at));
    if (row < 0 || (folder.flagsAt(row) & DELETED) === 0) continue;
    try {
      sum += folder.sizeOctetsAt(row);
    } catch (error) {
      falseIfGone(error);
    }
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return sum;
}
