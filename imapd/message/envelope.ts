/**
 * ENVELOPE: a header's main fields, formatted for the wire (RFC 9051 section 7.5.2).
 */
import { writePlainAddresses } from './address-octets.js';
import { type Address, parseAddresses } from './addresses.js';
import { FieldNames } from './field-names.js';
import { FieldScan } from './field-scan.js';
import { unfold } from './header.js';
import { MAX_ADDRESS_FIELD_OCTETS, MAX_VALUE_OCTETS } from './limits.js';
import { OctetWriter } from './octet-writer.js';
import { nstring, writeValue } from './wire-text.js';

/** The fields of an envelope, in its order. */
export const envelopeFields: readonly string[] = [
  'date',
  'subject',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'in-reply-to',
  'message-id',
];
const names = new FieldNames(envelopeFields);
const [DATE, SUBJECT, FROM, SENDER, REPLY_TO] = [0, 1, 2, 3, 4];
const [TO, BCC, IN_REPLY_TO, MESSAGE_ID] = [5, 7, 8, 9];

/** Used by one envelope at a time: it is written without a break. */
const scan = new FieldScan();

/** Where the value of each of the envelope's fields begins, or -1, and where its last line ends. */
export class EnvelopePlaces {
  readonly starts = new Int32Array(envelopeFields.length);
  readonly ends = new Int32Array(envelopeFields.length);

  clear(): void {
    this.starts.fill(-1);
  }

  /** Notes where a field is. Of a field that is repeated the first counts; false for another. */
  note(field: number, start: number, end: number): boolean {
    if (this.starts[field] !== -1) return false;
    this.starts[field] = start;
    this.ends[field] = end;
    return true;
  }
}

const found = new EnvelopePlaces();

/** Formats a header's envelope: `("date" "subject" ((…)) … "<id>")`. */
export function encodeEnvelope(header: Buffer): Buffer {
  const out = new OctetWriter();
  writeEnvelope(out, header, 0, header.length);
  return out.view();
}

/** Writes the envelope of the header that lies from `start` to `end`. */
export function writeEnvelope(out: OctetWriter, octets: Buffer, start: number, end: number): void {
  found.clear();
  let missing = envelopeFields.length;
  scan.reset(octets, start, end);
  while (missing > 0 && scan.next()) {
    const field = names.numberAt(octets, scan.start, scan.nameEnd);
    if (field >= 0 && found.note(field, scan.colon + 1, scan.end)) missing -= 1;
  }
  writeEnvelopeAt(out, octets, found);
}

/** Writes the envelope of a header whose fields were found already. */
export function writeEnvelopeAt(out: OctetWriter, octets: Buffer, places: EnvelopePlaces): void {
  const header = { octets, places };
  out.octet(LEFT);
  writeText(out, header, DATE);
  out.octet(SPACE);
  writeText(out, header, SUBJECT);
  out.octet(SPACE);
  const from = out.length;
  writeAddresses(out, header, FROM);
  const fromEnd = out.length;
  writeAddressesOr(out, header, SENDER, [from, fromEnd]);
  writeAddressesOr(out, header, REPLY_TO, [from, fromEnd]);
  for (let field = TO; field <= BCC; field += 1) {
    out.octet(SPACE);
    writeAddresses(out, header, field);
  }
  for (let field = IN_REPLY_TO; field <= MESSAGE_ID; field += 1) {
    out.octet(SPACE);
    writeText(out, header, field);
  }
  out.octet(RIGHT);
}

interface FoundHeader {
  readonly octets: Buffer;
  readonly places: EnvelopePlaces;
}

function writeText(out: OctetWriter, { octets, places }: FoundHeader, field: number): void {
  const start = places.starts[field] ?? -1;
  if (start === -1) out.text('NIL');
  else writeValue(out, octets, start, Math.min(places.ends[field] ?? 0, start + MAX_VALUE_OCTETS));
}

/** Without a sender or an address for replies, those of From stand there. */
function writeAddressesOr(
  out: OctetWriter,
  header: FoundHeader,
  field: number,
  [from, fromEnd]: readonly [number, number],
): void {
  out.octet(SPACE);
  const start = out.length;
  if ((header.places.starts[field] ?? -1) !== -1) writeAddresses(out, header, field);
  // NIL: no list is as short.
  if (out.length - start > 3) return;
  out.length = start;
  out.need(fromEnd - from);
  out.copy(out.octets, from, fromEnd);
}

/** `"(" 1*address ")" / nil` */
function writeAddresses(out: OctetWriter, { octets, places }: FoundHeader, field: number): void {
  const start = places.starts[field] ?? -1;
  if (start === -1) {
    out.text('NIL');
    return;
  }
  const end = Math.min(places.ends[field] ?? 0, start + MAX_ADDRESS_FIELD_OCTETS);
  if (!writePlainAddresses(out, octets, start, end))
    out.text(addressList(unfold(octets.toString('latin1', start, end))));
}

function addressList(value: string): string {
  const addresses = parseAddresses(value);
  return addresses.length === 0 ? 'NIL' : `(${addresses.map(addressText).join('')})`;
}

/** `address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"` */
function addressText({ name, route, mailbox, host }: Address): string {
  return `(${nstring(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(host)})`;
}

const SPACE = 0x20;
const LEFT = 0x28;
const RIGHT = 0x29;
