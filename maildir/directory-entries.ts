/**
 * Reads a directory as the kernel gives it: octets, some hundred names at a time, with nothing made per name.
 *
 * Node makes a string and an object for each name and cannot stop in between; for a large folder that is most of the
 * time of a scan. Where the C library has no getdents64, there is nothing here, and Node's way is used.
 */
import { endianness } from 'node:os';
import { type CLibrary, cLibrary } from './c-library.js';

/**
 * Is shown one name: octets that are good until the next call, and whether the entry is surely a regular file, or surely
 * a directory. A disk may know neither.
 */
export type NameVisitor = (octets: Buffer, start: number, end: number, regular: boolean, directory?: boolean) => void;

/** Reads the next names from an open directory; false at the end. @throws the errors of the operating system */
export type EntriesReader = (descriptor: number, visit: NameVisitor) => boolean;

/** Some 500 entries: a fraction of a millisecond. */
const BLOCK_OCTETS = 32_768;
/** struct linux_dirent64: inode (8), offset (8), length of the entry (2), type (1), name with a zero at its end. */
const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;
const ALIGNMENT = 8;
const DIRECTORY = 4;
const REGULAR_FILE = 8;
const DOT = 0x2e;

let reader: EntriesReader | undefined;
let sought = false;

/** The reader, or undefined where there is none. It is loaded when it is first asked for: small maildirs never need it. */
export function entriesReader(): EntriesReader | undefined {
  if (!sought) reader = seekReader();
  sought = true;
  return reader;
}

function seekReader(): EntriesReader | undefined {
  const library = endianness() === 'LE' ? cLibrary() : undefined;
  try {
    return library && readerWith(library);
  } catch {
    return undefined;
  }
}

type Getdents = (descriptor: number, entries: Buffer, octets: number) => number | bigint;

function readerWith(library: CLibrary): EntriesReader {
  const getdents: Getdents = library.func('long getdents64(int descriptor, void *entries, size_t octets)');
  const block = Buffer.allocUnsafeSlow(BLOCK_OCTETS);
  return (descriptor, visit) => {
    const octets = Number(getdents(descriptor, block, BLOCK_OCTETS));
    if (octets < 0) throw library.failure('getdents64');
    visitEntries(block, octets, visit);
    return octets > 0;
  };
}

/** Shows the names in so many octets of entries, as the kernel gives them. */
export function visitEntries(block: Buffer, octets: number, visit: NameVisitor): void {
  for (let at = 0; at < octets; ) {
    const next = at + (block[at + LENGTH_AT] ?? 0) + ((block[at + LENGTH_AT + 1] ?? 0) << 8);
    const start = at + NAME_AT;
    // Entries are filled up, so the zero is among the last octets.
    let end = Math.max(start, next - ALIGNMENT);
    while (block[end] !== 0) end += 1;
    const isDots = block[start] === DOT && (end - start === 1 || (end - start === 2 && block[start + 1] === DOT));
    const type = block[at + TYPE_AT];
    if (!isDots) visit(block, start, end, type === REGULAR_FILE, type === DIRECTORY);
    at = next;
  }
}

/** Writes an entry as the kernel would; gives where the next one begins. There is room for it. */
export function writeEntry(block: Buffer, at: number, name: string, kind: 'file' | 'directory'): number {
  const end = at + NAME_AT + block.write(name, at + NAME_AT, 'latin1');
  const next = at + Math.ceil((end + 1 - at) / ALIGNMENT) * ALIGNMENT;
  block.fill(0, end, next);
  block.writeUInt16LE(next - at, at + LENGTH_AT);
  block[at + TYPE_AT] = kind === 'file' ? REGULAR_FILE : DIRECTORY;
  return next;
}
