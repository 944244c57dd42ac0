/**
 * MaildirStore: the maildirs that a process has open, each of them once, so that all sessions share one view.
 *
 * It knows no accounts and no settings files; its options are plain values.
 */
import { normalize } from 'node:path';
import { diskErrors, MaildirError } from './errors.js';
import type { FileSystem } from './file-system.js';
import type { Folder } from './folder.js';
import { folderPaths } from './folder-name.js';
import { Maildir } from './maildir.js';
import { type Surroundings, surroundingsFrom } from './surroundings.js';

/** What the mail store needs from outside. */
export interface MaildirOptions {
  readonly fileSystem: FileSystem;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly hostName: string;
  readonly processId: number;
  /** Whether a promise that settles means that the change survives a power cut. */
  readonly durable: boolean;
  /** Whether tmp/courier.lock is taken (IMAP_USELOCKS). */
  readonly useLocks: boolean;
  /** IMAP_KEYWORDS 0, 1 and 2. */
  readonly keywords: 'off' | 'fast' | 'safe';
  /** Whether what is in Trash, or marked \Deleted, counts for quotas: only where delivery agents count so, too. */
  readonly trashCounts?: boolean;
  /** For the log: repairs that were made, trouble that others caused. */
  warn(text: string): void;
  /** Calls once after so many milliseconds; gives a function that cancels. Without it, a real timer is used. */
  readonly after?: (milliseconds: number, run: () => void) => () => void;
}

/**
 * Messages of folders that nobody uses are kept in memory up to this number, because STATUS and the next SELECT come
 * soon, and a scan of the largest folders takes half a second; that is some 35 megabytes at most.
 */
const IDLE_MESSAGES_KEPT = 500_000;
/** A folder costs some kilobytes besides its messages; this is a part of so many messages. */
const FOLDER_IN_MESSAGES = 40;

/** The maildirs of one process. */
export class MaildirStore {
  readonly #surroundings: Surroundings;
  readonly #maildirs = new Map<string, Maildir>();
  /** Folders that nobody uses, the longest unused first, and how many messages each of them counted when it was. */
  readonly #idle = new Map<Folder, number>();
  #idleMessages = 0;

  constructor(options: MaildirOptions) {
    this.#surroundings = surroundingsFrom(options);
  }

  /** @throws {MaildirError} `'not a maildir'` unless there are cur, new and tmp. */
  open(path: string): Maildir {
    const maildir = this.peek(path);
    this.#maildirs.set(maildir.path, maildir);
    return maildir;
  }

  /** The same for whoever looks at many maildirs once: one that nobody has open is not kept. */
  peek(path: string): Maildir {
    const { fileSystem } = this.#surroundings;
    const paths = folderPaths(normalize(path).replace(/(.)\/+$/, '$1'));
    const known = this.#maildirs.get(paths.directory);
    const whole = diskErrors(path, () =>
      [paths.cur, paths.new, paths.tmp].every((directory) => fileSystem.status(directory)?.kind === 'directory'),
    );
    if (!whole) throw new MaildirError('not a maildir', path);
    if (known !== undefined) return known;
    return new Maildir(paths.directory, this.#surroundings, (folder, how) => this.#becameIdle(folder, how));
  }

  /** Brings everything to rest: journals are folded, timers end. */
  async close(): Promise<void> {
    for (const maildir of this.#maildirs.values()) await maildir.rest();
    this.#maildirs.clear();
    this.#idle.clear();
    this.#idleMessages = 0;
    this.#surroundings.lockFiles.close(this.#surroundings);
  }

  #becameIdle(folder: Folder, how: 'closed' | 'touched'): void {
    this.#forget(folder);
    const counted = folder.heldMessages + FOLDER_IN_MESSAGES;
    this.#idle.set(folder, counted);
    this.#idleMessages += counted;
    if (how === 'closed') this.#rest(folder, false);
    if (this.#idleMessages <= IDLE_MESSAGES_KEPT) return;
    for (const [one] of this.#idle) {
      if (this.#idleMessages <= IDLE_MESSAGES_KEPT) break;
      this.#forget(one);
      this.#rest(one, true);
    }
  }

  #forget(folder: Folder): void {
    this.#idleMessages -= this.#idle.get(folder) ?? 0;
    this.#idle.delete(folder);
  }

  #rest(folder: Folder, unload: boolean): void {
    const rested = unload ? folder.maildir.letGo(folder) : folder.rest({ unload });
    rested.catch((error: unknown) => {
      this.#surroundings.warn(`${folder.maildir.path}: ${folder.name} does not come to rest: ${String(error)}`);
    });
  }
}
