/**
 * EMAILID and THREADID of a message (RFC 8474), made of what it says and kept nowhere but in the cache.
 *
 * EMAILID is a hash of the octets of the file: a copy has the same, whatever it is called and wherever it is. THREADID is
 * a hash of the Message-ID that the references begin with: a reply has that of the message that it answers.
 */
import { createHash } from 'node:crypto';
import { findSection, SECTION } from '../search/search-facts.js';
import { type FactView, type FolderFacts, ID_FACTS } from './folder-facts.js';
import type { MessageReading } from './message-reading.js';

/** Read at once from a file that is not in memory. */
const PIECE_OCTETS = 256 * 1024;

/** 120 bits, more than enough for all mail there is; in letters that RFC 8474 allows. */
const ID_OCTETS = 15;

const SPACE = 0x20;

/** What EMAILID is made from, and where it is remembered. */
export interface IdentifiedMessage {
  readonly facts: FolderFacts;
  /** Row of the folder's current table. */
  readonly row: number;
  readonly reading: MessageReading;
}

/** The EMAILID if it is remembered. */
export function knownEmailId(facts: FolderFacts, row: number, view: FactView): string | undefined {
  if (row < 0 || !facts.look(row, ID_FACTS, view)) return undefined;
  return view.octets.toString('latin1', view.start, view.end);
}

/** The EMAILID, from the file, in steps. @throws {MaildirError} 'message gone' */
export function* emailId({ facts, row, reading }: IdentifiedMessage): Generator<void, string> {
  const { file } = reading;
  const hash = createHash('sha256');
  if (file.whole !== undefined) hash.update(file.whole);
  else {
    for (let at = 0; at < file.sizeOctets; ) {
      const piece = file.read(at, PIECE_OCTETS);
      if (piece.length === 0) break;
      hash.update(piece);
      at += piece.length;
      yield;
    }
  }
  const id = `M${wordOf(hash.digest())}`;
  const { sizeOctets, internalDate: modifiedAt, inode } = file;
  if (row >= 0) facts.keep(row, ID_FACTS, Buffer.from(id), { sizeOctets, modifiedAt, inode });
  return id;
}

const place = { start: 0, end: 0 };

/** The THREADID by the record of SEARCH_FACTS; undefined for a message without any Message-ID. */
export function threadId(view: FactView): string | undefined {
  findSection(view, SECTION.ids, place);
  const { octets } = view;
  let [start, end] = [place.start, place.end];
  const own = octets.subarray(start, end).indexOf(SPACE);
  // The message's own ID comes first, and what it answers behind it.
  if (own >= 0 && start + own + 1 < end) start += own + 1;
  const next = octets.subarray(start, end).indexOf(SPACE);
  if (next >= 0) end = start + next;
  if (end <= start) return undefined;
  return `T${wordOf(createHash('sha256').update(octets.subarray(start, end)).digest())}`;
}

function wordOf(digest: Buffer): string {
  return digest.toString('base64url', 0, ID_OCTETS);
}
