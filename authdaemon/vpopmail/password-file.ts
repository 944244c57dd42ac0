/**
 * Looking a name up in a `vpasswd` that may be large: it is read in pieces, and what was found is remembered until the
 * file changes.
 */
import { createReadStream, statSync } from 'node:fs';
import { textFromOctets } from '../octet-text.js';
import { fileStamp } from './domains.js';
import { parseVpasswdLine, type VpasswdEntry } from './vpasswd.js';

/** Files whose finds are remembered, and names for each. */
const MAX_FILES = 100;
const MAX_NAMES_PER_FILE = 1000;
/** A line longer than this is no account. */
const MAX_LINE_OCTETS = 8192;
const LINE_FEED = 0x0a;

interface Remembered {
  readonly stamp: string;
  readonly entries: Map<string, VpasswdEntry | undefined>;
}

/** Reads files named `vpasswd`. */
export class PasswordFiles {
  /** By path; the one that was asked last stands last. */
  readonly #files = new Map<string, Remembered>();

  /** Finds an account by name; undefined when it or the file is not there. @throws {Error} when it cannot be read */
  async find(path: string, name: string): Promise<VpasswdEntry | undefined> {
    const state = statSync(path, { throwIfNoEntry: false });
    if (state === undefined) return undefined;
    const stamp = fileStamp(state);
    const { entries } = this.#remembered(path, stamp);
    if (entries.has(name)) return entries.get(name);
    const found = await search(path, name);
    // Read while it changed: true for now, and not to be remembered.
    const after = statSync(path, { throwIfNoEntry: false });
    if (after === undefined || fileStamp(after) !== stamp) return found;
    if (entries.size >= MAX_NAMES_PER_FILE) entries.clear();
    entries.set(name, found);
    return found;
  }

  #remembered(path: string, stamp: string): Remembered {
    const before = this.#files.get(path);
    this.#files.delete(path);
    const remembered = before?.stamp === stamp ? before : { stamp, entries: new Map() };
    this.#files.set(path, remembered);
    const [oldest] = this.#files.keys();
    if (this.#files.size > MAX_FILES && oldest !== undefined) this.#files.delete(oldest);
    return remembered;
  }
}

/** Gives every account of a file. @throws {Error} */
export async function* entriesOf(path: string): AsyncIterable<VpasswdEntry> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  for await (const lines of wholeLinesOf(path)) {
    for (const line of textFromOctets(lines).split('\n')) {
      const entry = parseVpasswdLine(line);
      if (entry !== undefined) yield entry;
    }
  }
}

async function search(path: string, name: string): Promise<VpasswdEntry | undefined> {
  const first = Buffer.from(`${name}:`);
  const inside = Buffer.from(`\n${name}:`);
  for await (const lines of wholeLinesOf(path)) {
    // Nearly all lines are somebody else's: they are not even made text.
    const isFirst = lines.subarray(0, first.length).equals(first);
    const start = isFirst ? 0 : lines.indexOf(inside) + 1;
    if (start === 0 && !isFirst) continue;
    const end = lines.indexOf(LINE_FEED, start);
    return parseVpasswdLine(textFromOctets(lines.subarray(start, end < 0 ? lines.length : end)));
  }
  return undefined;
}

/** Gives the file in pieces that begin and end where lines do. */
async function* wholeLinesOf(path: string): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    const octets = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = octets.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) yield octets.subarray(0, end);
    rest = octets.subarray(end);
    if (rest.length > MAX_LINE_OCTETS) rest = rest.subarray(0, MAX_LINE_OCTETS);
  }
  if (rest.length > 0) yield rest;
}
