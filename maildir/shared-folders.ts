/**
 * SharedFolders: folders of other maildirs that file permissions let one into, as Courier's `shared.` has them.
 *
 *     shared-maildirs                  `pub /home/pub/Maildir`: maildirs by name; `#` begins a comment
 *     shared-folders/pub/News/         the subscription to `shared.pub.News`: a folder with links (shared-links.ts),
 *     shared-folders/pub/News/shared   and where they lead to: /home/pub/Maildir/.News
 *
 * There may be a second file with names for all accounts of the machine. Where a folder is, only these files say: the link
 * `shared` is for Courier.
 */
import { errorCode, MaildirError } from './errors.js';
import { type FileSystem, type LinkOperations, namesIn } from './file-system.js';
import { behindLinks, readText, sameFile, unlessMissing, type Version, versionOf } from './files.js';
import { folderPaths, isFolderName } from './folder-name.js';
import { PASSING_DIRECTORY, removeTree } from './folder-tree.js';
import type { LinkedDirectories } from './shared-disk.js';
import type { Surroundings } from './surroundings.js';

/** What the names of these folders begin with. */
export const SHARED_PREFIX = 'shared.';

/** Some thousand names. A larger file is no such list. */
const MAX_LIST_OCTETS = 1024 * 1024;

const DIRECTORIES = ['tmp', 'cur', 'new'] as const;

/** A folder that may be there. */
export interface SharedFolderPlace extends LinkedDirectories {
  /** `shared.pub.News` */
  readonly name: string;
}

interface ReadList {
  readonly version: Version | undefined;
  readonly maildirs: ReadonlyMap<string, string>;
}

/** Those that one account can reach. */
export class SharedFolders {
  readonly #maildirPath: string;
  readonly #surroundings: Surroundings;
  readonly #lists = new Map<string, ReadList>();

  /** Made by Maildir only. */
  constructor(maildirPath: string, surroundings: Surroundings) {
    this.#maildirPath = maildirPath;
    this.#surroundings = surroundings;
  }

  /** Maildirs by name, those of the machine first. */
  maildirs(machineFile: string): ReadonlyMap<string, string> {
    if (this.#links === undefined) return new Map();
    const own = this.#list(`${this.#maildirPath}/shared-maildirs`);
    const machine = this.#list(behindLinks(this.#disk, machineFile));
    return own.size === 0 ? machine : new Map([...own, ...machine]);
  }

  /** Where a folder of one of the maildirs is; undefined for what can be none. */
  place(shareName: string, maildirPath: string, folder: string): SharedFolderPlace | undefined {
    if (!isFolderName(`INBOX.${folder}`)) return undefined;
    return {
      name: `${SHARED_PREFIX}${shareName}.${folder}`,
      local: `${this.#maildirPath}/shared-folders/${shareName}/${folder}`,
      real: `${maildirPath}/.${folder}`,
    };
  }

  /** The folders of a maildir that this process may read, without the dot in front; none if it cannot be looked at. */
  readableFolders(maildirPath: string): string[] {
    try {
      const entries = namesIn(this.#disk, maildirPath).filter((entry) => /^\.[^.]/.test(entry));
      const folders = entries.map((entry) => entry.slice(1)).filter((folder) => isFolderName(`INBOX.${folder}`));
      return folders.filter((folder) => this.isReadable({ real: `${maildirPath}/.${folder}` })).sort();
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#surroundings.warnOnce(`Shared folders of ${maildirPath} cannot be listed: ${String(error)}`);
      return [];
    }
  }

  /** Whether there is such a folder, and this process may read it. A link in its place is none. */
  isReadable({ real }: Pick<SharedFolderPlace, 'real'>): boolean {
    const isThere = unlessRefused(() => this.#disk.status(real))?.kind === 'directory';
    return isThere && this.#links?.mayRead(`${real}/cur`) === true;
  }

  /** Whether this process may add to it. */
  isWritable({ real }: Pick<SharedFolderPlace, 'real'>): boolean {
    return this.#disk.mayWrite(`${real}/cur`);
  }

  isSubscribed({ local }: Pick<SharedFolderPlace, 'local'>): boolean {
    return this.#disk.status(`${local}/cur`)?.kind === 'directory';
  }

  /** The names of the subscriptions, whether they lead anywhere or not. */
  subscriptions(): string[] {
    const directory = `${this.#maildirPath}/shared-folders`;
    const names: string[] = [];
    for (const share of this.#namesBelow(directory)) {
      for (const folder of this.#namesBelow(`${directory}/${share}`)) {
        if (isShareName(share) && isFolderName(`INBOX.${folder}`)) names.push(`${SHARED_PREFIX}${share}.${folder}`);
      }
    }
    return names;
  }

  /** Makes the folder with links, unless it is there. */
  subscribe({ local, real }: SharedFolderPlace): void {
    const links = this.#links;
    if (links === undefined) throw new MaildirError('no such folder', local);
    const above = local.slice(0, local.lastIndexOf('/'));
    const all = [
      above.slice(0, above.lastIndexOf('/')),
      above,
      local,
      ...DIRECTORIES.map((name) => `${local}/${name}`),
    ];
    for (const directory of all) unlessThere(() => this.#disk.makeDirectory(directory, 0o700));
    const known = links.read(`${local}/shared`);
    if (known === real) return;
    if (known !== undefined) this.#disk.unlink(`${local}/shared`);
    unlessThere(() => links.make(real, `${local}/shared`));
  }

  /** Removes the folder with links. Gives whether there was one. */
  async unsubscribe({ local }: SharedFolderPlace): Promise<boolean> {
    const { tmp } = folderPaths(this.#maildirPath);
    const passing = `${tmp}/${this.#surroundings.names.forPurpose(PASSING_DIRECTORY)}`;
    if (unlessMissing(() => this.#disk.rename(local, passing) ?? true) === undefined) return false;
    await removeTree(this.#surroundings, passing);
    try {
      this.#disk.removeDirectory(local.slice(0, local.lastIndexOf('/')));
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    }
    return true;
  }

  get #disk(): FileSystem {
    return this.#surroundings.fileSystem;
  }

  get #links(): LinkOperations | undefined {
    return this.#disk.links;
  }

  #namesBelow(directory: string): string[] {
    if (this.#disk.status(directory)?.kind !== 'directory') return [];
    return unlessMissing(() => namesIn(this.#disk, directory)) ?? [];
  }

  #list(path: string): ReadonlyMap<string, string> {
    const known = this.#lists.get(path);
    try {
      const version = versionOf(this.#disk.status(path));
      if (known !== undefined && sameFile(known.version, version)) return known.maildirs;
      const text = version === undefined ? '' : (readText(this.#disk, path, MAX_LIST_OCTETS) ?? '');
      const { maildirs, passedOver } = parseSharedMaildirs(text);
      if (passedOver > 0) this.#surroundings.warnOnce(`${path}: ${passedOver} lines cannot be understood`);
      this.#lists.set(path, { version, maildirs });
      return maildirs;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#surroundings.warnOnce(`Shared maildirs cannot be looked up: ${path}: ${String(error)}`);
      return new Map();
    }
  }
}

/** Reads a list of maildirs. Of two lines with one name the first counts. */
export function parseSharedMaildirs(text: string): {
  readonly maildirs: ReadonlyMap<string, string>;
  passedOver: number;
} {
  const maildirs = new Map<string, string>();
  let passedOver = 0;
  for (const line of text.split('\n')) {
    const [content = ''] = line.split('#', 1);
    if (content.trim() === '') continue;
    const [, name = '', path = ''] = /^(\S+)[ \t]+(\/\S.*?)\s*$/.exec(content) ?? [];
    if (!isShareName(name) || /[\u0000-\u001f\u007f]|\/\.\.(\/|$)/.test(path)) passedOver += 1;
    else if (!maildirs.has(name)) maildirs.set(name, path.replace(/(.)\/+$/, '$1'));
  }
  return { maildirs, passedOver };
}

/** Whether a maildir may be shared under this name: it is one level of a mailbox name, and of a path. */
export function isShareName(name: string): boolean {
  return name !== '' && !/[./\s\u0000-\u001f\u007f]|\p{Surrogate}/u.test(name);
}

function unlessThere(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** What may not be looked at is not there, for who may not. */
function unlessRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (errorCode(error) === 'EACCES' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
