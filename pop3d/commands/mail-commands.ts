/**
 * The commands after login, but for those that send messages: RFC 1939, RFC 2449, RFC 6856.
 */
import { capaReply, langReply } from '../capabilities.js';
import type { Session } from '../session/session.js';
import { type ReceivedCommand, wordsOf } from '../wire/lines.js';
import type { MessageChunk } from '../wire/message-chunk.js';
import { INVALID_COMMAND, ok, type Reply } from '../wire/replies.js';
import { messageAt, NO_SUCH_MESSAGE } from './message-number.js';
import { quit } from './quit.js';
import { retr, top } from './send-message.js';

/** Runs a command. Undefined: it has written its answer itself. */
export type MailCommand = (
  session: Session,
  received: ReceivedCommand,
) => Reply | Promise<Reply | undefined> | undefined;

const commands: ReadonlyMap<string, MailCommand> = new Map<string, MailCommand>([
  ['CAPA', capa],
  ['DELE', dele],
  ['LANG', (_session, { rest }) => langReply(rest)],
  ['LIST', list],
  ['NOOP', () => ok('Yup.')],
  ['QUIT', quit],
  ['RETR', retr],
  ['RSET', rset],
  ['STAT', stat],
  ['TOP', top],
  ['UIDL', uidl],
  ['UTF8', utf8],
]);

/** Whether there is a command of this name, which is in capitals. */
export function isMailCommand(name: string): boolean {
  return commands.has(name);
}

/** Runs the command that was received. @throws {ClientGone} @throws {MaildirError} */
export function runMailCommand(session: Session, received: ReceivedCommand): ReturnType<MailCommand> {
  const run = commands.get(received.name);
  return run === undefined ? INVALID_COMMAND : run(session, received);
}

function capa({ settings, tls }: Session): Reply {
  return capaReply({ settings, tls, loggedIn: true, tlsAvailable: false });
}

function stat({ marks }: Session): Reply {
  return ok(`${marks.count} ${marks.octets}`);
}

function dele(session: Session, received: ReceivedCommand): Reply {
  const index = messageAt(session, wordsOf(received)[0]);
  if (index === undefined) return NO_SUCH_MESSAGE;
  session.marks.add(index);
  return ok('Deleted.');
}

function rset({ marks }: Session): Reply {
  marks.clear();
  return ok('Resurrected.');
}

function utf8(session: Session): Reply {
  session.utf8 = true;
  return ok('UTF8 enabled');
}

function list(session: Session, received: ReceivedCommand): Reply | Promise<undefined> {
  const { maildrop, marks } = session;
  return tell(session, received, {
    head: `${marks.count} messages (${marks.octets} octets)`,
    wordAt: (index) => String(maildrop.sizeOctetsAt(index)),
    putWord: (index, chunk) => chunk.decimal(maildrop.sizeOctetsAt(index)),
  });
}

function uidl(session: Session, received: ReceivedCommand): Reply | Promise<undefined> {
  const { maildrop } = session;
  return tell(session, received, {
    head: '',
    wordAt: (index) => maildrop.uniqueIdAt(index),
    putWord(index, chunk) {
      chunk.length = maildrop.putUniqueIdAt(index, chunk.octets, chunk.length);
    },
  });
}

/** What is told of each message. */
interface Listing {
  readonly head: string;
  readonly wordAt: (index: number) => string;
  /** Writes the same. */
  readonly putWord: (index: number, chunk: MessageChunk) => void;
}

/** A line for the message that was named, or for each that is not marked. */
function tell(session: Session, received: ReceivedCommand, listing: Listing): Reply | Promise<undefined> {
  const [word] = wordsOf(received);
  if (word === undefined) return tellAll(session, listing);
  const index = messageAt(session, word);
  return index === undefined ? NO_SUCH_MESSAGE : ok(`${index + 1} ${listing.wordAt(index)}`);
}

/** A number, a blank, a word of at most a file name's length with each octet written as three, and CRLF. */
const MAX_LISTING_OCTETS = 1_024;

const SPACE = 0x20;

async function tellAll(session: Session, { head, putWord }: Listing): Promise<undefined> {
  const { maildrop, marks, output } = session;
  output.room(MAX_LISTING_OCTETS).text(`+OK ${head}`.trimEnd().concat('\r\n'));
  for (let index = 0; index < maildrop.count; index += 1) {
    if (marks.has(index)) continue;
    const chunk = output.room(MAX_LISTING_OCTETS);
    chunk.decimal(index + 1);
    chunk.octet(SPACE);
    putWord(index, chunk);
    chunk.crlf();
    const pause = (index & 63) === 63 ? session.pace() : undefined;
    if (pause !== undefined) await pause;
  }
  output.room(MAX_LISTING_OCTETS).text('.\r\n');
  return undefined;
}
