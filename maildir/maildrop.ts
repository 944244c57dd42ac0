/**
 * Maildrop: the messages of INBOX as one POP3 session sees them: numbered once, whatever happens meanwhile.
 *
 * A message that another program renames is found again; one that is removed is gone, and keeps its number. How the view
 * is made is maildrop-reading.ts.
 */
import { diskErrors, diskErrorsSoon, errorCode } from './errors.js';
import type { OpenFile } from './file-system.js';
import { textFromOctets } from './file-system.js';
import { baseNameOf, flagsInSuffix, sizeInName, suffixFor, uniqueNameOf } from './filename.js';
import { sameFile, unlessMissing, type Version, versionOf } from './files.js';
import { SEEN } from './flags.js';
import { folderPaths } from './folder-name.js';
import { Pace } from './pace.js';
import { type SizeListEntry, uniqueIdOf } from './pop3-size-list.js';
import type { MaildirQuota } from './quota/maildir-quota.js';
import { type MailAmount, NOTHING, negative, sum } from './quota/quota-limits.js';
import type { Surroundings } from './surroundings.js';

const DOT = 0x2e;

/** Where the messages are. */
export interface MaildropPlace {
  readonly surroundings: Surroundings;
  readonly maildirPath: string;
  readonly quota: MaildirQuota;
}

/** A message; its name changes with its flags. */
export interface DropMessage extends SizeListEntry {
  name: string;
  gone?: boolean;
  /** In place of what the list says: for a message that could not be listed. */
  readonly id?: string;
}

/** How removing ended. */
export interface Removal {
  /** Messages that are still there, because the disk refused. */
  readonly failed: number;
}

/** The view of one session. Messages are named by their place in it, from 0. Methods throw MaildirError. */
export class Maildrop {
  /** Octets of all messages. */
  readonly totalOctets: number;
  /** Why new messages are hidden in this session, if they are: the list of sizes could not be saved. */
  readonly trouble: unknown;
  readonly #place: MaildropPlace;
  readonly #messages: readonly DropMessage[];
  readonly #cur: string;
  /** How cur was when names were last looked for. */
  #lookedAt: Version | undefined;

  constructor(place: MaildropPlace, messages: readonly DropMessage[], trouble?: unknown) {
    this.#place = place;
    this.#messages = messages;
    this.#cur = folderPaths(place.maildirPath).cur;
    this.totalOctets = messages.reduce((total, { sizeOctets }) => total + sizeOctets, 0);
    this.trouble = trouble;
  }

  get count(): number {
    return this.#messages.length;
  }

  /** Octets as they are sent, without what makes the end known. */
  sizeOctetsAt(index: number): number {
    return this.#messages[index]?.sizeOctets ?? 0;
  }

  uniqueIdAt(index: number): string {
    const message = this.#messages[index];
    return message === undefined ? '' : (message.id ?? uniqueIdOf(message));
  }

  /** Whether the header holds raw octets above 127. */
  isUtf8At(index: number): boolean {
    return (this.#messages[index]?.utf8 ?? 0) !== 0;
  }

  /** `cur/1700000001.M1.mx:2,S`: the file, as the log names it. */
  fileAt(index: number): string {
    return `cur/${this.#messages[index]?.name ?? ''}`;
  }

  /** Opens a message; undefined when it is gone. */
  async open(index: number): Promise<OpenFile | undefined> {
    const message = this.#messages[index];
    if (message === undefined) return undefined;
    return this.#found(message, (path) => this.#disk.open(path));
  }

  /** Marks a message as read, if that can be done. */
  markSeen(index: number): void {
    const message = this.#messages[index];
    if (message === undefined) return;
    const baseName = baseNameOf(message.name);
    const suffix = message.name.slice(baseName.length);
    const flags = flagsInSuffix(suffix);
    if ((flags & SEEN) !== 0) return;
    const name = `${baseName}${suffixFor(flags | SEEN, suffix)}`;
    try {
      this.#disk.rename(`${this.#cur}/${message.name}`, `${this.#cur}/${name}`);
      message.name = name;
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
          const message = this.#messages[index];
          if (message === undefined) continue;
          const amount = await this.#removed(message, amounts);
          if (amount === undefined) failed += 1;
          else if (amount !== 'gone') {
            total = sum(total, amount);
            removed(`cur/${message.name}`);
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
  async #removed(message: DropMessage, wantsAmount: boolean): Promise<MailAmount | 'gone' | undefined> {
    try {
      const amount = await this.#found(message, (path) => {
        const counted = wantsAmount ? this.#amountOf(message, path) : NOTHING;
        this.#disk.unlink(path);
        return counted;
      });
      message.gone = true;
      return amount ?? 'gone';
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#place.surroundings.warnOnce(`not removed: ${this.#cur}/${message.name}: ${String(error)}`);
      return undefined;
    }
  }

  #amountOf({ name }: DropMessage, path: string): MailAmount {
    const baseName = baseNameOf(name);
    if (!this.#place.quota.counts('INBOX', flagsInSuffix(name.slice(baseName.length)))) return NOTHING;
    const octets = sizeInName(baseName) ?? this.#disk.status(path)?.sizeOctets ?? 0;
    return { octets, messages: 1 };
  }

  /** Runs something with a message's file, wherever it is; undefined when it is gone. */
  async #found<T>(message: DropMessage, run: (path: string) => T): Promise<T | undefined> {
    if (message.gone === true) return undefined;
    const attempt = () => unlessUnusable(() => ({ result: run(`${this.#cur}/${message.name}`) }));
    const done = attempt() ?? ((await this.#lookAgain()) ? attempt() : undefined);
    if (done === undefined) message.gone = true;
    return done?.result;
  }

  /** Looks how the files are called now. False when nothing was renamed since that was last done. */
  async #lookAgain(): Promise<boolean> {
    const { surroundings } = this.#place;
    const version = versionOf(diskErrors(this.#cur, () => this.#disk.status(this.#cur)));
    if (this.#lookedAt !== undefined && sameFile(this.#lookedAt, version)) return false;
    const names = await listedNames(surroundings, this.#cur);
    this.#lookedAt = version;
    for (const message of this.#messages) {
      const name = names.get(uniqueNameOf(baseNameOf(message.name)));
      if (name !== undefined) message.name = name;
    }
    return true;
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

/** Names of the files in a directory of messages, by the part of them that never changes. Of two with the same, one. */
export async function listedNames(
  { fileSystem, now }: Pick<Surroundings, 'fileSystem' | 'now'>,
  directory: string,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  const pace = new Pace(now);
  const visit = (octets: Buffer, start: number, end: number, _regular: boolean, isDirectory?: boolean): void => {
    if (octets[start] === DOT || isDirectory === true) return;
    const name = nameFrom(octets, start, end);
    names.set(uniqueNameOf(baseNameOf(name)), name);
  };
  for (const _piece of fileSystem.visit(directory, visit)) {
    const pause = pace.look();
    if (pause !== undefined) await pause;
  }
  return names;
}

/** Nearly all names are ASCII. */
function nameFrom(octets: Buffer, start: number, end: number): string {
  const name = octets.toString('latin1', start, end);
  return /[\x80-\xff]/.test(name) ? textFromOctets(octets.subarray(start, end)) : name;
}
