/**
 * The disk as one reader sees somebody else's folder who has a \Seen of his own: the letter S in the names of messages is
 * there when he has seen them, whatever the names on the disk say. All other flags are those of everybody.
 *
 * Whoever works with the folder through this disk needs to know nothing of it.
 */
import {
  type FileStatus,
  type FileSystem,
  type NameVisitor,
  type OpenFile,
  octetsFromText,
  textFromOctets,
} from '../file-system.js';
import { baseOf } from '../shared-disk.js';
import type { SeenMarks } from './seen-marks.js';

const COLON = 0x3a;

/** A disk for one folder and one reader. */
export class SeenDisk implements FileSystem {
  readonly #disk: FileSystem;
  readonly #marks: SeenMarks;
  /** The folder's `cur`, with a slash at its end. */
  readonly #cur: string;

  constructor(disk: FileSystem, marks: SeenMarks, cur: string) {
    this.#disk = disk;
    this.#marks = marks;
    this.#cur = `${cur}/`;
  }

  *visit(directory: string, visitor: NameVisitor): Iterable<void> {
    if (`${directory}/` !== this.#cur) {
      yield* this.#disk.visit(directory, visitor);
      return;
    }
    this.#marks.refresh();
    const present = new Set<string>();
    yield* this.#disk.visit(directory, (octets, start, end, regular, isDirectory) => {
      const name = textFromOctets(octets.subarray(start, end));
      present.add(baseOf(name));
      const shown = this.#shown(name);
      if (shown === name) visitor(octets, start, end, regular, isDirectory);
      else {
        const other = octetsFromText(shown);
        visitor(other, 0, other.length, regular, isDirectory);
      }
    });
    // It is only room that is gained; the next look tries again.
    this.#marks.tidy(present).catch(() => undefined);
  }

  status(path: string): FileStatus | undefined {
    const real = this.#real(path);
    return real === undefined ? undefined : this.#disk.status(real);
  }

  open(path: string): OpenFile {
    return this.#disk.open(this.#mustBe(path));
  }

  create(path: string, mode: number): OpenFile {
    return this.#disk.create(path, mode);
  }

  openToAppend(path: string): OpenFile {
    return this.#disk.openToAppend(path);
  }

  /** A message that only gets or loses \Seen stays where it is. */
  rename(from: string, to: string): void {
    const real = this.#mustBe(from);
    if (!this.#isMessage(to)) {
      this.#disk.rename(real, to);
      return;
    }
    const target = withSeen(to, this.#isMessage(from) && isSeen(real));
    if (target !== real) this.#disk.rename(real, target);
    this.#marks.set(baseOf(to.slice(this.#cur.length)), isSeen(to));
  }

  link(from: string, to: string): void {
    const real = this.#mustBe(from);
    this.#disk.link(real, this.#isMessage(to) ? withSeen(to, false) : to);
    if (this.#isMessage(to)) this.#marks.set(baseOf(to.slice(this.#cur.length)), isSeen(to));
  }

  unlink(path: string): void {
    this.#disk.unlink(this.#mustBe(path));
  }

  makeDirectory(path: string, mode: number): void {
    this.#disk.makeDirectory(path, mode);
  }

  removeDirectory(path: string): void {
    this.#disk.removeDirectory(path);
  }

  setModified(path: string, modifiedAt: number): void {
    this.#disk.setModified(this.#mustBe(path), modifiedAt);
  }

  keepsFineTimes(directory: string): boolean {
    return this.#disk.keepsFineTimes(directory);
  }

  mayWrite(directory: string): boolean {
    return this.#disk.mayWrite(directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    if (`${directory}/` === this.#cur) await this.#marks.sync();
    await this.#disk.syncDirectory(directory);
  }

  #isMessage(path: string): boolean {
    return path.startsWith(this.#cur);
  }

  #shown(name: string): string {
    return withSeen(name, this.#marks.has(baseOf(name)));
  }

  #mustBe(path: string): string {
    const real = this.#real(path);
    if (real === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return real;
  }

  /** The file that is shown under a path; undefined if it is gone. */
  #real(path: string): string | undefined {
    if (!this.#isMessage(path)) return path;
    const candidates = [withSeen(path, false), withSeen(path, true), path.replace(/:2,S?$/, '')];
    return candidates.find((candidate) => this.#disk.status(candidate) !== undefined) ?? this.#oddlyNamed(path);
  }

  /** A program that does not keep the letters in their order. */
  #oddlyNamed(path: string): string | undefined {
    const wanted = path.slice(this.#cur.length);
    let found: string | undefined;
    const visit: NameVisitor = (octets, start, end) => {
      if (found !== undefined || octets.indexOf(COLON, start) < 0) return;
      const name = textFromOctets(octets.subarray(start, end));
      if (withSeen(name, isSeen(wanted)) === wanted) found = this.#cur + name;
    };
    for (const _piece of this.#disk.visit(this.#cur.slice(0, -1), visit)) if (found !== undefined) break;
    return found;
  }
}

function isSeen(name: string): boolean {
  return /:2,[^:/]*S[^:/]*$/.test(name);
}

/** The same name with or without the letter S; one that is as it should be stays as it is. */
function withSeen(name: string, seen: boolean): string {
  if (isSeen(name) === seen) return name;
  const [, base = name, letters = ''] = /^(.*):2,([^:/]*)$/s.exec(name) ?? [];
  return `${base}:2,${seen ? [...letters, 'S'].sort().join('') : letters.replaceAll('S', '')}`;
}
