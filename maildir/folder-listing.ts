/**
 * The listings of a folder's directories that one scan makes: which rows have files, and which files have no row.
 *
 * A file that is renamed while its directory is read may be seen twice, or not at all. `new` is read before `cur`, so a
 * message on its way is seen twice rather than never, and of two names of one message the one that exists counts. A
 * message that is not seen is looked for again before it is given up; it must be missing from a listing during which the
 * directories did not change, or from several. That holds for messages that only the UID list names, too: who numbered
 * them saw their files.
 *
 * A file that appears twice for good (a restored backup, two programs with a bad clock) is one message; the other file
 * becomes a message when the first is gone.
 */
import type { FileTable, NameView, Place } from './file-table.js';
import type { FolderState } from './folder-state.js';
import { namesUnknown, textIn, uniqueNameIn } from './listed-names.js';
import { filePath } from './message-file.js';
import { isYoung, type Observation, sameVersions } from './observation.js';
import type { Pace } from './pace.js';
import { Strangers } from './strangers.js';
import type { ListedMessages } from './uiddb.js';

/** A message that several listings in a row did not show is gone, however busy the directory. */
const MAX_LISTINGS = 4;

const DOT = 0x2e;
/** What an entry takes in a directory of ext4, and the name in it; a wrong guess costs nothing but room for a moment. */
const OCTETS_PER_ENTRY = 80;
const OCTETS_PER_NAME = 48;
const MAX_EXPECTED = 262_144;

/** What was seen in a folder's directories. */
export class FolderListing {
  /** Files without a row. */
  readonly strangers = new Strangers();
  /** Whether some message has two files. */
  someTwice = false;

  readonly #state: FolderState;
  readonly #pace: Pace;
  readonly #noteChange: () => number;
  readonly #name: NameView = { octets: Buffer.alloc(0), start: 0, end: 0 };
  #seen = new Uint8Array(0);

  /** `noteChange` is called when the flags of a row changed, and gives the number of that change. */
  constructor(state: FolderState, pace: Pace, noteChange: () => number) {
    this.#state = state;
    this.#pace = pace;
    this.#noteChange = noteChange;
  }

  /** Makes room for as many files as the list names, or as many as such a directory may hold. */
  expect({ cur }: Observation, listed: ListedMessages | undefined): void {
    const files = listed?.count || Math.min(cur.sizeOctets / OCTETS_PER_ENTRY, MAX_EXPECTED);
    this.strangers.files.reserve(Math.ceil(files), Math.ceil(listed?.octets.length || files * OCTETS_PER_NAME));
  }

  /** Whether the file of a row was seen. */
  saw(row: number): boolean {
    return this.#seen[row] === 1;
  }

  /** Notes that the file of a row is no longer where it was seen. */
  unsee(row: number): void {
    this.#seen[row] = 0;
  }

  /** Whether the file of some row was not seen. */
  get someMissing(): boolean {
    return this.#seen.includes(0);
  }

  /** Lists the directories for the rows that there are now. */
  async list(): Promise<void> {
    this.#seen = new Uint8Array(this.#state.rows.count);
    await this.#listOnce();
  }

  /** Lists again while some are missing, unless the directories stayed as they were `before` the last listing. */
  async lookForMissing(before: Observation, listed: ListedMessages | undefined): Promise<void> {
    let last = before;
    for (let listings = 1; listings < MAX_LISTINGS; listings += 1) {
      const now = this.#state.observe();
      if (sameVersions(now, last) && (listings > 1 || !isYoung(now))) return;
      if (!this.someMissing && !(await this.#namesUnseen(listed))) return;
      last = now;
      await this.#listOnce();
    }
  }

  /** Whether the list names messages that were not seen. */
  async #namesUnseen(listed: ListedMessages | undefined): Promise<boolean> {
    return listed !== undefined && namesUnknown([this.#state.rows, this.strangers], listed, this.#pace);
  }

  async #listOnce(): Promise<void> {
    for (const place of ['new', 'cur'] as const satisfies readonly Place[]) {
      const visitor = (octets: Buffer, start: number, end: number, regular: boolean): void => {
        if (octets[start] !== DOT) this.#match(octets, [start, end], place, regular);
      };
      for (const _piece of this.#state.disk.visit(this.#state.paths[place], visitor)) {
        const pause = this.#pace.look();
        if (pause !== undefined) await pause;
      }
    }
  }

  #view(octets: Buffer, start: number, end: number): NameView {
    this.#name.octets = octets;
    this.#name.start = start;
    this.#name.end = end;
    return this.#name;
  }

  #match(octets: Buffer, [start, end]: readonly [number, number], place: Place, regular: boolean): void {
    const { rows } = this.#state;
    const name = this.#view(octets, start, end);
    const row = rows.files.find(name);
    if (row < 0) {
      this.#matchStranger(name, place, regular);
      return;
    }
    const sameName = rows.files.hasName(row, name, place);
    if (this.saw(row) && !sameName && !this.#replaces(name, place, { files: rows.files, file: row })) return;
    this.#seen[row] = 1;
    if (!sameName && rows.moveFile(row, name, place)) rows.setChangedAt(row, this.#noteChange());
  }

  #matchStranger(name: NameView, place: Place, regular: boolean): void {
    const { rows } = this.#state;
    if (rows.someStaged && rows.isStaged(uniqueNameIn(name))) return;
    const { strangers } = this;
    const added = strangers.addIfNew(name, place, regular);
    if (added >= 0) return;
    const known = -1 - added;
    if (!strangers.files.hasName(known, name, place)) {
      if (!this.#replaces(name, place, { files: strangers.files, file: known })) return;
      strangers.files.rename(known, name, place);
    }
    strangers.sawAgain(known, place, regular);
  }

  /** Whether the second name of a message is the one that counts: the first does not exist any more. */
  #replaces(name: NameView, place: Place, first: { readonly files: FileTable; readonly file: number }): boolean {
    const { disk, surroundings, paths } = this.#state;
    const second = `${paths[place]}/${textIn(name)}`;
    if (disk.status(filePath(this.#state, first.files, first.file)) === undefined) return true;
    if (disk.status(second) === undefined) return false;
    surroundings.warnOnce(`Two files of one message; the second is left alone: ${second}`);
    this.someTwice = true;
    return false;
  }
}
