/**
 * Receives messages into a folder, for APPEND and REPLACE: the commands that start before their last literal arrives.
 */
import { ALL_FLAGS, type FlagBits } from '../../maildir/flags.js';
import type { Folder, MessageWriter, NewMessage } from '../../maildir/folder.js';
import type { Uid } from '../../maildir/uid.js';
import { CommandFailure, type Completion } from '../completion.js';
import { bitsFromFlags } from '../mailbox/flag-bits.js';
import { isSpeakable } from '../mailbox/mailbox-updates.js';
import { tooMany } from '../mailbox/message-limit.js';
import { warnAfterAdding } from '../mailbox/quota-warning.js';
import { checkNumber, octetsOf, outboxAt, send, storeSent } from '../outbox/outbox.js';
import type { Session } from '../session/session.js';
import type { MailboxTarget } from '../sharing/mailbox-place.js';
import { flagLimits, requireRight } from '../sharing/require-right.js';
import type { StreamingLiteral } from '../wire/command-reader.js';
import type { Cursor, FlagList } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';
import {
  type CommandRest,
  checkAppendLimit,
  nextRest,
  receiveCatenated,
  receiveMessage,
  receiveUtf8,
} from './receive-message.js';

/** What stands before each message of an APPEND. */
export interface MessageHead {
  readonly flags: FlagList;
  /** Milliseconds since 1970. */
  readonly internalDate: number | undefined;
  /** Of a message that is one literal; of one that is put together, undefined. */
  readonly literal: StreamingLiteral | undefined;
  /** The literal stands between `UTF8 (` and `)`. */
  readonly utf8?: boolean;
  /** What stands behind `CATENATE (`. */
  readonly parts?: CommandRest;
}

/**
 * `append-message = [SP flag-list] [SP date-time] SP (literal / utf8-literal / catenation)`; Courier also takes NIL for the
 * flags. `utf8-literal = "UTF8" SP "(" literal8 ")"` says that the header may be in UTF-8 (RFC 6855 section 4), which we
 * take of everybody.
 */
export function parseMessageHead(cursor: Cursor, literal: StreamingLiteral | undefined): MessageHead {
  cursor.sp();
  let flags: FlagList = { system: [], keywords: [] };
  if (cursor.peekOctet() === 0x28) {
    flags = cursor.flagList();
    cursor.sp();
  } else if (cursor.take('NIL')) {
    cursor.sp();
  }
  let internalDate: number | undefined;
  if (cursor.peekOctet() === 0x22) {
    internalDate = cursor.dateTime().ms;
    cursor.sp();
  }
  if (cursor.take('CATENATE (')) return { flags, internalDate, literal: undefined, parts: { cursor, literal } };
  const utf8 = cursor.take('UTF8 (');
  if (!cursor.atEnd) throw cursor.failure('the literal of a message');
  if (literal === undefined) throw new SyntaxFailure('APPEND needs a message as a literal.');
  if (utf8 && !literal.binary) throw new SyntaxFailure('UTF8 needs a literal8.');
  return { flags, internalDate, literal, utf8 };
}

/** Messages that a client sends, and where they are to be put. */
export interface SentMessages {
  readonly mailboxName: Buffer;
  readonly first: MessageHead;
  /** The command, for the log and for refusals. */
  readonly command: 'APPEND' | 'REPLACE';
}

/** What was added. */
export interface AddedMessages {
  readonly folder: Folder;
  readonly uids: readonly Uid[];
}

/**
 * Receives the messages into tmp and adds them together: all or none (RFC 9051 section 6.3.12, RFC 3502). `done` says how
 * the command ends.
 *
 * What can be refused is refused before a synchronising literal is asked for. What the client sends all the same is
 * read off by the reader of commands. A message of no octets cancels the command, as RFC 3502 has it; Courier would
 * store an empty file.
 */
export async function addMessages(
  session: Session,
  { mailboxName, first, command }: SentMessages,
  done: (added: AddedMessages) => Promise<Completion>,
): Promise<Completion> {
  const { place, folder } = session.openTarget(mailboxName, command);
  const outbox = outboxAt(session, place);
  const messages: NewMessage[] = [];
  // Whatever goes wrong, nothing may stay behind in tmp; after success abort() does nothing.
  try {
    for (let head: MessageHead | undefined = first; head !== undefined; ) {
      checkAppendLimit(session, head.literal?.sizeOctets ?? 0);
      const room = folder.checkRoom(expected(messages, head));
      if (room !== undefined) await room;
      const message = startMessage(session, { place, folder }, head);
      messages.push(message);
      const rest = await receive(session, message.writer, head);
      // It goes to the disk while the next one comes, unless it must be read again to be sent.
      const turn = outbox === undefined ? message.writer.end(message.internalDate) : undefined;
      if (turn !== undefined) await turn;
      head = nextMessageHead(rest);
      checkSaveLimit(session, messages.length + (head === undefined ? 0 : 1));
      if (head !== undefined && command === 'REPLACE') throw new SyntaxFailure('REPLACE takes one message.');
    }
    // The client may have taken minutes, and somebody may have taken the right away meanwhile.
    requireRight(place, 'i', command);
    const store = async (): Promise<Completion> => {
      const uids = await folder.addMessages(messages);
      warnAfterAdding(session);
      return done({ folder, uids });
    };
    if (outbox === undefined) return await store();
    checkNumber(outbox, messages.length);
    for (const { writer } of messages) {
      await send(
        session,
        outbox,
        octetsOf((octets, position) => writer.read(octets, position)),
      );
    }
    return await storeSent(session, store);
  } finally {
    for (const { writer } of messages) writer.abort();
  }
}

/** RFC 9738: an APPEND of too many adds none. */
function checkSaveLimit({ settings }: Session, messages: number): void {
  const limit = settings.messageLimit ?? settings.saveLimit;
  if (limit !== undefined && messages > limit) throw tooMany(limit);
}

/**
 * What a message loses at most between the wire and the disk, where line ends have no CR: a sixteenth, which means lines of
 * 16 octets. A message that just finds room is not refused because of what will not be stored; what is stored decides.
 */
const LEAST_STORED = 15 / 16;

/** What the messages of an APPEND need, the next one as its client announced it. */
function expected(
  messages: readonly NewMessage[],
  { flags, literal }: MessageHead,
): { sizeOctets: number; flags: FlagBits }[] {
  const received = messages.map((message) => ({ sizeOctets: message.writer.sizeOctets, flags: message.flags }));
  const sizeOctets = Math.floor((literal?.sizeOctets ?? 0) * LEAST_STORED);
  return [...received, { sizeOctets, flags: bitsFromFlags(flags.system) }];
}

/** Flags that the account may not set in this mailbox are passed over (RFC 4314 section 4). */
function startMessage(
  { settings }: Session,
  { place, folder }: MailboxTarget,
  { flags, internalDate, literal }: MessageHead,
): NewMessage {
  if (literal?.sizeOctets === 0) throw new CommandFailure('A message without a single octet is not stored.');
  const limits = flagLimits(place.rights);
  const keywords = settings.keywords === 'off' || limits?.keywords === false ? [] : flags.keywords.filter(isSpeakable);
  return {
    writer: folder.beginMessage(),
    flags: bitsFromFlags(flags.system) & (limits?.flags ?? ALL_FLAGS),
    keywords,
    ...(internalDate === undefined ? {} : { internalDate }),
  };
}

/** Receives a message; gives what stands behind it. */
async function receive(
  session: Session,
  writer: MessageWriter,
  { literal, utf8, parts }: MessageHead,
): Promise<CommandRest> {
  if (parts !== undefined) return receiveCatenated(session, writer, parts);
  if (literal !== undefined && utf8 === true) return receiveUtf8(session, writer, literal);
  if (literal !== undefined) await receiveMessage(session, writer, literal);
  return nextRest(session);
}

function nextMessageHead({ cursor, literal }: CommandRest): MessageHead | undefined {
  if (literal !== undefined || cursor.spaceBeforeMore()) return parseMessageHead(cursor, literal);
  cursor.end();
  return undefined;
}
