/**
 * What SORT and THREAD compare of a header (RFC 5256 section 2): base subjects, mailboxes, Message-IDs.
 *
 * Texts are folded and decomposed, so that an accented letter follows its plain one, as i;unicode-casemap (RFC 5051) has
 * it. How they are compared is in sort-columns.ts.
 */
import { parseAddresses } from './addresses.js';
import { decodeWords } from './encoded-words.js';
import { fold, isAscii } from './fold.js';
import { MAX_REFERENCES } from './limits.js';

/** A References field may be longer than other values: it names a whole thread. */
export const MAX_REFERENCES_OCTETS = 256 * 1024;

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

/**
 * A text as it is sorted: what i;unicode-casemap (RFC 5051) makes of it, but for ASCII letters, which are small here; columns
 * make them capital. `ä` comes between `a` and `b`.
 */
export function collated(text: string): string {
  return isAscii(text) ? text.toLowerCase() : titleCased(fold(text));
}

/** Longer texts are rare. */
const MAX_SCRATCH_LENGTH = 512;
const scratch = Buffer.allocUnsafeSlow(MAX_SCRATCH_LENGTH * 2);

/** Puts all but ASCII letters of a folded text into title case. */
function titleCased(text: string): string {
  if (text.length > MAX_SCRATCH_LENGTH) return text.replace(/[^\x00-\x7f]/gu, inTitleCase);
  let changes = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const title = code < FIRST_WITHOUT_TITLE ? (titles[code] ?? 0) : code;
    if (title >= FIRST_WITHOUT_TITLE && !hasNoCase(code)) return text.replace(/[^\x00-\x7f]/gu, inTitleCase);
    changes ||= title !== code;
    scratch[at * 2] = title & 0xff;
    scratch[at * 2 + 1] = title >>> 8;
  }
  return changes ? scratch.toString('utf16le', 0, text.length * 2) : text;
}

/** Arabic, Hangul in parts, kana and Chinese characters have one case. */
function hasNoCase(code: number): boolean {
  return (code >= 0x3000 && code < 0xa000) || (code >= 0x1100 && code < 0x1200) || (code >= 0x600 && code < 0x700);
}

/** Simple title case: a character stays one character. Georgian has capitals, but no titles. */
function inTitleCase(character: string): string {
  if (/^[\u10d0-\u10ff]$/.test(character)) return character;
  const capital = character.toUpperCase();
  return capital.length > character.length ? character : capital;
}

/** Letters with case up to Hebrew; what is beyond has none, or is looked at one by one. */
const FIRST_WITHOUT_TITLE = 0x600;
const titles = Uint16Array.from({ length: FIRST_WITHOUT_TITLE }, (_, code) =>
  code < 0x80 ? code : inTitleCase(String.fromCharCode(code)).charCodeAt(0),
);

/** The longest line of RFC 5322, and so the longest Message-ID that can be told from a mistake. */
export const MAX_ID_LENGTH = 998;

/** Message-IDs in a field; quotes inside them are taken off, so that two spellings of one are equal. */
export function messageIds(value: string): string[] {
  const found: string[] = [];
  // From the end, where those stand that count.
  for (let end = value.lastIndexOf('>'); end !== -1 && found.length < MAX_REFERENCES; ) {
    const open = value.lastIndexOf('<', end);
    if (open === -1) break;
    const close = value.indexOf('>', open);
    if (close - open <= MAX_ID_LENGTH + 1) {
      const id = value.slice(open + 1, close);
      const clean = /[\s"\\]/.test(id) ? id.replace(/[\s"\\]/g, '') : id;
      if (clean !== '') found.push(clean);
    }
    end = value.lastIndexOf('>', open);
  }
  return found.reverse();
}

/** A subject as SORT and THREAD take it. */
export interface SortedSubject {
  /** The base subject, collated. */
  readonly key: string;
  readonly isReply: boolean;
}

/** Subjects that are remembered: those who answer repeat them. Three hundred octets each. */
const MAX_REMEMBERED = 1_000;
/** A longer one is hardly ever there twice. */
const MAX_REMEMBERED_LENGTH = 400;

const remembered = new Map<string, SortedSubject>();

/** Decodes a subject, given unfolded and as octets in Latin-1, for SORT and THREAD. */
export function sortedSubject(value: string): SortedSubject {
  const known = remembered.get(value);
  if (known !== undefined) return known;
  const { subject, isReply } = baseSubject(decodeWords(value));
  const found = { key: collated(subject), isReply };
  if (value.length > MAX_REMEMBERED_LENGTH) return found;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(value, found);
  return found;
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
