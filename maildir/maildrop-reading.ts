/**
 * Makes the view that a POP3 session has of INBOX: new mail is moved to cur, names are compared with the list of sizes,
 * and only messages that are not in the list are opened, to be measured once and for all.
 *
 * What is new is told only when it could be written down: a unique id that nobody remembers would be given twice.
 */
import { diskErrorsSoon, errorCode } from './errors.js';
import { baseNameOf, compareNames, uniqueNameOf } from './filename.js';
import { readText, replaceFile, unlessMissing } from './files.js';
import { type FolderPaths, folderPaths } from './folder-name.js';
import { withLock } from './lock.js';
import { type DropMessage, listedNames, Maildrop, type MaildropPlace } from './maildrop.js';
import { Pace } from './pace.js';
import { formatSizeList, NO_SIZE_LIST, parseSizeList, type SizeList } from './pop3-size-list.js';
import { measured, type WireSize } from './wire-octets.js';

const LIST = 'courierpop3dsizelist';

/** Names in cur beside what the list says of them. */
interface Matching {
  readonly list: SizeList;
  /** In the order of the list. */
  readonly known: DropMessage[];
  /** Names that are not in the list, in the order in which they get their numbers. */
  readonly fresh: readonly string[];
}

/** Reads the maildrop. @throws {MaildirError} */
export function readMaildrop(place: MaildropPlace): Promise<Maildrop> {
  return diskErrorsSoon(place.maildirPath, () => new Reading(place).maildrop());
}

class Reading {
  readonly #place: MaildropPlace;
  readonly #paths: FolderPaths;
  readonly #pace: Pace;
  /** Of messages that are not in the list, by the part of their names that never changes. */
  readonly #sizes = new Map<string, WireSize>();
  /** The text of the list that was matched. */
  #listText: string | undefined;

  constructor(place: MaildropPlace) {
    this.#place = place;
    this.#paths = folderPaths(place.maildirPath);
    this.#pace = new Pace(place.surroundings.now);
  }

  async maildrop(): Promise<Maildrop> {
    const { surroundings } = this.#place;
    await this.#moveNewToCur();
    const names = await listedNames(surroundings, this.#paths.cur);
    const matching = await this.#match(names, this.#readList());
    const { known, fresh, list } = matching;
    if (fresh.length === 0 && list.current && known.length === list.entries.length) {
      return new Maildrop(this.#place, known.sort(byName));
    }
    await this.#measure(fresh);
    // Another session may have numbered messages meanwhile, here or on another machine: also such as came since the names
    // were read. And while they are read, one that is being renamed may be missed. None of these may lose its number.
    return withLock(surroundings, this.#paths.tmp, async () => {
      const text = this.#readList();
      const isWhole = text === this.#listText && known.length === list.entries.length;
      return this.#numbered(
        isWhole ? matching : await this.#match(await listedNames(surroundings, this.#paths.cur), text),
      );
    });
  }

  /** Adds what is new, and writes it down. */
  async #numbered({ list, known, fresh }: Matching): Promise<Maildrop> {
    const validity = list.validity ?? Math.floor(this.#place.surroundings.now() / 1000);
    let { nextUid } = list;
    const added: DropMessage[] = [];
    for (const name of fresh) {
      const size = this.#sizes.get(uniqueNameKey(name));
      if (size === undefined) continue;
      const { sizeOctets, isUtf8 } = size;
      added.push({ name, sizeOctets, uid: nextUid, validity, utf8: isUtf8 ? 1 : 0 });
      nextUid += 1;
    }
    const entries = [...known, ...added].sort(byName);
    try {
      await this.#write(formatSizeList({ nextUid, validity, entries }));
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return new Maildrop(this.#place, known.length > 0 ? known.sort(byName) : this.#oneAtLeast(added), error);
    }
    return new Maildrop(this.#place, entries);
  }

  /** So that a disk that is full can be emptied: the first message, with an id that is good for this one alone. */
  #oneAtLeast([first]: readonly DropMessage[]): DropMessage[] {
    if (first === undefined) return [];
    const status = this.#place.surroundings.fileSystem.status(`${this.#paths.cur}/${first.name}`);
    if (status === undefined) return [];
    const parts = [Math.floor(status.modifiedAt / 1000), status.device, status.inode];
    return [{ ...first, id: `ENOMEM-${parts.map(hexadecimal).join('-')}` }];
  }

  async #write(contents: string): Promise<void> {
    const { surroundings, maildirPath } = this.#place;
    const { tmp } = this.#paths;
    await replaceFile(surroundings, { tmp, path: `${maildirPath}/${LIST}`, purpose: 'pop3', contents });
    if (surroundings.durable) await surroundings.fileSystem.syncDirectory(maildirPath);
  }

  /** A list that cannot be read is none. */
  #readList(): string | undefined {
    const { surroundings, maildirPath } = this.#place;
    try {
      return readText(surroundings.fileSystem, `${maildirPath}/${LIST}`);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      surroundings.warnOnce(`${maildirPath}/${LIST} cannot be read: ${String(error)}`);
      return undefined;
    }
  }

  async #match(names: ReadonlyMap<string, string>, text: string | undefined): Promise<Matching> {
    this.#listText = text;
    const list = text === undefined ? NO_SIZE_LIST : await parseSizeList(text, this.#pace);
    const open = new Map(names);
    const known: DropMessage[] = [];
    for (const { name: listed, ...entry } of list.entries) {
      const key = uniqueNameKey(listed);
      const name = open.get(key);
      if (name === undefined) continue;
      open.delete(key);
      known.push({ name, ...entry });
    }
    return {
      list,
      known,
      fresh: inOrder([...open.values()]),
    };
  }

  async #measure(names: readonly string[]): Promise<void> {
    const { fileSystem, warnOnce } = this.#place.surroundings;
    for (const name of names) {
      const pause = this.#pace.look();
      if (pause !== undefined) await pause;
      const path = `${this.#paths.cur}/${name}`;
      const file = openedMessage(
        () => fileSystem.open(path),
        (error) => warnOnce(`A message is not shown, since it cannot be read: ${path}: ${String(error)}`),
      );
      if (file === undefined) continue;
      try {
        this.#sizes.set(uniqueNameKey(name), await this.#run(measured(file)));
      } finally {
        file.close();
      }
    }
  }

  async #run<T>(steps: Generator<void, T>): Promise<T> {
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value;
      const pause = this.#pace.look();
      if (pause !== undefined) await pause;
    }
  }

  /** What lies in new has been seen from now on. A name that cur has already is left where it is. */
  async #moveNewToCur(): Promise<void> {
    const { surroundings } = this.#place;
    const arrived = await listedNames(surroundings, this.#paths.new);
    if (arrived.size === 0) return;
    const there = await listedNames(surroundings, this.#paths.cur);
    for (const [key, name] of arrived) {
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
      if (!there.has(key)) this.#moveToCur(name);
    }
  }

  #moveToCur(name: string): void {
    const { fileSystem, warnOnce } = this.#place.surroundings;
    const to = name.includes(':') ? name : `${name}:2,`;
    try {
      fileSystem.rename(`${this.#paths.new}/${name}`, `${this.#paths.cur}/${to}`);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      if (code !== 'ENOENT') warnOnce(`${this.#paths.new} cannot be emptied: ${String(error)}`);
    }
  }
}

/** A link, a device, or what has gone meanwhile is no message. */
function openedMessage<T>(open: () => T, forbidden: (error: unknown) => void): T | undefined {
  try {
    return unlessMissing(open);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'EACCES') forbidden(error);
    else if (!['ELOOP', 'EINVAL', 'ENXIO', 'EISDIR'].includes(code)) throw error;
    return undefined;
  }
}

function uniqueNameKey(listed: string): string {
  return uniqueNameOf(baseNameOf(listed));
}

/** As Courier orders them: by the number that leads a name, and then by its octets up to the flags. */
function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return compareNames(baseNameOf(one.name), baseNameOf(other.name));
}

/** The same for many names in no order: what is compared is made once for each. */
function inOrder(names: readonly string[]): string[] {
  const keys = names.map((name) => {
    const number = Number.parseInt(name, 10);
    return { name, number: Number.isNaN(number) || number < 0 ? 0 : number };
  });
  keys.sort((one, other) => one.number - other.number || byName(one, other));
  return keys.map(({ name }) => name);
}

function hexadecimal(number: number): string {
  return number.toString(16).toUpperCase().padStart(16, '0');
}
