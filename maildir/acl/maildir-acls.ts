/**
 * MaildirAcls: the access lists of one maildir's folders, in Courier's files.
 *
 *     Maildir/courierimapacl               INBOX
 *     Maildir/.Sent/courierimapacl         INBOX.Sent
 *     Maildir/courierimaphieracl/a.b       INBOX.a.b, of which there is only the name
 *
 * A folder without a list has that of the folder above it. Courier writes it down when it first looks at the folder; here
 * it is written when it matters: when a folder is made, and before the list above it changes or goes away. So looking
 * changes nothing, and a maildir that nobody shares has no such files.
 *
 * What was read is kept while the file stays the same, and the file is looked at again after not quite half a second, so that a
 * right that another process takes away is gone within a second. Many may want to know at once: within that time nobody
 * asks the disk. A file that cannot be read or believed gives nobody but the owner and administrators anything.
 */
import { diskErrorsSoon, errorCode, MaildirError } from '../errors.js';
import { namesIn, textFromOctets } from '../file-system.js';
import { readWhole, replaceFile, sameFile, unlessMissing, type Version, versionOf } from '../files.js';
import { folderDirectory, folderPaths } from '../folder-name.js';
import { withLock } from '../lock.js';
import type { Surroundings } from '../surroundings.js';
import { AclList, type Identities, type Protected } from './acl-list.js';
import type { Rights } from './rights.js';

/** A hundred thousand entries would be a list of a megabyte; Courier takes seconds for far fewer. */
const MAX_ACL_OCTETS = 256 * 1024;

/** Together less than the second within which everybody knows of a change. */
const LOOK_AGAIN_MILLISECONDS = 400;
const LOOK_EVERY_MILLISECONDS = 450;

/** Folders of one maildir whose lists are remembered; forgotten ones are read again. */
const MAX_REMEMBERED = 256;

/** Where owner and reader have different uids. */
const REMEDY = 'it and the directories above it must be open to the uid or a group of whoever may see the folder';

/** Courier's own age for files in courierimaphieracl that belong to nothing. */
const STALE_HIERARCHY_MILLISECONDS = 60 * 60 * 1000;

/** What was found in one place. */
interface Found {
  readonly version: Version | undefined;
  /** Undefined: there is no file. */
  readonly list: AclList | undefined;
  readonly trouble: boolean;
  lookedAt: number;
}

/** What is wrong with a list that somebody wants to store. */
export class AclRefused extends Error {
  readonly because: Protected;

  constructor(because: Protected) {
    super('Trying to set invalid access rights');
    this.name = 'AclRefused';
    this.because = because;
  }
}

/** What becomes of a list. */
export type AclChange = (list: AclList) => AclList;

/** What MaildirAcls needs of its maildir. */
export interface AclMaildir {
  readonly path: string;
  listFolders(): readonly string[];
  hasFolder(name: string): boolean;
  /** Has those who watch its folders look again. */
  wake(): void;
}

/** The lists of one maildir. Folder names are canonical. */
export class MaildirAcls {
  readonly #maildir: AclMaildir;
  readonly #surroundings: Surroundings;
  readonly #found = new Map<string, Found>();
  /** What counts for the folder that was asked for last, whether it is its own or inherited: every command asks. */
  #last: { readonly folderName: string; readonly list: AclList; readonly lookedAt: number } | undefined;
  /** Lists that somebody waits for to change, as they were last. */
  readonly #looks = new Set<{ readonly folderName: string; list: AclList }>();
  #cancelLook: (() => void) | undefined;

  constructor(maildir: AclMaildir, surroundings: Surroundings) {
    this.#maildir = maildir;
    this.#surroundings = surroundings;
  }

  /** The list that counts for a folder: its own, or that of the nearest folder above it that has one. */
  list(folderName: string): AclList {
    const now = this.#surroundings.now();
    const last = this.#last;
    if (last?.folderName === folderName && isFresh(last.lookedAt, now)) return last.list;
    let lookedAt = now;
    for (let name = folderName; ; name = nameAbove(name)) {
      const found = this.#look(name, now);
      lookedAt = Math.min(lookedAt, found.lookedAt);
      if (found.list === undefined && !found.trouble && name !== 'INBOX') continue;
      const list = found.list ?? AclList.unchanged;
      this.#last = { folderName, list, lookedAt };
      return list;
    }
  }

  /** What somebody may do with a folder. */
  rights(folderName: string, identities: Identities): Rights {
    return this.list(folderName).rightsOf(identities);
  }

  /** Whether the list of a folder could not be read, and the one that list() gives is not what the file says. */
  isDamaged(folderName: string): boolean {
    return this.#look(folderName).trouble;
  }

  /**
   * Changes the list of a folder, whether or not it has one of its own, and writes it; nobody is told before it is on the
   * disk. Folders below it that have none keep what they have had.
   *
   * @param owner identifies the owner besides `owner`, such as `user=bob`: what he needs cannot be taken from him
   * @throws {AclRefused} when the owner or the administrators would be left without what they need
   * @throws {MaildirError} 'corrupt' when the list that is there cannot be read
   */
  async change(folderName: string, change: AclChange, owner?: string): Promise<AclList> {
    const { tmp } = folderPaths(this.#maildir.path);
    const changeIt = (): Promise<AclList> => this.#change(folderName, change, owner);
    return diskErrorsSoon(this.#maildir.path, () => withLock(this.#surroundings, tmp, changeIt));
  }

  async #change(folderName: string, change: AclChange, owner: string | undefined): Promise<AclList> {
    this.#forgetAll();
    if (this.isDamaged(folderName)) throw new MaildirError('corrupt', `access list of ${folderName}`);
    const changed = change(this.list(folderName));
    const because = changed.tooLittleFor(owner);
    if (because !== undefined) throw new AclRefused(because);
    await this.#keepBelow(folderName);
    await this.#write(folderName, changed);
    this.#tellAll();
    return changed;
  }

  /** To be called when a folder was made: it begins with what it inherits, not with the list of one that had its name. */
  async folderMade(folderName: string): Promise<void> {
    this.#forget(folderName);
    const inherited = this.list(nameAbove(folderName));
    if (inherited !== AclList.unchanged) await this.#write(folderName, inherited);
    else this.#removeHierarchyFile(folderName);
  }

  /** To be called before a folder goes: those below it keep what they have had. */
  async folderWillGo(folderName: string): Promise<void> {
    this.#forgetAll();
    await this.#keepBelow(folderName);
    this.#removeHierarchyFile(folderName);
  }

  /**
   * To be called before folders get other names: each keeps what it has had, and gets nothing by its new place. `to` is the
   * new name of the uppermost.
   */
  async foldersWillMove(folderNames: readonly string[], to: string): Promise<void> {
    this.#forgetAll();
    const nothingToInherit = this.list(nameAbove(to)) === AclList.unchanged;
    // The uppermost come first, and what is further below then inherits the same from them.
    for (const name of [...folderNames].sort()) {
      const { list, trouble } = this.#look(name);
      if (list !== undefined || trouble) continue;
      const inherited = this.list(name);
      if (inherited !== AclList.unchanged || !nothingToInherit) await this.#write(name, inherited);
    }
  }

  /** To be called when folders have gone or moved. */
  foldersChanged(): void {
    this.#tellAll();
  }

  /** Removes the lists of names below which there are no folders any more, an hour after they were written. */
  reset(): void {
    const { fileSystem, now } = this.#surroundings;
    const folders = this.#maildir.listFolders();
    for (const entry of unlessMissing(() => namesIn(fileSystem, this.#hierarchyDirectory)) ?? []) {
      const path = `${this.#hierarchyDirectory}/${entry}`;
      const status = fileSystem.status(path);
      const isNeeded = folders.some((name) => name.startsWith(`INBOX.${entry}.`));
      if (status === undefined || isNeeded || now() - status.modifiedAt < STALE_HIERARCHY_MILLISECONDS) continue;
      unlessMissing(() => fileSystem.unlink(path));
    }
    this.#forgetAll();
  }

  /** Looks at a folder's list again and again, and wakes who watches folders when it has changed; until it is told to stop. */
  keepLooking(folderName: string): () => void {
    const look = { folderName, list: this.list(folderName) };
    this.#looks.add(look);
    if (this.#looks.size === 1) this.#lookSoon();
    return () => {
      this.#looks.delete(look);
      if (this.#looks.size > 0) return;
      this.#cancelLook?.();
      this.#cancelLook = undefined;
    };
  }

  #lookSoon(): void {
    this.#cancelLook = this.#surroundings.after(LOOK_EVERY_MILLISECONDS, () => {
      let changed = false;
      for (const look of this.#looks) {
        const list = this.list(look.folderName);
        if (list !== look.list) changed = true;
        look.list = list;
      }
      if (changed) this.#maildir.wake();
      this.#lookSoon();
    });
  }

  #tellAll(): void {
    this.#forgetAll();
    this.#maildir.wake();
  }

  get #hierarchyDirectory(): string {
    return `${this.#maildir.path}/courierimaphieracl`;
  }

  #ownPath(folderName: string): string {
    return `${folderDirectory(this.#maildir.path, folderName)}/courierimapacl`;
  }

  #hierarchyPath(folderName: string): string | undefined {
    return folderName === 'INBOX' ? undefined : `${this.#hierarchyDirectory}/${folderName.slice('INBOX.'.length)}`;
  }

  #forget(folderName: string): void {
    this.#found.delete(folderName);
    this.#last = undefined;
  }

  #forgetAll(): void {
    this.#found.clear();
    this.#last = undefined;
  }

  /** What there is for exactly this name. */
  #look(folderName: string, now = this.#surroundings.now()): Found {
    const known = this.#found.get(folderName);
    if (known !== undefined && isFresh(known.lookedAt, now)) return known;
    const found = this.#lookAt(folderName, known);
    found.lookedAt = now;
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    this.#found.set(folderName, found);
    return found;
  }

  #lookAt(folderName: string, known: Found | undefined): Found {
    for (const path of [this.#ownPath(folderName), this.#hierarchyPath(folderName)]) {
      if (path === undefined) continue;
      const found = this.#read(path, known);
      if (found.list !== undefined || found.trouble) return found;
    }
    return { version: undefined, list: undefined, trouble: false, lookedAt: 0 };
  }

  #read(path: string, known: Found | undefined): Found {
    const { fileSystem } = this.#surroundings;
    try {
      const status = fileSystem.status(path);
      if (status === undefined) return { version: undefined, list: undefined, trouble: false, lookedAt: 0 };
      if (known?.list !== undefined && known.version !== undefined && sameFile(known.version, status)) return known;
      const file = readWhole(fileSystem, path, MAX_ACL_OCTETS);
      if (file === undefined) return { version: undefined, list: undefined, trouble: false, lookedAt: 0 };
      const list = AclList.parse(textFromOctets(file.octets));
      if (list !== undefined) return { version: versionOf(file.status), list, trouble: false, lookedAt: 0 };
      this.#complain(path, 'a line that takes rights away cannot be understood');
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      const remedy = errorCode(error) === 'EACCES' ? `; ${REMEDY}` : '';
      this.#complain(path, `${String(error)}${remedy}`);
    }
    return { version: undefined, list: undefined, trouble: true, lookedAt: 0 };
  }

  #complain(path: string, why: string): void {
    const rest = 'nobody but the owner and administrators has rights';
    this.#surroundings.warnOnce(`The access list ${path} cannot be used, so ${rest}: ${why}`);
  }

  /** Writes down what the folders directly or further below a folder inherit from it, before that changes. */
  async #keepBelow(folderName: string): Promise<void> {
    const below = new Set<string>();
    for (const folder of this.#maildir.listFolders()) {
      // Levels of which there is only the name have lists, too.
      for (let name = folder; name.startsWith(`${folderName}.`); name = nameAbove(name)) below.add(name);
    }
    // The uppermost come first, and what is further below then inherits the same from them.
    for (const name of [...below].sort()) {
      const { list, trouble } = this.#look(name);
      if (list === undefined && !trouble) await this.#write(name, this.list(nameAbove(name)));
    }
  }

  async #write(folderName: string, list: AclList): Promise<void> {
    const surroundings = this.#surroundings;
    const disk = surroundings.fileSystem;
    const exists = this.#maildir.hasFolder(folderName);
    const path = exists ? this.#ownPath(folderName) : (this.#hierarchyPath(folderName) ?? this.#ownPath(folderName));
    const directory = exists ? folderDirectory(this.#maildir.path, folderName) : this.#hierarchyDirectory;
    if (!exists && disk.status(directory) === undefined) disk.makeDirectory(directory, 0o755);
    // The hierarchy's files have no tmp of their own.
    const { tmp } = folderPaths(exists ? directory : this.#maildir.path);
    await replaceFile(surroundings, { tmp, path, purpose: 'acl', contents: list.format() });
    if (exists) this.#removeHierarchyFile(folderName);
    if (surroundings.durable) await disk.syncDirectory(directory);
    this.#forget(folderName);
  }

  #removeHierarchyFile(folderName: string): void {
    const path = this.#hierarchyPath(folderName);
    if (path === undefined || this.#surroundings.fileSystem.status(path) === undefined) return;
    unlessMissing(() => this.#surroundings.fileSystem.unlink(path));
    this.#forget(folderName);
  }
}

/** The clock may have been set back. */
function isFresh(lookedAt: number, now: number): boolean {
  return Math.abs(now - lookedAt) < LOOK_AGAIN_MILLISECONDS;
}

/** `INBOX.a.b` -> `INBOX.a`; INBOX is above all. */
function nameAbove(folderName: string): string {
  const dot = folderName.lastIndexOf('.');
  return dot < 0 ? 'INBOX' : folderName.slice(0, dot);
}
