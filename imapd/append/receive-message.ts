/**
 * Receives the octets of a message that is appended: from a literal, or put together of literals and of what URLs of this
 * account's mail lead to (CATENATE, RFC 4469).
 */

import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import type { MessageWriter } from '../../maildir/folder.js';
import { CommandFailure } from '../completion.js';
import { withUrlContent } from '../fetch/url-content.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { StreamingLiteral } from '../wire/command-reader.js';
import { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';
import { SyntaxFailure } from '../wire/failures.js';
import { parseImapUrl } from '../wire/imap-url.js';
import { MAX_BINARY_OCTETS, withoutBinary } from './binary-message.js';

/** What stands behind a literal, up to the next one if there is one. */
export interface CommandRest {
  readonly cursor: Cursor;
  readonly literal: StreamingLiteral | undefined;
}

/** Gives what follows the present literal. */
export async function nextRest(session: Session): Promise<CommandRest> {
  const remainder = await session.commands.restOfCommand();
  if (remainder === undefined) throw new ClientGone();
  if (remainder.kind === 'bad') throw new SyntaxFailure(remainder.text);
  return { cursor: new Cursor(remainder.rest), literal: remainder.streamingLiteral };
}

/** Receives a whole message. @throws {ClientGone} when the client leaves before all octets came. */
export async function receiveMessage(
  session: Session,
  writer: MessageWriter,
  literal: StreamingLiteral,
): Promise<void> {
  if (literal.binary) return receiveBinary(session, writer, literal);
  await receive(session, literal, (octets) => writer.write(octets));
}

/**
 * Receives what stands between `UTF8 (` and `)`, and the latter. It is a literal8, but it is text: it need not be held in
 * memory to look for binary parts.
 */
export async function receiveUtf8(
  session: Session,
  writer: MessageWriter,
  literal: StreamingLiteral,
): Promise<CommandRest> {
  await receiveText(session, writer, literal);
  const rest = await nextRest(session);
  rest.cursor.expect(')');
  return rest;
}

async function receive(session: Session, literal: StreamingLiteral, take: (octets: Buffer) => void): Promise<void> {
  let receivedOctets = 0;
  for await (const octets of session.commands.literal()) {
    receivedOctets += octets.length;
    take(octets);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  if (receivedOctets < literal.sizeOctets) throw new ClientGone();
}

/** All literals of this process that are held in memory at one time, because they may be binary. */
const MAX_HELD_OCTETS = 2 * MAX_BINARY_OCTETS;
let heldOctets = 0;

async function receiveBinary(session: Session, writer: MessageWriter, literal: StreamingLiteral): Promise<void> {
  const { sizeOctets } = literal;
  if (sizeOctets > MAX_BINARY_OCTETS) throw new CommandFailure('Too large for a binary literal.', 'TOOBIG');
  if (heldOctets + sizeOctets > MAX_HELD_OCTETS) {
    throw new CommandFailure('Others are sending binary literals, please try again.', 'LIMIT');
  }
  heldOctets += sizeOctets;
  try {
    const received: Buffer[] = [];
    await receive(session, literal, (octets) => received.push(Buffer.from(octets)));
    const pieces = await paced(session, withoutBinary(Buffer.concat(received)));
    if (pieces === undefined) throw unknownEncoding();
    for (const piece of pieces) {
      writer.write(piece);
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
  } finally {
    heldOctets -= sizeOctets;
  }
}

function unknownEncoding(): CommandFailure {
  return new CommandFailure('NUL stands where no encoding can help.', 'UNKNOWN-CTE');
}

/** Whoever forwards everything he ever got has fewer. */
const MAX_PARTS = 1_000;
/** A short command must not fill a disk. */
const MAX_CATENATED_OCTETS = 256 * 1024 * 1024;
/** A URL may be a literal, too. */
const MAX_URL_OCTETS = 4_096;

/**
 * Puts a message together: `1*cat-part ")"`, from behind the opening parenthesis (RFC 4469 section 5).
 *
 * @returns what follows the closing one
 * @throws {CommandFailure} BADURL, TOOBIG
 */
export async function receiveCatenated(
  session: Session,
  writer: MessageWriter,
  beginning: CommandRest,
): Promise<CommandRest> {
  let rest = beginning;
  for (let parts = 1; ; parts += 1) {
    if (parts > MAX_PARTS) throw new CommandFailure('Too many parts.', 'TOOBIG');
    if (rest.cursor.take('URL ')) rest = await receiveUrl(session, writer, rest);
    else if (rest.cursor.take('TEXT ')) rest = await receiveTextPart(session, writer, rest);
    else if (rest.cursor.take('UTF8 (')) rest = await receiveUtf8Part(session, writer, rest);
    else throw rest.cursor.failure('URL, TEXT or UTF8');
    if (rest.cursor.take(')')) return rest;
    rest.cursor.sp();
  }
}

/** `text-literal = "TEXT" SP literal` */
async function receiveTextPart(
  session: Session,
  writer: MessageWriter,
  { cursor, literal }: CommandRest,
): Promise<CommandRest> {
  if (!cursor.atEnd || literal === undefined) throw cursor.failure('a literal');
  checkSize(session, writer.sizeOctets + literal.sizeOctets);
  await receiveText(session, writer, literal);
  return nextRest(session);
}

/** `cat-part =/ utf8-literal` (RFC 6855 section 4) */
async function receiveUtf8Part(
  session: Session,
  writer: MessageWriter,
  { cursor, literal }: CommandRest,
): Promise<CommandRest> {
  if (!cursor.atEnd || literal?.binary !== true) throw cursor.failure('a literal8');
  checkSize(session, writer.sizeOctets + literal.sizeOctets);
  return receiveUtf8(session, writer, literal);
}

/** NUL cannot be kept in a file of lines, and nothing says how it is to be encoded. */
async function receiveText(session: Session, writer: MessageWriter, literal: StreamingLiteral): Promise<void> {
  await receive(session, literal, (octets) => {
    if (literal.binary && octets.includes(0)) throw unknownEncoding();
    writer.write(octets);
  });
}

/** `cat-url = "URL" SP astring` */
async function receiveUrl(session: Session, writer: MessageWriter, rest: CommandRest): Promise<CommandRest> {
  const { cursor, literal } = rest;
  if (!cursor.atEnd || literal === undefined) {
    await appendUrl(session, writer, cursor.astring());
    return rest;
  }
  if (literal.sizeOctets > MAX_URL_OCTETS) throw new SyntaxFailure('The URL is too long.');
  const received: Buffer[] = [];
  await receive(session, literal, (octets) => received.push(Buffer.from(octets)));
  await appendUrl(session, writer, Buffer.concat(received));
  return nextRest(session);
}

/** Only URLs without a server: whether another one means this server nobody can say (RFC 4469 section 3). */
async function appendUrl(session: Session, writer: MessageWriter, octets: Buffer): Promise<void> {
  const url = parseImapUrl(octets.toString('latin1'));
  const isOurs = url !== undefined && !url.hasServer && url.authority === undefined;
  const found =
    isOurs &&
    (await withUrlContent(session, url, 'APPEND', async (content) => {
      checkSize(session, writer.sizeOctets + content.sizeOctets);
      for (const piece of content.pieces()) {
        writer.write(piece);
        const turn = session.pace();
        if (turn !== undefined) await turn;
      }
    }));
  if (!found) throw badUrl(octets);
}

function badUrl(url: Buffer): CommandFailure {
  const shown = new Encoder().quoted(url.toString('latin1').replace(/[^\x20-\x7e]/g, '?')).octets();
  return new CommandFailure('The URL leads to no message of yours.', `BADURL ${shown.toString('latin1')}`);
}

function checkSize(session: Session, octets: number): void {
  if (octets > MAX_CATENATED_OCTETS) throw new CommandFailure('The message would be too large.', 'TOOBIG');
  checkAppendLimit(session, octets);
}

/** IMAP_APPENDLIMIT, as the client counts octets (RFC 7889). @throws {CommandFailure} TOOBIG */
export function checkAppendLimit({ settings }: Session, octets: number): void {
  const { appendLimitOctets: limit } = settings;
  if (limit === undefined || octets <= limit) return;
  throw new CommandFailure(`A message may have ${limit} octets.`, 'TOOBIG');
}
