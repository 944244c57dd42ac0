/**
 * BODY and BODYSTRUCTURE: the tree of parts, formatted for the wire (RFC 9051 section 7.5.2).
 *
 * Types and encodings are in lower case, as Courier sends them.
 */
import { writeEnvelope } from './envelope.js';
import { MAX_HEADER_OCTETS } from './limits.js';
import type { MessageIndex, Part } from './mime.js';
import { OctetWriter } from './octet-writer.js';
import type { Parameter } from './parameters.js';
import type { MessageSource } from './source.js';
import { string, writeString } from './wire-text.js';

/** Parts that are written without a break: a millisecond or two. */
const PARTS_PER_STEP = 250;

/** Formats a structure in steps. `extensible` adds what BODYSTRUCTURE has and BODY has not. */
export function* encodeBodyStructure(
  index: MessageIndex,
  source: MessageSource,
  extensible: boolean,
): Generator<void, Buffer> {
  const out = new OctetWriter();
  yield* writeBodyStructure(out, index, source, extensible);
  return out.view();
}

/** Writes the structure of a message of few parts at once; false, with nothing written, for one of many. */
export function writeSmallStructure(
  out: OctetWriter,
  index: MessageIndex,
  source: MessageSource,
  extensible: boolean,
): boolean {
  const { length } = out;
  if (writeBodyStructure(out, index, source, extensible).next().done === true) return true;
  out.length = length;
  return false;
}

/** A part whose closing parenthesis is still to come, and how many of the parts inside it were written. */
interface OpenPart {
  readonly part: Part;
  written: number;
}

/**
 * Writes `body = "(" (body-type-1part / body-type-mpart) ")"`.
 *
 * A stack in place of recursion, so that it can pause anywhere; a message of few parts is written in the first step.
 */
export function* writeBodyStructure(
  out: OctetWriter,
  { root }: MessageIndex,
  source: MessageSource,
  extensible: boolean,
): Generator<void, void> {
  const open: OpenPart[] = [];
  let count = 0;
  for (let next: Part | undefined = root; ; ) {
    if (next !== undefined) {
      if (beginPart(out, next, source, extensible)) open.push({ part: next, written: 0 });
      else endPart(out, next, extensible);
      count += 1;
      if (count % PARTS_PER_STEP === 0) yield;
    }
    const container = open.at(-1);
    if (container === undefined) return;
    next = partInside(container);
    container.written += 1;
    if (next !== undefined) continue;
    open.pop();
    endPart(out, container.part, extensible);
  }
}

function partInside({ part, written }: OpenPart): Part | undefined {
  if (part.type === 'multipart') return part.children[written];
  return written === 0 ? part.message : undefined;
}

/** The grammar wants at least one part in a multipart, so an empty one gets an empty text, as from other servers. */
const emptyText = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)';
const emptyTextExtended = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)';

/** Writes what comes before the parts inside a part; gives whether there are any. */
function beginPart(out: OctetWriter, part: Part, source: MessageSource, extensible: boolean): boolean {
  out.octet(LEFT);
  if (part.type === 'multipart') {
    if (part.children.length === 0) out.text(extensible ? emptyTextExtended : emptyText);
    return part.children.length > 0;
  }
  writeString(out, part.type);
  out.octet(SPACE);
  writeString(out, part.subtype);
  out.octet(SPACE);
  writeParameters(out, part.parameters);
  writeField(out, part.id);
  writeField(out, part.description);
  out.octet(SPACE);
  writeString(out, part.encoding);
  out.octet(SPACE);
  out.number(part.bodyWireOctets);
  const { message } = part;
  if (message === undefined) return false;
  out.octet(SPACE);
  const header = source.read(message.headerStart, Math.min(message.bodyStart - message.headerStart, MAX_HEADER_OCTETS));
  writeEnvelope(out, header, 0, header.length);
  out.octet(SPACE);
  return true;
}

/** `body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]`, and the end of all other parts. */
function endPart(out: OctetWriter, part: Part, extensible: boolean): void {
  if (part.type === 'multipart') {
    out.octet(SPACE);
    writeString(out, part.subtype);
    if (extensible) {
      out.octet(SPACE);
      writeParameters(out, part.parameters);
    }
  } else {
    if (part.message !== undefined || part.type === 'text') {
      out.octet(SPACE);
      out.number(part.bodyLines);
    }
    if (extensible) writeField(out, part.md5);
  }
  if (extensible) writeTrailer(out, part);
  out.octet(RIGHT);
}

/** `SP body-fld-dsp SP body-fld-lang SP body-fld-loc` */
function writeTrailer(out: OctetWriter, { disposition, languages, location }: Part): void {
  if (disposition === undefined) {
    out.text(' NIL');
  } else {
    out.text(' (');
    writeString(out, disposition.type);
    out.octet(SPACE);
    writeParameters(out, disposition.parameters);
    out.octet(RIGHT);
  }
  out.text(languages === undefined || languages.length === 0 ? ' NIL' : ` (${languages.map(string).join(' ')})`);
  writeField(out, location);
}

/** `SP nstring` */
function writeField(out: OctetWriter, value: string | undefined): void {
  if (value === undefined) {
    out.text(' NIL');
    return;
  }
  out.octet(SPACE);
  writeString(out, value);
}

/** `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil` */
function writeParameters(out: OctetWriter, parameters: readonly Parameter[]): void {
  if (parameters.length === 0) {
    out.text('NIL');
    return;
  }
  let before = LEFT;
  for (const { name, value } of parameters) {
    out.octet(before);
    writeString(out, name);
    out.octet(SPACE);
    writeString(out, value);
    before = SPACE;
  }
  out.octet(RIGHT);
}

const SPACE = 0x20;
const LEFT = 0x28;
const RIGHT = 0x29;
