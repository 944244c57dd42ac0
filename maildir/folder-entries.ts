/**
 * The names in maildirs that may be folders, remembered for as long as nobody makes or removes one.
 *
 * A LIST asks for them, and for each click of a webmail client there is one. They are read again when the mtime of the
 * maildir's own directory is another one, or was young when they were read (observation.ts). Whether there is a folder
 * behind a name, whoever asks must look at each time: what is in the folders is not remembered here.
 */
import type { NameVisitor } from './directory-entries.js';
import { errorCode } from './errors.js';
import { type FileSystem, textFromOctets } from './file-system.js';
import { type DirectoryVersion, isYoung, sameVersion } from './observation.js';

/** One entry whose name begins with a dot, and which is no file. */
export interface FolderEntry {
  /** `.Sent` */
  readonly entry: string;
  /** `INBOX.Sent` */
  readonly name: string;
  /** Surely a directory: no link, and nothing else. */
  readonly surely: boolean;
}

/** The entries of one maildir, by name. */
export interface FolderEntries {
  readonly entries: readonly FolderEntry[];
  /** INBOX and the names of all entries: the folders, where every entry turns out to be one. */
  readonly names: readonly string[];
}

/** What is needed to read them. */
export interface EntriesWanted {
  readonly disk: FileSystem;
  readonly maildirPath: string;
  readonly isName: (name: string) => boolean;
}

interface Remembered extends FolderEntries {
  readonly version: DirectoryVersion;
}

/** Entries of all maildirs of a process that are remembered: a few megabytes, with what others keep for each of them. */
const MAX_ENTRIES = 20_000;

/** What a process remembers. The maildirs that nobody asked about for the longest time are forgotten first. */
export class RememberedEntries {
  readonly #now: () => number;
  readonly #maildirs = new Map<string, Remembered>();
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The entries of a maildir as they are now. */
  of(wanted: EntriesWanted): FolderEntries {
    const { disk, maildirPath } = wanted;
    const at = this.#now();
    const version = versionOf(disk, maildirPath);
    const known = this.#forget(maildirPath);
    if (known !== undefined && sameVersion(version, known.version)) return this.#remember(maildirPath, known);
    const found = readEntries(wanted);
    if (version === undefined) return found;
    const { inode, modifiedAt } = version;
    const looked = { newestChange: modifiedAt, at, fine: disk.keepsFineTimes(maildirPath) };
    if (isYoung(looked) || found.entries.length > MAX_ENTRIES) return found;
    return this.#remember(maildirPath, { ...found, version: { inode, modifiedAt } });
  }

  #remember(maildirPath: string, remembered: Remembered): Remembered {
    this.#maildirs.set(maildirPath, remembered);
    this.#count += remembered.entries.length;
    for (const oldest of this.#maildirs.keys()) {
      if (this.#count <= MAX_ENTRIES) break;
      this.#forget(oldest);
    }
    return remembered;
  }

  #forget(maildirPath: string): Remembered | undefined {
    const known = this.#maildirs.get(maildirPath);
    this.#maildirs.delete(maildirPath);
    this.#count -= known?.entries.length ?? 0;
    return known;
  }
}

/** Undefined where one may not look: then nothing is remembered. */
function versionOf(disk: FileSystem, maildirPath: string): DirectoryVersion | undefined {
  try {
    // With the final dot a link to the maildir is followed.
    return disk.status(`${maildirPath}/.`);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined;
    throw error;
  }
}

const DOT = 0x2e;

function readEntries({ disk, maildirPath, isName }: EntriesWanted): FolderEntries {
  const entries: FolderEntry[] = [];
  const visit: NameVisitor = (octets, start, end, regular, directory = false) => {
    if (regular || octets[start] !== DOT || end - start < 2) return;
    const entry = textFromOctets(octets.subarray(start, end));
    const name = `INBOX${entry}`;
    if (isName(name)) entries.push({ entry, name, surely: directory });
  };
  // One piece after the other: all names are wanted.
  for (const _piece of disk.visit(maildirPath, visit));
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { entries, names: ['INBOX', ...entries.map(({ name }) => name)] };
}
