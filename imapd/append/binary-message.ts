/**
 * Messages that come as literal8 (RFC 3516 section 4.4): files in a maildir have lines, so parts that are binary are put into
 * base64, and their headers say so. All other octets stay what they are.
 *
 * Such a message is in memory while that is done; few clients ever send one.
 */
import { type MessageIndex, type Part, scanMessage } from '../message/mime.js';
import { type MessageSource, sourceOf } from '../message/source.js';

/** One message; a client that has a larger one encodes it itself. */
export const MAX_BINARY_OCTETS = 32 * 1024 * 1024;

/** A change of a message: octets from `start` to `end` become others, or base64. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly octets: Buffer | 'base64';
}

/**
 * Gives the octets of a message without NUL and without binary parts, in pieces. Works in steps.
 *
 * @returns undefined when there is NUL where no encoding can help: in a header.
 */
export function* withoutBinary(message: Buffer): Generator<void, Buffer[] | undefined> {
  const source = sourceOf(message);
  const index = yield* scanMessage(source);
  const changes = changesOf(source, message, index);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end, octets } of changes) {
    pieces.push(message.subarray(at, start));
    if (octets === 'base64') yield* addBase64(pieces, message.subarray(start, end));
    else pieces.push(octets);
    at = end;
  }
  pieces.push(message.subarray(at));
  return pieces.some((piece) => piece.includes(0)) ? undefined : pieces;
}

function changesOf(source: MessageSource, message: Buffer, { root }: MessageIndex): Change[] {
  const changes: Change[] = [];
  const waiting = [root];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const isLeaf = part.message === undefined && part.type !== 'multipart';
    const body = message.subarray(part.bodyStart, part.bodyEnd);
    if (isLeaf && (part.encoding === 'binary' || body.includes(0))) {
      changes.push(headerChange(source, part, 'base64', part === root));
      changes.push({ start: part.bodyStart, end: part.bodyEnd, octets: 'base64' });
    } else if (!isLeaf && part.encoding === 'binary') {
      changes.push(headerChange(source, part, '8bit', part === root));
    }
    if (part.message !== undefined) waiting.push(part.message);
    waiting.push(...part.children.toReversed());
  }
  return changes.sort((one, other) => one.start - other.start);
}

/** The header of a part with another encoding. */
function headerChange(source: MessageSource, part: Part, encoding: string, isRoot: boolean): Change {
  const { headerStart: start, bodyStart: end } = part;
  const header = source.read(start, end - start).toString('latin1');
  const fields = header.replace(/^Content-Transfer-Encoding[ \t]*:.*(?:\r?\n[ \t].*)*(?:\r?\n|$)/gim, '');
  const lines = fields.replace(/\r?\n$/, '');
  const ended = lines === '' || lines.endsWith('\n') ? lines : `${lines}\r\n`;
  const version = isRoot && !/^MIME-Version[ \t]*:/im.test(header) ? 'MIME-Version: 1.0\r\n' : '';
  return {
    start,
    end,
    octets: Buffer.from(`${ended}${version}Content-Transfer-Encoding: ${encoding}\r\n\r\n`, 'latin1'),
  };
}

/** What is encoded in one step: lines of 57 octets, which become 76 characters. */
const LINE_OCTETS = 57;
const STEP_OCTETS = LINE_OCTETS * 1_024;

function* addBase64(pieces: Buffer[], octets: Buffer): Generator<void, void> {
  for (let at = 0; at < octets.length; at += STEP_OCTETS) {
    const text = octets.toString('base64', at, Math.min(at + STEP_OCTETS, octets.length));
    const lines = text.replace(/.{76}(?=.)/g, '$&\r\n');
    pieces.push(Buffer.from(at + STEP_OCTETS < octets.length ? `${lines}\r\n` : lines, 'latin1'));
    yield;
  }
}
