/**
 * The compiled userdb, open: `userdb.dat` and `userdbshadow.dat`, opened again when either changes.
 *
 * Knows records, not accounts. A damaged file is an Error of the call that meets it.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import type { UserdbPaths } from './files.js';
import { GdbmReader } from './gdbm.js';
import { parseFields, type UserdbFields } from './record.js';

/** Compared with when the file holds no hash at all: {SSHA}, made of random octets. */
const NOBODYS_HASH = '{SSHA}Y2IAbV0WlJGpqBlCIQmHPLZJ8MdCq0Wq';
/** Records looked at to find a typical hash; the first accounts of a file are like the others. */
const SAMPLE_RECORDS = 64;

/** A record of both files. */
export interface CompiledRecord {
  readonly fields: UserdbFields;
  readonly shadow: UserdbFields;
}

interface OpenFile {
  readonly reader: GdbmReader;
  readonly state: Stats;
  readonly descriptor: number;
}

interface OpenFiles {
  readonly open: OpenFile;
  readonly shadow: OpenFile;
  readonly typicalHash: string;
}

/** The two compiled files of one userdb. */
export class CompiledUserdb {
  readonly #paths: UserdbPaths;
  readonly #opened: (path: string) => void;
  #files: OpenFiles | undefined;

  /** `opened` is told whenever the files were opened (again). */
  constructor(paths: UserdbPaths, opened: (path: string) => void) {
    this.#paths = paths;
    this.#opened = opened;
  }

  /** Gives a hash like those of real accounts, to spend the same time on an unknown one. */
  get typicalHash(): string {
    return this.#files?.typicalHash ?? NOBODYS_HASH;
  }

  /** Differs whenever a file was replaced or written to. */
  get stamp(): string {
    const states = [this.#paths.compiled, this.#paths.shadow].map((path) => statSync(path, { throwIfNoEntry: false }));
    return states.map((state) => `${state?.ino}:${state?.mtimeMs}:${state?.size}`).join(' ');
  }

  /** Tells whether there is a compiled userdb. */
  get isThere(): boolean {
    return statSync(this.#paths.compiled, { throwIfNoEntry: false }) !== undefined;
  }

  /** Gives a record; undefined when it is not there, or no userdb is. @throws {Error} damaged or unreadable files */
  find(name: string): CompiledRecord | undefined {
    const files = this.#refreshed();
    const key = octetsFromText(name);
    const open = files?.open.reader.get(key);
    if (files === undefined || open === undefined) return undefined;
    return { fields: fieldsOf(open), shadow: fieldsOf(files.shadow.reader.get(key) ?? Buffer.alloc(0)) };
  }

  /** Gives the account name of a uid by its reverse record (`5000=`). @throws {Error} */
  nameOfUid(uid: number): string | undefined {
    const value = this.#refreshed()?.open.reader.get(Buffer.from(`${uid}=`));
    // makeuserdb puts its note of the source file behind the name.
    return value === undefined ? undefined : textFromOctets(value).split('|')[0];
  }

  /** Gives all names with their fields, without passwords. The file stays open meanwhile. @throws {Error} */
  *accounts(): Generator<{ readonly name: string; readonly fields: UserdbFields }, void, undefined> {
    if (statSync(this.#paths.compiled, { throwIfNoEntry: false }) === undefined) return;
    // Its own descriptor: between two accounts the shared one may be closed and its number given to another file.
    const file = openFile(this.#paths.compiled);
    try {
      for (const { key, value } of file.reader.records()) {
        const name = textFromOctets(key);
        if (!name.endsWith('=')) yield { name, fields: fieldsOf(value) };
      }
    } finally {
      closeSync(file.descriptor);
    }
  }

  /** Closes the files; the next question opens them again. */
  close(): void {
    if (this.#files === undefined) return;
    closeSync(this.#files.open.descriptor);
    closeSync(this.#files.shadow.descriptor);
    this.#files = undefined;
  }

  #refreshed(): OpenFiles | undefined {
    const { compiled, shadow } = this.#paths;
    const open = statSync(compiled, { throwIfNoEntry: false });
    const secrets = statSync(shadow, { throwIfNoEntry: false });
    const current = this.#files;
    if (current !== undefined && same(open, current.open.state) && same(secrets, current.shadow.state)) return current;
    this.close();
    if (open === undefined) return undefined;
    if (secrets === undefined) throw new Error(`${shadow} is missing; run makeuserdb`);
    this.#files = openFiles(this.#paths);
    this.#opened(compiled);
    return this.#files;
  }
}

function openFiles({ compiled, shadow }: UserdbPaths): OpenFiles {
  const open = openFile(compiled);
  // The first file must not stay open when the second one is bad.
  try {
    const secrets = openFile(shadow);
    return { open, shadow: secrets, typicalHash: typicalHash(secrets.reader) };
  } catch (error) {
    closeSync(open.descriptor);
    throw error;
  }
}

function openFile(path: string): OpenFile {
  const descriptor = openSync(path, 'r');
  try {
    const read = (position: number, length: number): Buffer => {
      const octets = Buffer.allocUnsafe(length);
      return octets.subarray(0, readSync(descriptor, octets, 0, length, position));
    };
    return { reader: new GdbmReader(read), state: fstatSync(descriptor), descriptor };
  } catch (error) {
    closeSync(descriptor);
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Finds the hash that an unknown account's password is compared with. */
function typicalHash(reader: GdbmReader): string {
  let looked = 0;
  for (const { value } of reader.records()) {
    for (const [name, hash] of fieldsOf(value)) {
      if (!name.includes('-hmac-') && !name.startsWith('hmac-') && /^[{$]/.test(hash)) return hash;
    }
    looked += 1;
    if (looked >= SAMPLE_RECORDS) break;
  }
  return NOBODYS_HASH;
}

function fieldsOf(octets: Buffer): UserdbFields {
  return parseFields(textFromOctets(octets));
}

function same(one: Stats | undefined, other: Stats): boolean {
  if (one === undefined) return false;
  return one.ino === other.ino && one.dev === other.dev && one.mtimeMs === other.mtimeMs && one.size === other.size;
}
