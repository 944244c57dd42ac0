/**
 * Contents of a message as SMAP sends them: headers in lines with a dot at the end, bodies in counted pieces, everything
 * with the line ends of the file (courier.md section 5.4).
 *
 * A body is read and sent piece by piece. It knows no commands.
 */

import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import type { MessageReading } from '../cache/message-reading.js';
import { type StreamDecoder, streamDecoder } from '../message/charset.js';
import { fieldPlaces } from '../message/header.js';
import type { Part } from '../message/mime.js';
import { transferDecoder } from '../message/transfer-decoding.js';
import { paced } from '../session/paced.js';
import type { ContentsRequest } from './contents-request.js';
import { partNamed, partsOf } from './message-parts.js';
import { INVALID, SmapFailure } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { quoted } from './words.js';

/** Octets of a piece, as from Courier. */
const PIECE_OCTETS = 8_192;

/** Octets of the file, from `start` to `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Sends what a request asks of one message. @throws {MaildirError} 'message gone' @throws {SmapFailure} no such part */
export async function sendContents(
  smap: SmapSession,
  { number, reading, request }: { number: number; reading: MessageReading; request: ContentsRequest },
): Promise<void> {
  const sender = new ContentsSender(smap, number, reading);
  switch (request.kind) {
    case 'HEADERS':
    case 'RAWHEADERS':
      return sender.headers(request);
    case 'MIME':
      return sender.structure(request);
    case 'ALL':
      return sender.body({ start: 0, end: reading.file.sizeOctets });
    case 'BODY':
      return sender.body(bodyOf(await sender.part(request.part)));
    case 'BODY.DECODED':
      return sender.decodedBody(await sender.part(request.part));
  }
}

class ContentsSender {
  readonly #smap: SmapSession;
  readonly #number: number;
  readonly #reading: MessageReading;

  constructor(smap: SmapSession, number: number, reading: MessageReading) {
    this.#smap = smap;
    this.#number = number;
    this.#reading = reading;
  }

  async headers({ kind, part: id, wantsField }: ContentsRequest): Promise<void> {
    const part = id === '' ? undefined : await this.part(id);
    // The size is an estimate; of the message itself Courier makes none.
    const estimate = part === undefined ? 0 : part.bodyStart - part.headerStart;
    this.#smap.say(`{.${estimate}} FETCH ${this.#number} ${kind}`);
    const octets = part === undefined ? this.#reading.header() : this.#read(part.headerStart, part.bodyStart);
    await this.#sendHeader(octets, { raw: kind === 'RAWHEADERS', wantsField });
  }

  /** A block for each part: what it is and its header. */
  async structure({ wantsField }: ContentsRequest): Promise<void> {
    const { root } = await this.#index();
    for (const { part, id, parent } of partsOf(root)) {
      const size = `LINES=${part.bodyLines} SIZE=${part.bodyEnd - part.bodyStart}`;
      const place = [`MIME.ID=${id}`, ...(parent === undefined ? [] : [`MIME.PARENT=${parent}`])].map(quoted);
      const estimate = part.bodyStart - part.headerStart;
      this.#smap.say(`{.${estimate}} FETCH ${this.#number} ${size} ${place.join(' ')}`);
      await this.#sendHeader(this.#read(part.headerStart, part.bodyStart), { raw: false, wantsField });
    }
  }

  /** The part of a name. @throws {SmapFailure} */
  async part(id: string): Promise<Part> {
    const part = partNamed((await this.#index()).root, id);
    if (part === undefined) throw new SmapFailure(`Cannot retrieve message: ${INVALID}`);
    return part;
  }

  async body({ start, end }: Range): Promise<void> {
    await this.#sendPieces(this.#pieces(start, end), end - start);
  }

  /** Without the transfer encoding, and text as UTF-8. */
  async decodedBody(part: Part): Promise<void> {
    const { start, end } = bodyOf(part);
    const octets = part.encoding === 'base64' ? Math.floor(((end - start) * 3) / 4) : end - start;
    await this.#sendPieces(decoded(this.#pieces(start, end), part), octets);
  }

  async #index() {
    return paced(this.#smap.session, this.#reading.index());
  }

  #read(start: number, end: number): Buffer {
    return this.#reading.file.read(start, end - start);
  }

  *#pieces(start: number, end: number): Generator<Buffer, void, void> {
    for (let at = start; at < end; at += PIECE_OCTETS) {
      const octets = this.#read(at, Math.min(end, at + PIECE_OCTETS));
      // The client waits for octets that do not exist, so there is nothing that it would understand.
      if (octets.length === 0) throw new ClientGone('A message became shorter while it was sent.');
      yield octets;
    }
  }

  async #sendHeader(
    header: Buffer,
    { raw, wantsField }: { raw: boolean; wantsField: ContentsRequest['wantsField'] },
  ): Promise<void> {
    const { session } = this.#smap;
    const text = header.toString('latin1');
    for (const { start, colon, end } of fieldPlaces(text)) {
      if (wantsField !== undefined && !wantsField(text.slice(start, colon).trimEnd().toLowerCase())) continue;
      const lines = text.slice(start, end).replaceAll('\r\n', '\n').trimEnd();
      const field = raw ? lines : lines.replace(/\s*\n\s+/g, ' ');
      session.write(Buffer.from(`${field.startsWith('.') ? '.' : ''}${field}\n`, 'latin1'));
    }
    session.counters.headers += header.length;
    await session.respond(Buffer.from('.\n'));
  }

  /** `{first/total} …`, the octets, the size of the next piece in a line, …, an empty line. */
  async #sendPieces(pieces: Iterable<Buffer>, total: number): Promise<void> {
    const { session } = this.#smap;
    let begun = false;
    for (const octets of pieces) {
      if (octets.length === 0) continue;
      this.#smap.say(begun ? `${octets.length}` : `{${octets.length}/${total}} FETCH ${this.#number} CONTENTS`);
      begun = true;
      // What is read next comes into another buffer, but what is shared may be used before this one has left.
      await session.respond(Buffer.from(octets));
      session.counters.body += octets.length;
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
    this.#smap.say(begun ? '' : `{.0} FETCH ${this.#number} CONTENTS\n.`);
  }
}

function bodyOf(part: Part): Range {
  return { start: part.bodyStart, end: part.bodyEnd };
}

function* decoded(pieces: Iterable<Buffer>, part: Part): Generator<Buffer, void, void> {
  const transfer = transferDecoder(part.encoding);
  const text = part.type === 'text' ? textDecoder(part) : undefined;
  const converted = (octets: Buffer): Buffer =>
    text === undefined ? octets : Buffer.from(text.decode(octets), 'utf8');
  for (const octets of pieces) yield converted(transfer.decode(octets));
  yield converted(transfer.end());
  if (text !== undefined) yield Buffer.from(text.end(), 'utf8');
}

/** Undefined where the octets are UTF-8 already, or nobody knows what else. */
function textDecoder({ parameters }: Part): StreamDecoder | undefined {
  const charset = parameters.find(({ name }) => name === 'charset')?.value.toLowerCase() ?? 'us-ascii';
  return charset === 'us-ascii' || charset === 'utf-8' ? undefined : streamDecoder(charset);
}
