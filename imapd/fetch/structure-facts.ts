/**
 * STRUCTURE_FACTS: what is kept of a message's structure, as octets that go on the wire as they are.
 *
 *     u48 RFC822.SIZE
 *     u32 length of BODYSTRUCTURE, BODYSTRUCTURE   0 and nothing: not known yet
 *     BODY                                         nothing: not known yet
 *
 * A size alone is learnt by counting line ends; a structure needs the message scanned, and BODY is asked by few clients.
 */
import type { FactView } from '../cache/folder-facts.js';
import { writeBodyStructure, writeSmallStructure } from '../message/body-structure.js';
import type { MessageIndex } from '../message/mime.js';
import type { OctetWriter } from '../message/octet-writer.js';
import type { MessageSource } from '../message/source.js';

/** What a record may be asked for; each of them knows the ones before it. */
export type StructureFact = 'size' | 'bodystructure' | 'body';

const SIZE_OCTETS = 6;
const HEAD_OCTETS = SIZE_OCTETS + 4;

/** Writes the record of a message of which only the size is known. */
export function encodeSize(out: OctetWriter, wireOctets: number): void {
  out.need(HEAD_OCTETS);
  out.octets.writeUIntLE(wireOctets, out.length, SIZE_OCTETS);
  out.octets.writeUInt32LE(0, out.length + SIZE_OCTETS);
  out.length += HEAD_OCTETS;
}

/** What a record is made of. */
interface ScannedMessage {
  readonly index: MessageIndex;
  readonly source: MessageSource;
  readonly withBody: boolean;
}

/** Writes the record of a message that was scanned and has few parts; false for one of many. */
export function encodeSmallStructure(out: OctetWriter, { index, source, withBody }: ScannedMessage): boolean {
  encodeSize(out, index.wireOctets);
  const start = out.length;
  if (!writeSmallStructure(out, index, source, true)) return false;
  out.octets.writeUInt32LE(out.length - start, start - 4);
  return !withBody || writeSmallStructure(out, index, source, false);
}

/** Writes the record of a message that was scanned, in steps. */
export function* encodeStructureFacts(
  out: OctetWriter,
  { index, source, withBody }: ScannedMessage,
): Generator<void, void> {
  encodeSize(out, index.wireOctets);
  const start = out.length;
  yield* writeBodyStructure(out, index, source, true);
  out.octets.writeUInt32LE(out.length - start, start - 4);
  if (withBody) yield* writeBodyStructure(out, index, source, false);
}

/** Whether a record knows something. */
export function holdsStructure(view: FactView, fact: StructureFact): boolean {
  if (fact === 'size') return true;
  const length = structureOctets(view);
  return fact === 'bodystructure' ? length > 0 : length > 0 && view.start + HEAD_OCTETS + length < view.end;
}

/** RFC822.SIZE. */
export function knownSize({ octets, start }: FactView): number {
  return octets.readUIntLE(start, SIZE_OCTETS);
}

/** Writes BODYSTRUCTURE or BODY as a record holds it. */
export function writeKnownStructure(out: OctetWriter, view: FactView, fact: 'bodystructure' | 'body'): void {
  const start = view.start + HEAD_OCTETS;
  const end = start + structureOctets(view);
  if (fact === 'bodystructure') out.copy(view.octets, start, end);
  else out.copy(view.octets, end, view.end);
}

function structureOctets({ octets, start }: FactView): number {
  return octets.readUInt32LE(start + SIZE_OCTETS);
}
