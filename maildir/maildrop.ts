/**
 * Maildrop: the messages of INBOX as one POP3 session sees them: numbered once, whatever happens meanwhile.
 *
 * A message that another program renames is found again; one that is removed is gone, and keeps its number. How the view
 * is made is maildrop-reading.ts.
 */
import type { DropMessages } from './drop-messages.js';
import { renamed, visitMessages } from './drop-scan.js';
import { diskErrors, diskErrorsSoon, errorCode } from './errors.js';
import type { OpenFile } from './file-system.js';
import { sameFile, unlessMissing, type Version, versionOf } from './files.js';
import { folderPaths } from './folder-name.js';
import { Pace } from './pace.js';
import type { MaildirQuota } from './quota/maildir-quota.js';
import { type MailAmount, NOTHING, negative, sum } from './quota/quota-limits.js';
import type { Surroundings } from './surroundings.js';

/** Where the messages are. */
export interface MaildropPlace {
  readonly surroundings: Surroundings;
  readonly maildirPath: string;
  readonly quota: MaildirQuota;
}

/** What a view has that is not as the list of sizes says. */
export interface ViewTrouble {
  /** Why new messages are hidden in this session: the list could not be saved. */
  readonly trouble: unknown;
  /** The unique id of the only message, which could not be listed. */
  readonly onlyId?: string;
}

/** How removing ended. */
export interface Removal {
  /** Messages that are still there, because the disk refused. */
  readonly failed: number;
}

/** The view of one session. Messages are named by their place in it, from 0. Methods throw MaildirError. */
export class Maildrop {
  /** Why new messages are hidden in this session, if they are: the list of sizes could not be saved. */
  readonly trouble: unknown;
  readonly #place: MaildropPlace;
  /** Other sessions may have them, too. */
  readonly #messages: DropMessages;
  readonly #onlyId: string | undefined;
  readonly #cur: string;
  #gone: Set<number> | undefined;
  /** How cur was when names were last looked for. */
  #lookedAt: Version | undefined;

  constructor(place: MaildropPlace, messages: DropMessages, { trouble, onlyId }: Partial<ViewTrouble> = {}) {
    this.#place = place;
    this.#messages = messages;
    this.#cur = folderPaths(place.maildirPath).cur;
    this.trouble = trouble;
    this.#onlyId = onlyId;
  }

  get count(): number {
    return this.#messages.count;
  }

  /** Octets of all messages. */
  get totalOctets(): number {
    return this.#messages.totalOctets;
  }

  /** Octets as they are sent, without what makes the end known. */
  sizeOctetsAt(index: number): number {
    return this.#messages.sizeOctetsAt(index);
  }

  uniqueIdAt(index: number): string {
    return this.#onlyId ?? this.#messages.uniqueIdAt(index);
  }

  /** Writes the unique id, which has at most three octets for each of a file name; gives where what follows is to stand. */
  putUniqueIdAt(index: number, to: Buffer, start: number): number {
    if (this.#onlyId !== undefined) return start + to.write(this.#onlyId, start, 'latin1');
    return this.#messages.putUniqueIdAt(index, to, start);
  }

  /** Whether the header holds raw octets above 127. */
  isUtf8At(index: number): boolean {
    return this.#messages.isUtf8At(index);
  }

  /** `cur/1700000001.M1.mx:2,S`: the file, as the log names it. */
  fileAt(index: number): string {
    return `cur/${this.#messages.nameAt(index)}`;
  }

  /** Opens a message where it was seen last; undefined when it is not there, which open() finds out. */
  openAtOnce(index: number): OpenFile | undefined {
    if (this.#gone?.has(index) === true) return undefined;
    return diskErrors(this.#cur, () => unlessUnusable(() => this.#disk.open(this.#pathOf(index))));
  }

  /** Opens a message; undefined when it is gone. */
  open(index: number): Promise<OpenFile | undefined> {
    return diskErrorsSoon(this.#cur, () => this.#found(index, (path) => this.#disk.open(path)));
  }

  /** Marks a message as read, if that can be done. */
  markSeen(index: number): void {
    const messages = this.#messages;
    if (messages.isSeenAt(index)) return;
    const suffix = messages.seenSuffixAt(index);
    try {
      this.#disk.rename(this.#pathOf(index), `${this.#cur}/${messages.files.baseNameAt(index)}${suffix}`);
      messages.files.setSuffix(index, suffix, 'cur');
    } catch (error) {
      // Whoever may only read has not failed.
      if (errorCode(error) === undefined) throw error;
    }
  }

  /** Removes messages; when it is over, that is on the disk, and no longer counts for the quota. */
  remove(indexes: readonly number[], removed: (file: string) => void): Promise<Removal> {
    const { surroundings, quota } = this.#place;
    return diskErrorsSoon(this.#cur, async () => {
      const pace = new Pace(surroundings.now);
      const amounts = quota.isSet;
      let total = NOTHING;
      let failed = 0;
      try {
        for (const index of indexes) {
          const pause = pace.step();
          if (pause !== undefined) await pause;
          const amount = await this.#removed(index, amounts);
          if (amount === undefined) failed += 1;
          else if (amount !== 'gone') {
            total = sum(total, amount);
            removed(this.fileAt(index));
          }
        }
      } finally {
        quota.book(negative(total));
      }
      if (surroundings.durable && indexes.length > 0) await this.#disk.syncDirectory(this.#cur);
      return { failed };
    });
  }

  /** What the message counted for; undefined when the disk refused. */
  async #removed(index: number, wantsAmount: boolean): Promise<MailAmount | 'gone' | undefined> {
    try {
      const amount = await this.#found(index, (path) => {
        const counted = wantsAmount ? this.#amountOf(index, path) : NOTHING;
        this.#disk.unlink(path);
        return counted;
      });
      this.#noteGone(index);
      return amount ?? 'gone';
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#place.surroundings.warnOnce(`not removed: ${this.#pathOf(index)}: ${String(error)}`);
      return undefined;
    }
  }

  #amountOf(index: number, path: string): MailAmount {
    const { files } = this.#messages;
    if (!this.#place.quota.counts('INBOX', files.flagsAt(index))) return NOTHING;
    const inName = files.sizeAt(index);
    return { octets: inName >= 0 ? inName : (this.#disk.status(path)?.sizeOctets ?? 0), messages: 1 };
  }

  /** Runs something with a message's file, wherever it is; undefined when it is gone. */
  async #found<T>(index: number, run: (path: string) => T): Promise<T | undefined> {
    if (this.#gone?.has(index) === true) return undefined;
    const attempt = () => unlessUnusable(() => ({ result: run(this.#pathOf(index)) }));
    const done = attempt() ?? ((await this.#lookAgain()) ? attempt() : undefined);
    if (done === undefined) this.#noteGone(index);
    return done?.result;
  }

  #noteGone(index: number): void {
    this.#gone ??= new Set();
    this.#gone.add(index);
  }

  /** Looks how the files are called now. False when nothing was renamed since that was last done. */
  async #lookAgain(): Promise<boolean> {
    const { surroundings } = this.#place;
    const version = versionOf(diskErrors(this.#cur, () => this.#disk.status(this.#cur)));
    if (this.#lookedAt !== undefined && sameFile(this.#lookedAt, version)) return false;
    await visitMessages(surroundings, this.#cur, new Pace(surroundings.now), (name) => renamed(this.#messages, name));
    this.#lookedAt = version;
    return true;
  }

  #pathOf(index: number): string {
    const { files } = this.#messages;
    // Not join(): a name without a slash needs no putting right, and this runs for each message that is asked for.
    return `${this.#cur}/${files.baseNameAt(index)}${files.suffixAt(index)}`;
  }

  get #disk() {
    return this.#place.surroundings.fileSystem;
  }
}

/** What is no message file to read, a link for example, counts as gone. */
function unlessUnusable<T>(run: () => T): T | undefined {
  try {
    return unlessMissing(run);
  } catch (error) {
    if (['ELOOP', 'EINVAL', 'ENXIO', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
