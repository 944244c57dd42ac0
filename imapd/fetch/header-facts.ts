/**
 * HEADER_FACTS: what is kept of a message's header, as octets that go on the wire as they are.
 *
 *     u32 length of the envelope, envelope           0 and nothing: not known yet
 *     u8  1 if the fields follow, 0 if they are too long to be kept, 2 if they are not known yet
 *     per common field, in the order of the message: u8 number of its name, u24 length, lines with CRLF
 *
 * Common fields are those that clients ask for when they list messages, so that `BODY[HEADER.FIELDS (…)]` of any of them
 * opens no file: Thunderbird and Betterbird (From To Cc Bcc Subject Date Message-ID Priority X-Priority References
 * Newsgroups In-Reply-To Content-Type Reply-To), Apple Mail and iOS (also X-Uniform-Type-Identifier,
 * X-Universally-Unique-Identifier, List-Id, List-Unsubscribe), Outlook (Importance, X-MS-Has-Attach, Thread-Topic), K-9 and
 * FairEmail (Sender, Auto-Submitted, Precedence), mutt (Lines, List-Post, List-Subscribe, X-Label,
 * X-Original-To, Content-Description), Evolution, Roundcube (Disposition-Notification-To, Mail-Followup-To, Mail-Reply-To,
 * Return-Path, X-Draft-Info), SnappyMail (Return-Receipt-To, X-Confirm-Reading-To, X-Spam-Flag, X-Spam-Status),
 * mbsync, offlineimap and imapsync (Message-ID, X-TUID, X-OfflineIMAP). Received, DKIM-Signature and
 * Authentication-Results are not among them: they are most of a header, and programs that ask for them ask once.
 */

import { expandedLines, expandLines, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';
import type { FactView } from '../cache/folder-facts.js';
import { EnvelopePlaces, envelopeFields, writeEnvelopeAt } from '../message/envelope.js';
import { FieldNames } from '../message/field-names.js';
import { FieldScan } from '../message/field-scan.js';
import type { OctetWriter } from '../message/octet-writer.js';

const names = new FieldNames([
  'auto-submitted',
  'bcc',
  'cc',
  'content-description',
  'content-disposition',
  'content-id',
  'content-language',
  'content-transfer-encoding',
  'content-type',
  'date',
  'disposition-notification-to',
  'from',
  'importance',
  'in-reply-to',
  'lines',
  'list-id',
  'list-post',
  'list-subscribe',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'mail-followup-to',
  'mail-reply-to',
  'message-id',
  'mime-version',
  'newsgroups',
  'organization',
  'precedence',
  'priority',
  'references',
  'reply-to',
  'resent-from',
  'resent-message-id',
  'return-path',
  'return-receipt-to',
  'sender',
  'status',
  'subject',
  'thread-topic',
  'to',
  'user-agent',
  'x-confirm-reading-to',
  'x-draft-info',
  'x-label',
  'x-mailer',
  'x-ms-has-attach',
  'x-msmail-priority',
  'x-offlineimap',
  'x-original-to',
  'x-priority',
  'x-spam-flag',
  'x-spam-status',
  'x-status',
  'x-tuid',
  'x-uniform-type-identifier',
  'x-universally-unique-identifier',
]);

/** What a record may be asked for, as bits: most clients ask for one of them, and never for the other. */
export const ENVELOPE = 1;
export const FIELDS = 2;

/** Some of ENVELOPE and FIELDS. */
export type HeaderParts = number;

const [TOO_LONG, KEPT, UNKNOWN] = [0, 1, 2];

/** Longer fields are read from the file each time: mail to thousands of people would fill the cache. */
const MAX_FIELDS_OCTETS = 32 * 1024;

/** Head of a field in the record. */
const FIELD_HEAD_OCTETS = 4;

/** Of a common field: number, start and end in the header with CRLF. */
const COMMON_WORDS = 3;

/** Used by one header at a time. */
const scan = new FieldScan();

/** The number of a common field among those of an envelope; -1 for those that are none. */
const inEnvelope = Int8Array.from(names.names, (name) => envelopeFields.indexOf(name));

/** What was found in the header at hand: where the envelope's fields are, and the common ones as they go on the wire. */
const places = new EnvelopePlaces();
let common = new Uint32Array(64 * COMMON_WORDS);

/** Writes the record of a header, with the parts that are wanted. */
export function encodeHeaderFacts(out: OctetWriter, header: Buffer, wanted: HeaderParts): void {
  const count = findFields(header);
  out.need(4);
  const start = out.length;
  out.length += 4;
  if ((wanted & ENVELOPE) !== 0) writeEnvelopeAt(out, header, places);
  writeUint32(out.octets, start, out.length - start - 4);
  const fields = out.length;
  out.octet((wanted & FIELDS) === 0 ? UNKNOWN : KEPT);
  if ((wanted & FIELDS) === 0 || (header.length <= MACHINE_OCTETS && writeCommonFields(out, header, count))) return;
  out.octets[fields] = TOO_LONG;
  out.length = fields + 1;
}

/** Gives how many common fields there are. */
function findFields(header: Buffer): number {
  let count = 0;
  places.clear();
  scan.reset(header, 0, header.length);
  while (scan.next()) {
    const number = names.numberAt(header, scan.start, scan.nameEnd);
    if (number === -1) continue;
    const field = inEnvelope[number] ?? -1;
    if (field >= 0) places.note(field, scan.colon + 1, scan.end);
    const at = count * COMMON_WORDS;
    if (at + COMMON_WORDS > common.length) common = withRoom(common);
    common[at] = number;
    common[at + 1] = scan.start + scan.bareLfsBefore;
    common[at + 2] = scan.end + scan.bareLfs;
    count += 1;
  }
  return count;
}

function withRoom(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
}

/** Writes the common fields that were found; false when they are too long. */
function writeCommonFields(out: OctetWriter, header: Buffer, count: number): boolean {
  const begin = out.length;
  expandLines(header, 0, header.length, 0);
  for (let at = 0; at < count * COMMON_WORDS; at += COMMON_WORDS) {
    const [start, end] = [common[at + 1] ?? 0, common[at + 2] ?? 0];
    const octets = end - start;
    if (out.length - begin + octets > MAX_FIELDS_OCTETS) return false;
    out.need(FIELD_HEAD_OCTETS);
    writeUint32(out.octets, out.length, (octets << 8) | (common[at] ?? 0));
    out.length += FIELD_HEAD_OCTETS;
    out.copy(expandedLines, start, end);
  }
  return true;
}

function writeUint32(octets: Buffer, at: number, value: number): void {
  octets[at] = value;
  octets[at + 1] = value >>> 8;
  octets[at + 2] = value >>> 16;
  octets[at + 3] = value >>> 24;
}

/** Writes the envelope that a record holds. */
export function writeKnownEnvelope(out: OctetWriter, { octets, start }: FactView): void {
  const envelope = start + 4;
  out.copy(octets, envelope, envelope + uint32At(octets, start));
}

/** The fields that a client wants, by the numbers of their names. */
export type WantedFields = Uint8Array;

/** Which fields are wanted; undefined when one of them is not among the common ones. @param fields in any case */
export function wantedFields(fields: readonly string[]): WantedFields | undefined {
  const wanted = new Uint8Array(names.names.length);
  for (const field of fields) {
    const number = names.numberAt(Buffer.from(field, 'latin1'), 0, field.length);
    if (number === -1) return undefined;
    wanted[number] = 1;
  }
  return wanted;
}

/** What a record knows: fields that are too long to be kept are known to be so. */
export function knownParts({ octets, start }: FactView): HeaderParts {
  const envelope = uint32At(octets, start);
  return (envelope > 0 ? ENVELOPE : 0) | (octets[start + 4 + envelope] === UNKNOWN ? 0 : FIELDS);
}

/** Whether a record holds the fields. */
export function holdsFields({ octets, start }: FactView): boolean {
  return octets[start + 4 + uint32At(octets, start)] === KEPT;
}

/** The first of the common fields with a name, in lower case: its lines with CRLF, a view of the record. */
export function firstKnownField(view: FactView, name: string): Buffer | undefined {
  const { octets, end } = view;
  const number = names.names.indexOf(name);
  for (let at = firstField(view); at < end; ) {
    const head = uint32At(octets, at);
    const next = at + FIELD_HEAD_OCTETS + (head >>> 8);
    if ((head & 0xff) === number) return octets.subarray(at + FIELD_HEAD_OCTETS, next);
    at = next;
  }
  return undefined;
}

/** How many octets `writeKnownFields` will write. */
export function knownFieldsOctets(view: FactView, wanted: WantedFields): number {
  const { octets, end } = view;
  let sum = 0;
  let last = LF;
  for (let at = firstField(view); at < end; ) {
    const head = uint32At(octets, at);
    const next = at + FIELD_HEAD_OCTETS + (head >>> 8);
    if (wanted[head & 0xff] === 1) {
      sum += head >>> 8;
      last = octets[next - 1] ?? LF;
    }
    at = next;
  }
  return sum + (last === LF ? 2 : 4);
}

/** Writes the wanted fields in the order of the message, and the blank line. */
export function writeKnownFields(out: OctetWriter, view: FactView, wanted: WantedFields): void {
  const { octets, end } = view;
  let last = LF;
  for (let at = firstField(view); at < end; ) {
    const head = uint32At(octets, at);
    const next = at + FIELD_HEAD_OCTETS + (head >>> 8);
    if (wanted[head & 0xff] === 1) {
      out.copy(octets, at + FIELD_HEAD_OCTETS, next);
      last = octets[next - 1] ?? LF;
    }
    at = next;
  }
  out.text(last === LF ? '\r\n' : '\r\n\r\n');
}

function firstField({ octets, start }: FactView): number {
  return start + 5 + uint32At(octets, start);
}

function uint32At(octets: Buffer, at: number): number {
  return (
    ((octets[at] ?? 0) |
      ((octets[at + 1] ?? 0) << 8) |
      ((octets[at + 2] ?? 0) << 16) |
      ((octets[at + 3] ?? 0) << 24)) >>>
    0
  );
}

const LF = 0x0a;
