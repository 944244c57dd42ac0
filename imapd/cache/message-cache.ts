/**
 * MessageCache: what was learnt about messages by reading their files, in memory, for all sessions of this worker.
 *
 * A message file never changes, so nothing here is ever stale: a fact is kept under the folder and the unique name of
 * its message until room is needed. This is the seam for a cache that survives the process: `factsOf` is all that its
 * users know of where facts come from. It reads no file and parses nothing; that is in message-reading.ts.
 */
import type { Folder } from '../../maildir/folder.js';
import type { MessageIndex } from '../message/mime.js';
import type { SortFacts } from '../message/sort.js';

/** What is known of one message. Absent means not yet asked for. Filled in by those who found it out. */
export interface MessageFacts {
  /** Octets of the file that all this was found in. */
  fileOctets?: number;
  /** RFC822.SIZE. */
  wireOctets?: number;
  /** Kept for large messages only: see `MIN_OCTETS_OF_KEPT_INDEX` in message-reading.ts. */
  index?: MessageIndex;
  /** Subject, From, To and Cc as they stand in the header, for SEARCH. */
  commonFields?: Buffer;
  /** As they go on the wire. */
  envelope?: Buffer;
  body?: Buffer;
  bodyStructure?: Buffer;
  /** What SORT and THREAD compare. */
  sort?: SortFacts;
  /** Day of the Date field, counted from 1 January 1970; none without a valid one. */
  sentDay?: number | 'none';
}

/**
 * Room for what is known, per worker. An envelope takes about 500 octets and 500 octets of objects around it, so this
 * holds the envelopes of the 60,000 messages that were looked at last.
 */
export const MAX_CACHE_OCTETS = 64 * 1024 * 1024;

/** What an entry costs before anything is in it: key, object, slots of the map. */
const OCTETS_OF_ENTRY = 400;

/** Facts in memory, those used last, bounded by octets. */
export class MessageCache {
  readonly #maxOctets: number;
  /** Two generations in place of a list by age: what is used moves to the young one, and the old one goes as a whole. */
  #young = new Map<string, MessageFacts>();
  #old = new Map<string, MessageFacts>();
  #youngOctets = 0;
  #prefixes = new WeakMap<Folder, string>();

  constructor(maxOctets = MAX_CACHE_OCTETS) {
    this.#maxOctets = maxOctets;
  }

  /** What is known of a message, by its row of the folder's current table. The caller may add to it. */
  factsOf(folder: Folder, row: number): MessageFacts {
    const key = `${this.#prefixOf(folder)}${folder.uniqueNameAt(row)}`;
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const facts = this.#old.get(key) ?? {};
    this.#young.set(key, facts);
    this.charge(OCTETS_OF_ENTRY + octetsOf(facts));
    return facts;
  }

  /** Counts octets that were added to some message's facts. May make room. */
  charge(octets: number): void {
    this.#youngOctets += octets;
    if (this.#youngOctets < this.#maxOctets / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngOctets = 0;
  }

  /** Messages of which something is known. */
  get count(): number {
    return this.#young.size + this.#old.size;
  }

  #prefixOf(folder: Folder): string {
    let prefix = this.#prefixes.get(folder);
    if (prefix === undefined) {
      prefix = `${folder.maildir.path}\0${folder.name}\0`;
      this.#prefixes.set(folder, prefix);
    }
    return prefix;
  }
}

/** Empties what is known of a message. */
export function forget(facts: MessageFacts): void {
  for (const fact of Object.keys(facts) as (keyof MessageFacts)[]) delete facts[fact];
}

function octetsOf({ envelope, body, bodyStructure, commonFields, sort, index }: MessageFacts): number {
  const formatted =
    (commonFields?.length ?? 0) + (envelope?.length ?? 0) + (body?.length ?? 0) + (bodyStructure?.length ?? 0);
  return formatted + (sort === undefined ? 0 : 600) + (index === undefined ? 0 : 4_000);
}

/** The cache of this process. A mail worker serves one Unix identity, so its sessions may share what they read. */
export const workerCache = new MessageCache();
