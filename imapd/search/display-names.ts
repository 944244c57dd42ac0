/**
 * What DISPLAYFROM and DISPLAYTO sort by: what clients show of the first address, its name, or else the address itself
 * (RFC 5957 section 3). Rare enough to be made of the fields each time; ranks are kept as those of other keys.
 */
import { emptyView } from '../cache/folder-facts.js';
import type { MessageReading } from '../cache/message-reading.js';
import { firstKnownField, holdsFields } from '../fetch/header-facts.js';
import { parseAddresses } from '../message/addresses.js';
import { decodeWords } from '../message/encoded-words.js';
import { fieldPlaces, nameAt, unfold, valueAt } from '../message/header.js';
import { collated } from '../message/sort.js';

const view = emptyView();

/** The key of a message, as UTF-8. @throws {MaildirError} 'message gone' */
export function displayName(reading: MessageReading, field: 'from' | 'to'): Buffer {
  return Buffer.from(collated(shownOf(fieldValue(reading, field))));
}

function fieldValue(reading: MessageReading, field: string): string {
  reading.headerFacts(view);
  if (holdsFields(view)) return unfold(valueIn(firstKnownField(view, field)?.toString('latin1') ?? ''));
  const header = reading.header().toString('latin1');
  for (const place of fieldPlaces(header)) {
    if (nameAt(header, place).toLowerCase() === field) return valueAt(header, place);
  }
  return '';
}

/** `From: Ann <ann@example.com>` → ` Ann <ann@example.com>` */
function valueIn(lines: string): string {
  return lines.slice(lines.indexOf(':') + 1);
}

function shownOf(value: string): string {
  const [first] = parseAddresses(value, 1);
  if (first === undefined) return '';
  const { name, mailbox, host } = first;
  if (name !== undefined) return decodeWords(name);
  if (mailbox === undefined) return '';
  return decodeWords(host === undefined ? mailbox : `${mailbox}@${host}`);
}
