/**
 * The steps of a FETCH that write BINARY and BINARY.SIZE (RFC 3516): a part with its transfer encoding undone.
 *
 * How long that is, and whether it holds NUL, must be known before the first octet is sent, so each part is decoded once
 * to be counted. What is small is then at hand; a large part is decoded a second time while it is sent.
 */
import { CommandFailure } from '../completion.js';
import { type FileRange, locateSection, wireOctets } from '../message/body-section.js';
import type { MessageIndex } from '../message/mime.js';
import type { OctetWriter } from '../message/octet-writer.js';
import type { MessageSource } from '../message/source.js';
import { transferDecoder } from '../message/transfer-decoding.js';
import { paced } from '../session/paced.js';
import type { BinaryItem } from '../wire/fetch-items.js';
import type { FetchStep } from './fetch-plan.js';
import type { FetchSubject } from './fetch-subject.js';
import { LiteralFailure } from './section-steps.js';

/** Makes the step of `BINARY[…]`, `BINARY.PEEK[…]` or `BINARY.SIZE[…]`. */
export function binaryStep(item: BinaryItem): FetchStep {
  return new BinaryStep(item);
}

/** A decoded part of this size is kept from counting to sending. */
const MAX_KEPT_OCTETS = 256 * 1024;

/** The encodings that can be undone (RFC 2045 section 6). */
const KNOWN_ENCODINGS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable']);

/** What was found out about a part. */
interface Decoded {
  readonly encoding: string;
  readonly range: FileRange;
  readonly sizeOctets: number;
  readonly holdsNul: boolean;
  /** All of it, unless that is much. */
  readonly octets: Buffer | undefined;
}

class BinaryStep implements FetchStep {
  readonly #item: BinaryItem;
  /** Of the message with #uid; undefined if it has no such part. */
  #decoded: Decoded | undefined;
  #uid = 0;

  constructor(item: BinaryItem) {
    this.#item = item;
  }

  /** @throws {CommandFailure} UNKNOWN-CTE, also by the promise */
  prepare(subject: FetchSubject): Promise<void> | undefined {
    const uid = subject.message?.uid ?? 0;
    if (this.#uid === uid) return undefined;
    const decoding = paced(subject.session, this.#decode(subject));
    if (!(decoding instanceof Promise)) {
      this.#uid = uid;
      return undefined;
    }
    return decoding.then(() => {
      this.#uid = uid;
    });
  }

  *#decode({ reading }: FetchSubject): Generator<void, void> {
    this.#uid = 0;
    this.#decoded = undefined;
    const index = yield* reading.index();
    const { file } = reading;
    const { part } = this.#item;
    const located = locateSection(file, index, { part, text: '', fields: [] });
    if (located === undefined || 'octets' in located) return;
    const encoding = encodingOf(index, part);
    if (!KNOWN_ENCODINGS.has(encoding)) throw new CommandFailure('A part has an unknown encoding.', 'UNKNOWN-CTE');
    this.#decoded = yield* measured(file, located, encoding);
  }

  write(subject: FetchSubject, out: OctetWriter): Promise<void> | undefined {
    const decoded = this.#decoded;
    const { kind, partial } = this.#item;
    if (kind === 'binary.size') {
      out.number(decoded?.sizeOctets ?? 0);
      return undefined;
    }
    if (decoded === undefined) {
      // As with BODY: clients know an empty part better than NIL.
      out.text('{0}\r\n');
      return undefined;
    }
    const from = Math.min(partial?.offset ?? 0, decoded.sizeOctets);
    const to = Math.min(from + (partial?.count ?? decoded.sizeOctets), decoded.sizeOctets);
    // RFC 3516 section 4.2: literal8 where there may be NUL.
    const holdsNul = decoded.octets?.subarray(from, to).includes(0) ?? decoded.holdsNul;
    out.text(`${holdsNul ? '~' : ''}{${to - from}}\r\n`);
    subject.session.counters.body += to - from;
    const { octets } = decoded;
    if (octets === undefined) return stream(subject, decoded, from, to);
    subject.output.room(to - from).copy(octets, from, to);
    return undefined;
  }
}

/** The encoding of a part; that of the message itself, where it has no parts. */
function encodingOf({ root }: MessageIndex, numbers: readonly number[]): string {
  let part = root;
  let container = root;
  for (const number of numbers) {
    part = container.children[number - 1] ?? container;
    container = part.message ?? part;
  }
  // What is inside has encodings of its own, and the whole has none.
  if (numbers.length === 0 || part.type === 'multipart' || part.message !== undefined) return 'binary';
  return part.encoding;
}

/** Decodes a part once. */
function* measured(file: MessageSource, range: FileRange, encoding: string): Generator<void, Decoded> {
  const kept: Buffer[] = [];
  let sizeOctets = 0;
  let holdsNul = false;
  for (const octets of decodedPieces(file, range, encoding)) {
    sizeOctets += octets.length;
    holdsNul ||= octets.includes(0);
    if (sizeOctets <= MAX_KEPT_OCTETS) kept.push(Buffer.from(octets));
    yield;
  }
  const octets = sizeOctets <= MAX_KEPT_OCTETS ? Buffer.concat(kept) : undefined;
  return { encoding, range, sizeOctets, holdsNul, octets };
}

function* decodedPieces(file: MessageSource, range: FileRange, encoding: string): Generator<Buffer, void, void> {
  const decoder = transferDecoder(encoding);
  for (const piece of wireOctets(file, range)) yield decoder.decode(piece);
  yield decoder.end();
}

/** Sends octets of a part while they are decoded; others have their turn in between. */
async function stream(
  { session, output, reading }: FetchSubject,
  { range, encoding }: Decoded,
  from: number,
  to: number,
): Promise<void> {
  let at = 0;
  for (const octets of decodedPieces(reading.file, range, encoding)) {
    const start = Math.max(from - at, 0);
    const end = Math.min(to - at, octets.length);
    at += octets.length;
    if (start < end) output.room(end - start).copy(octets, start, end);
    if (output.full) await session.flush();
    const turn = session.pace();
    if (turn !== undefined) await turn;
    if (at >= to) return;
  }
  throw new LiteralFailure(`a literal of ${to - from} octets was announced and the message has other octets now`);
}
