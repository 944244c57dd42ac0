/**
 * `courierpop3dsizelist`: what POP3 tells of each message in INBOX without opening it: size, unique id, and whether its
 * header holds raw 8-bit text. Courier's file, octet for octet.
 *
 *     /3 NEXTUID VALIDITY
 *     1700000001.M1.mx:2,S 1234 1:1700000000:0
 *
 * It reads and writes the text; what is in cur meanwhile, others know.
 */
import type { Pace } from './pace.js';

/** The version that is written; 2 has no last number. Of any other version only the first line is believed. */
const VERSION = 3;
const READABLE_VERSIONS: ReadonlySet<number> = new Set([2, 3]);

/** Lines between two looks at the clock. */
const LINES_AT_ONCE = 256;

const HEAD = /^\/(\d{1,9}) +(\d{1,15})(?: +(\d{1,15}))?(?: .*)?$/;
/** Names may hold blanks: the last two words are what is known. */
const ENTRY = /^(.+) (\d{1,15}) (\d{1,15}):(\d{1,15})(?::(\d{1,9})\S*)?$/;

/** What is known of a message. */
export interface SizeListEntry {
  /** The name in cur when the list was written, with its flags. */
  readonly name: string;
  /** Octets as POP3 sends them. */
  readonly sizeOctets: number;
  /** 0 in lists of old servers: then the name is the unique id. */
  readonly uid: number;
  readonly validity: number;
  /** Not 0: there are raw octets above 127 in the header. */
  readonly utf8: number;
}

/** A list as it was found. */
export interface SizeList {
  /** The next message gets this number. */
  readonly nextUid: number;
  /** Undefined when the list does not say. */
  readonly validity: number | undefined;
  readonly entries: readonly SizeListEntry[];
  /** False when it must be written anew to be whole. */
  readonly current: boolean;
}

/** No list: the first message of the maildir gets number 1. */
export const NO_SIZE_LIST: SizeList = { nextUid: 1, validity: undefined, entries: [], current: false };

/**
 * Reads a list. Damaged lines are left out, and so is a last line without its end.
 *
 * A number that an entry has is never given again, whatever the first line says.
 */
export async function parseSizeList(text: string, pace: Pace): Promise<SizeList> {
  const headEnd = text.indexOf('\n');
  const head = HEAD.exec(text.slice(0, Math.max(0, headEnd)).replace(/\r$/, ''));
  if (head === null) return NO_SIZE_LIST;
  const [, version = '', nextUid = '', validity] = head;
  const entries = READABLE_VERSIONS.has(Number(version)) ? await parseEntries(text, headEnd + 1, pace) : [];
  let next = Math.max(1, Number(nextUid));
  for (const { uid } of entries) next = Math.max(next, uid + 1);
  const current = Number(version) === VERSION && next === Number(nextUid) && validity !== undefined;
  return { nextUid: next, validity: validity === undefined ? undefined : Number(validity), entries, current };
}

async function parseEntries(text: string, start: number, pace: Pace): Promise<SizeListEntry[]> {
  const entries: SizeListEntry[] = [];
  let lines = 0;
  for (let at = start; ; ) {
    const end = text.indexOf('\n', at);
    if (end < 0) return entries;
    const entry = parseEntry(text.slice(at, text[end - 1] === '\r' ? end - 1 : end));
    if (entry !== undefined) entries.push(entry);
    at = end + 1;
    lines += 1;
    const pause = lines % LINES_AT_ONCE === 0 ? pace.look() : undefined;
    if (pause !== undefined) await pause;
  }
}

function parseEntry(line: string): SizeListEntry | undefined {
  const found = ENTRY.exec(line);
  if (found === null) return undefined;
  const [, name = '', size, uid, validity, utf8 = 0] = found;
  return { name, sizeOctets: Number(size), uid: Number(uid), validity: Number(validity), utf8: Number(utf8) };
}

/** Writes a list. */
export function formatSizeList(list: Pick<SizeList, 'nextUid' | 'entries'> & { readonly validity: number }): string {
  const lines = list.entries.map(
    ({ name, sizeOctets, uid, validity, utf8 }) => `${name} ${sizeOctets} ${uid}:${validity}:${utf8}\n`,
  );
  return `/${VERSION} ${list.nextUid} ${list.validity}\n${lines.join('')}`;
}

/** What UIDL says of a message: it stays as long as the message does, and no other ever has it. */
export function uniqueIdOf({ name, uid, validity }: Pick<SizeListEntry, 'name' | 'uid' | 'validity'>): string {
  if (uid === 0) return idFromName(name);
  return validity === 0 ? `UID${uid}` : `UID${uid}-${validity}`;
}

/** `+XX` for what may not stand in a unique id (RFC 1939 section 7), and for quotes and the plus itself. */
function idFromName(name: string): string {
  const colon = name.indexOf(':');
  const octets = Buffer.from(colon < 0 ? name : name.slice(0, colon), 'utf8');
  return Array.from(octets, (octet) => {
    const isPlain = octet >= 0x21 && octet <= 0x7e && octet !== 0x22 && octet !== 0x27 && octet !== 0x2b;
    return isPlain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}
