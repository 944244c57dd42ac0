/**
 * ENVELOPE: a header's main fields, formatted for the wire (RFC 9051 section 7.5.2).
 */
import { type Address, parseAddresses } from './addresses.js';
import { type FieldPlace, fieldPlaces, nameAt, valueAt } from './header.js';
import { MAX_ADDRESS_FIELD_OCTETS, MAX_VALUE_OCTETS } from './limits.js';
import { nstring } from './wire-text.js';

const addressFields = ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'] as const;
const textFields = ['date', 'subject', 'in-reply-to', 'message-id'] as const;
type EnvelopeField = (typeof addressFields)[number] | (typeof textFields)[number];

/** Formats a header's envelope: `("date" "subject" ((…)) … "<id>")`. */
export function encodeEnvelope(header: Buffer): Buffer {
  return Buffer.from(envelopeText(header.toString('latin1')), 'latin1');
}

/** The same from and to octets as Latin-1. */
export function envelopeText(header: string): string {
  const places = firstPlaces(header);
  const text = (field: EnvelopeField) => {
    const place = places.get(field);
    return nstring(place === undefined ? undefined : valueAt(header, place, MAX_VALUE_OCTETS));
  };
  const list = (field: EnvelopeField) => {
    const place = places.get(field);
    return place === undefined ? 'NIL' : addressList(valueAt(header, place, MAX_ADDRESS_FIELD_OCTETS));
  };
  const from = list('from');
  const orFrom = (addresses: string) => (addresses === 'NIL' ? from : addresses);
  const people = [from, orFrom(list('sender')), orFrom(list('reply-to')), list('to'), list('cc'), list('bcc')];
  return `(${text('date')} ${text('subject')} ${people.join(' ')} ${text('in-reply-to')} ${text('message-id')})`;
}

const wanted = new Map<string, EnvelopeField>([...addressFields, ...textFields].map((field) => [field, field]));
const LONGEST_NAME = 'in-reply-to'.length;

/** Of a field that is repeated the first counts. */
function firstPlaces(header: string): Map<EnvelopeField, FieldPlace> {
  const places = new Map<EnvelopeField, FieldPlace>();
  for (const place of fieldPlaces(header)) {
    if (place.colon - place.start > LONGEST_NAME + 8) continue;
    const field = wanted.get(nameAt(header, place).toLowerCase());
    if (field === undefined || places.has(field)) continue;
    places.set(field, place);
    if (places.size === wanted.size) break;
  }
  return places;
}

/** `"(" 1*address ")" / nil` */
function addressList(value: string): string {
  const addresses = parseAddresses(value);
  return addresses.length === 0 ? 'NIL' : `(${addresses.map(addressText).join('')})`;
}

/** `address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"` */
function addressText({ name, route, mailbox, host }: Address): string {
  return `(${nstring(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(host)})`;
}
