/**
 * SORT: what it compares, and how (RFC 5256 sections 2 and 3).
 *
 * Texts are compared by code units after folding and decomposing, so that an accented letter follows its plain one, as
 * i;unicode-casemap (RFC 5051) has it.
 */
import { parseAddresses } from './addresses.js';
import { parseMessageDate } from './dates.js';
import { decodeWords } from './encoded-words.js';
import { fold, isAscii } from './fold.js';
import { type FieldPlace, fieldPlaces, nameAt, valueAt } from './header.js';
import { MAX_REFERENCES, MAX_VALUE_OCTETS } from './limits.js';

/** What SORT and THREAD need of a header. */
export interface SortFacts {
  /** Base subject, folded and decomposed. */
  readonly subject: string;
  /** The subject was that of a reply or a forward. */
  readonly isReply: boolean;
  /** Date field in milliseconds since 1970 UTC; undefined without a valid one. */
  readonly sentMs: number | undefined;
  /** Local part of the first address, folded and decomposed; empty without one. */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** Without the angle brackets. */
  readonly messageId: string | undefined;
  /** Ancestors, the oldest first: from References, else the first of In-Reply-To. */
  readonly references: readonly string[];
}

/** A message to be sorted. */
export interface SortableMessage {
  readonly facts: SortFacts;
  readonly sequenceNumber: number;
  /** Internal date in milliseconds. */
  readonly arrivalMs: number;
  readonly sizeOctets: number;
}

/** One key; the same shape as in the grammar. */
export interface Criterion {
  readonly key: 'ARRIVAL' | 'CC' | 'DATE' | 'FROM' | 'SIZE' | 'SUBJECT' | 'TO';
  readonly reverse: boolean;
}

/** A References field may be longer than other values: it names a whole thread. */
export const MAX_REFERENCES_OCTETS = 256 * 1024;

const wanted = new Set(['subject', 'date', 'from', 'to', 'cc', 'message-id', 'references', 'in-reply-to']);

/** Collects what SORT and THREAD need from a header. */
export function sortFacts(header: Buffer): SortFacts {
  const text = header.toString('latin1');
  const places = new Map<string, FieldPlace>();
  for (const place of fieldPlaces(text)) {
    const name = nameAt(text, place).toLowerCase();
    if (wanted.has(name) && !places.has(name)) places.set(name, place);
  }
  const value = (name: string, maxOctets = MAX_VALUE_OCTETS) => {
    const place = places.get(name);
    return place === undefined ? '' : valueAt(text, place, maxOctets);
  };
  const { subject, isReply } = baseSubject(decodeWords(value('subject')));
  const references = messageIds(value('references', MAX_REFERENCES_OCTETS));
  return {
    subject: collated(subject),
    isReply,
    sentMs: parseMessageDate(value('date'))?.ms,
    from: firstMailbox(value('from')),
    to: firstMailbox(value('to')),
    cc: firstMailbox(value('cc')),
    messageId: messageIds(value('message-id'))[0],
    references: references.length > 0 ? references : messageIds(value('in-reply-to')).slice(0, 1),
  };
}

/** When a message was sent; when its header does not say, when it arrived (RFC 5256 section 2.2). */
export function sentDate({ facts, arrivalMs }: Pick<SortableMessage, 'facts' | 'arrivalMs'>): number {
  return facts.sentMs ?? arrivalMs;
}

/** Makes the comparison for SORT's criteria; the sequence number decides last. */
export function compareBy(criteria: readonly Criterion[]): (one: SortableMessage, other: SortableMessage) => number {
  const comparisons = criteria.map(({ key, reverse }) => {
    const compare = comparisonFor[key];
    return reverse ? (one: SortableMessage, other: SortableMessage) => -compare(one, other) : compare;
  });
  return (one, other) => {
    for (const compare of comparisons) {
      const order = compare(one, other);
      if (order !== 0) return order;
    }
    return one.sequenceNumber - other.sequenceNumber;
  };
}

type Comparison = (one: SortableMessage, other: SortableMessage) => number;

const comparisonFor: Readonly<Record<Criterion['key'], Comparison>> = {
  ARRIVAL: (one, other) => one.arrivalMs - other.arrivalMs,
  CC: (one, other) => compareText(one.facts.cc, other.facts.cc),
  DATE: (one, other) => sentDate(one) - sentDate(other),
  FROM: (one, other) => compareText(one.facts.from, other.facts.from),
  SIZE: (one, other) => one.sizeOctets - other.sizeOctets,
  SUBJECT: (one, other) => compareText(one.facts.subject, other.facts.subject),
  TO: (one, other) => compareText(one.facts.to, other.facts.to),
};

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** `Fred Foobar <fred@example.com>` and `fred@example.com (Fred)`, without anything that needs a closer look. */
const plainAddress =
  /^(?:(?:"[^"\\]*"|[^<>@,;:"([\\])*<([A-Za-z0-9.+_-]+)@[A-Za-z0-9.-]+>|([A-Za-z0-9.+_-]+)@[A-Za-z0-9.-]+(?: \([^()\\]*\))?)(?:,|$)/;

/** Mailbox of the first address of a field, or of the first group, which is its name; as SORT compares it. */
export function firstMailbox(value: string): string {
  if (value === '') return '';
  const plain = plainAddress.exec(value);
  if (plain !== null) return (plain[1] ?? plain[2] ?? '').toLowerCase();
  return collated(decodeWords(parseAddresses(value, 1)[0]?.mailbox ?? ''));
}

/** A text as it is sorted. Decomposing after folding changes no equality: `ä` comes between `a` and `b`. */
export function collated(text: string): string {
  return isAscii(text) ? text.toLowerCase() : fold(text).normalize('NFD');
}

/** The longest line of RFC 5322, and so the longest Message-ID that can be told from a mistake. */
const MAX_ID_LENGTH = 998;

/** Message-IDs in a field; quotes inside them are taken off, so that two spellings of one are equal. */
export function messageIds(value: string): string[] {
  const found: string[] = [];
  for (let open = value.indexOf('<'); open !== -1; ) {
    const close = value.indexOf('>', open);
    if (close === -1) break;
    // Of several opening brackets the last one counts.
    open = value.lastIndexOf('<', close);
    const id = value.slice(open + 1, close);
    if (id.length <= MAX_ID_LENGTH) found.push(/[\s"\\]/.test(id) ? id.replace(/[\s"\\]/g, '') : id);
    open = value.indexOf('<', close);
  }
  return found.filter((id) => id !== '').slice(-MAX_REFERENCES);
}

/**
 * Extracts the base subject (RFC 5256 section 2.1) of a decoded subject.
 *
 *     baseSubject('Re: [list] Fwd: hello (fwd)')   // { subject: 'hello', isReply: true }
 */
export function baseSubject(decoded: string): { subject: string; isReply: boolean } {
  if (nothingAround.test(decoded) && !unevenBlanks.test(decoded)) return { subject: decoded, isReply: false };
  let subject = decoded.replace(/[\s\0]+/g, ' ');
  let isReply = false;
  for (;;) {
    const before = subject;
    subject = withoutTrailers(subject, () => {
      isReply = true;
    });
    subject = withoutLeaders(subject, () => {
      isReply = true;
    });
    const forwarded = /^\[fwd:(.*)\]$/i.exec(subject);
    if (forwarded !== null) {
      subject = forwarded[1] ?? '';
      isReply = true;
      continue;
    }
    if (subject === before) return { subject, isReply };
  }
}

/** Begins with nothing that a leader or a blob begins with, and does not end like a trailer: most subjects of new mail. */
const nothingAround = /^[^\s\0[RrFf](?:.*[^\s\0)\]])?$/s;
const unevenBlanks = /[\t-\r\0]|[^\S ]| {2}/;

/** `subj-trailer = "(fwd)" / WSP` */
function withoutTrailers(subject: string, onReply: () => void): string {
  let end = subject.length;
  for (;;) {
    while (end > 0 && subject.charCodeAt(end - 1) === 0x20) end -= 1;
    if (end < 5 || subject.slice(end - 5, end).toLowerCase() !== '(fwd)') return subject.slice(0, end);
    onReply();
    end -= 5;
  }
}

/** `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`, and blobs before it. */
const refwd = /^(?:\[[^[\]]*\] *)*(?:re|fwd?) *(?:\[[^[\]]*\] *)?:/i;
/** `subj-blob = "[" *BLOBCHAR "]" *WSP` */
const blob = /^\[[^[\]]*\] */;

function withoutLeaders(subject: string, onReply: () => void): string {
  let rest = subject;
  for (;;) {
    const before = rest;
    rest = rest.trimStart();
    const leader = refwd.exec(rest);
    if (leader !== null) {
      onReply();
      rest = rest.slice(leader[0].length);
      continue;
    }
    const prefix = blob.exec(rest);
    // A subject that is nothing but a blob keeps it.
    if (prefix !== null && rest.length > prefix[0].length) rest = rest.slice(prefix[0].length);
    if (rest === before) return rest;
  }
}
