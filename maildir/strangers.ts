/**
 * Strangers: message files that a scan found and that have no row yet.
 *
 * It looks at no disk, except at what may be no regular file.
 */
import { FileTable, type NameView, type Place } from './file-table.js';
import { unlessMissing } from './files.js';
import type { NumberedFile } from './folder-rows.js';
import type { FolderState } from './folder-state.js';
import { filePath } from './message-file.js';
import { inNameOrder } from './name-order.js';
import type { Pace } from './pace.js';
import { asUid } from './uid.js';
import type { ListedMessages } from './uiddb.js';

/** What is known of a stranger besides its file. */
const SETTLED = 1;
const WAS_NEW = 2;
const MAY_BE_NO_FILE = 4;

const FIRST_MARKS = 64;

/** Strangers in the order of their UIDs, and these. */
export interface StrangersInOrder {
  readonly order: Uint32Array;
  readonly uids: Uint32Array;
}

interface ListedStrangers extends StrangersInOrder {
  /** Whether a name stands in the list more than once. */
  readonly listedTwice: boolean;
}

/** Files without a row. */
export class Strangers {
  readonly files = new FileTable();
  #marks = new Uint8Array(0);

  /** Adds a file unless one of the same message is known; gives its number, or -1 less the number of the known one. */
  addIfNew(name: NameView, place: Place, regular: boolean): number {
    const stranger = this.files.addIfNew(name, place);
    if (stranger >= 0) this.#mark(stranger, markOf(place, regular));
    return stranger;
  }

  /** Whether one of this name, whatever its flags, is known and not gone. */
  knowsName(name: NameView): boolean {
    const stranger = this.files.find(name);
    return stranger >= 0 && !this.isSettled(stranger);
  }

  /** Takes a row of the folder: its UID is void. */
  addRow(rows: FileTable, row: number): void {
    this.#mark(rows.addTo(this.files, row), 0);
  }

  /** Notes that a known stranger was seen in a place. One that seemed gone was only moved by somebody. */
  sawAgain(stranger: number, place: Place, regular: boolean): void {
    this.#mark(stranger, ((this.#marks[stranger] ?? 0) & ~SETTLED) | markOf(place, regular));
  }

  /** Notes that it has a row now, or is gone. */
  settle(stranger: number): void {
    this.#mark(stranger, (this.#marks[stranger] ?? 0) | SETTLED);
  }

  isSettled(stranger: number): boolean {
    return ((this.#marks[stranger] ?? 0) & SETTLED) !== 0;
  }

  wasNew(stranger: number): boolean {
    return ((this.#marks[stranger] ?? 0) & WAS_NEW) !== 0;
  }

  #mark(stranger: number, mark: number): void {
    if (stranger >= this.#marks.length) {
      const larger = new Uint8Array(stranger * 2 + FIRST_MARKS);
      larger.set(this.#marks);
      this.#marks = larger;
    }
    this.#marks[stranger] = mark;
  }

  numbered(stranger: number, uid: number): NumberedFile {
    const { files } = this;
    return {
      uid: asUid(uid),
      baseName: files.baseNameAt(stranger),
      suffix: files.suffixAt(stranger),
      place: files.placeAt(stranger),
    };
  }

  /** Those that lines of the list above a UID name, in the order of the lines. */
  async listed(list: ListedMessages, above: number, pace: Pace): Promise<ListedStrangers> {
    const ofLines = new Uint32Array(list.count);
    const lineOf = new Uint32Array(this.files.count);
    let count = 0;
    let listedTwice = false;
    for (let line = 0; line < list.count; line += 1) {
      const stranger = list.uidAt(line) > above ? this.files.find(list.nameAt(line)) : -1;
      const pause = pace.step();
      if (pause !== undefined) await pause;
      if (stranger < 0 || this.isSettled(stranger)) continue;
      if (lineOf[stranger] === 0) count += 1;
      else listedTwice = true;
      ofLines[line] = stranger + 1;
      lineOf[stranger] = line + 1;
    }
    const found = { order: new Uint32Array(count), uids: new Uint32Array(count), listedTwice };
    let at = 0;
    for (let line = 0; line < list.count; line += 1) {
      const stranger = (ofLines[line] ?? 0) - 1;
      // A name that is listed twice counts once, with its higher UID.
      if (stranger < 0 || lineOf[stranger] !== line + 1) continue;
      found.order[at] = stranger;
      found.uids[at] = list.uidAt(line);
      at += 1;
    }
    return found;
  }

  /**
   * Those that need a UID, in the order in which they are to get it. Directories, links and devices are no messages; they
   * are looked at once, here.
   */
  waiting(state: FolderState, pace: Pace): Promise<Uint32Array> {
    const { files } = this;
    const waiting = new Uint32Array(files.count);
    let count = 0;
    for (let stranger = 0; stranger < files.count; stranger += 1) {
      const mark = this.#marks[stranger] ?? 0;
      if ((mark & SETTLED) !== 0) continue;
      if ((mark & MAY_BE_NO_FILE) !== 0 && !isMessage(state, filePath(state, files, stranger))) continue;
      waiting[count] = stranger;
      count += 1;
    }
    return inNameOrder(files, waiting.subarray(0, count), pace);
  }
}

function markOf(place: Place, regular: boolean): number {
  return (place === 'new' ? WAS_NEW : 0) | (regular ? 0 : MAY_BE_NO_FILE);
}

function isMessage({ disk, surroundings }: FolderState, path: string): boolean {
  const status = unlessMissing(() => disk.status(path));
  if (status !== undefined && status.kind !== 'file') surroundings.warnOnce(`Not a message, not served: ${path}`);
  return status?.kind === 'file';
}
