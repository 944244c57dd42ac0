/**
 * MaildirQuota: whether there is room in a maildir, and the account that is kept of it in `maildirsize`.
 *
 * Without that file, and without a quota of the account, there is no limit and nothing is written. A change is written
 * when it was made, as delivery agents do it, so that a count that is made anew finds either the message or the line.
 * Between the question whether there is room and the line, the room is reserved in memory: sessions of one process never
 * exceed a limit together. Each further process may exceed it by what it adds at the same moment, as in Courier.
 *
 * The figure heals itself: it is counted anew when the file is long, damaged or negative, and before anybody is refused,
 * unless that was done within the last quarter of an hour.
 */
import { diskErrorsSoon, errorCode, MaildirError } from '../errors.js';
import { replaceFile, unlessMissing } from '../files.js';
import { DELETED, type FlagBits } from '../flags.js';
import { folderPaths } from '../folder-name.js';
import type { Surroundings } from '../surroundings.js';
import { tallies } from '../tallies.js';
import { type CountedMail, countMail, folderCounts } from './count-mail.js';
import {
  addsNothing,
  exceeds,
  formatLimits,
  isNothing,
  type MailAmount,
  NOTHING,
  negative,
  percentUsed,
  type QuotaLimits,
  sameLimits,
  sum,
} from './quota-limits.js';
import { appendChange, type FoundSizeFile, formatChange, readSizeFile, type SizeFile } from './size-file.js';

/** Who is over quota is refused for so long without another count: Courier's 15 minutes. */
const COUNT_IS_GOOD_MILLISECONDS = 15 * 60 * 1000;
/** A maildir in which so many counts in a row were disturbed gets the benefit of the doubt, as in Courier. */
const MAX_COUNTS = 5;

/** What is used of what. */
export interface QuotaUsage {
  readonly limits: QuotaLimits;
  readonly used: MailAmount;
}

/** The quota of one maildir. Its methods throw MaildirError, 'over quota' among them. */
export class MaildirQuota {
  readonly #surroundings: Surroundings;
  readonly #maildirPath: string;
  /** The quota of the account, which others must say the same about; undefined leaves it to the file. */
  #wanted: QuotaLimits | undefined;
  /** What the file said when it could be read. */
  #known: QuotaLimits | undefined;
  #reserved = NOTHING;
  #lastPercent = 0;
  /** A change was not written down, or a part of one, so the figure is counted anew when it is next needed. */
  #isMissingChanges = false;
  #counting: Promise<CountedMail> | undefined;

  /** Made by Maildir only. */
  constructor(surroundings: Surroundings, maildirPath: string) {
    this.#surroundings = surroundings;
    this.#maildirPath = maildirPath;
  }

  /** Notes the quota of the account. The file is changed when it is next needed, not now. */
  want(limits: QuotaLimits | undefined): void {
    this.#wanted = limits;
  }

  /** Whether there is a quota: one look at the disk. */
  get isSet(): boolean {
    return this.#wanted !== undefined || this.#surroundings.fileSystem.status(this.#path) !== undefined;
  }

  /** Whether a message in this folder counts. */
  counts(folderName: string, flags: FlagBits): boolean {
    const trashCounts = this.#trashCounts;
    return folderCounts(folderName, trashCounts) && (trashCounts || (flags & DELETED) === 0);
  }

  /** How full the maildir was when a change was last written down here; 0 before that. */
  get lastPercent(): number {
    return this.#lastPercent;
  }

  /** Whether the account says what its quota is, so that it cannot be changed here. */
  get isOfAccount(): boolean {
    return this.#wanted !== undefined;
  }

  /** What is used, or undefined where there is no limit. */
  usage(): Promise<QuotaUsage | undefined> {
    return diskErrorsSoon(this.#path, async () => {
      await this.#counting;
      const file = this.#read();
      if (file === undefined || file.sound) return file;
      return { limits: file.limits, used: await this.#countAnew(file.limits) };
    });
  }

  /** @throws {MaildirError} 'over quota' when there is no room for so much more */
  check(amount: MailAmount): Promise<void> {
    return diskErrorsSoon(this.#path, () => this.#check(amount, NOTHING));
  }

  /**
   * Keeps room for a change while it is made, and then writes it down; if it fails, nothing is written.
   *
   * @throws {MaildirError} 'over quota' before it runs
   */
  async spend<T>(amount: MailAmount, run: () => Promise<T>): Promise<T> {
    const reserved = addsNothing(amount) ? NOTHING : amount;
    if (reserved === amount) await diskErrorsSoon(this.#path, () => this.#check(amount, reserved));
    try {
      const result = await run();
      this.book(amount);
      return result;
    } catch (error) {
      // A part of the change may have been made.
      this.#isMissingChanges = true;
      throw error;
    } finally {
      this.#reserved = sum(this.#reserved, negative(reserved));
    }
  }

  /** Writes down a change that was made. Trouble is for the log: the next count finds the truth. */
  book(change: MailAmount): void {
    if (isNothing(change)) return;
    let limits: QuotaLimits | undefined;
    try {
      const file = this.#read();
      if (file === undefined) return;
      limits = file.limits;
      // A line behind one that was cut, or behind garbage, would be lost with it.
      this.#isMissingChanges ||= !file.sound;
      if (!file.sound) return;
      appendChange(this.#surroundings.fileSystem, this.#path, change);
      this.#lastPercent = percentUsed(sum(file.used, change), file.limits);
    } catch (error) {
      this.#notWritten(error, limits);
    }
  }

  /** The change is made, so this is no failure. A file that root made is replaced by one of our own. */
  #notWritten(error: unknown, limits: QuotaLimits | undefined): void {
    const { fileSystem, warnOnce } = this.#surroundings;
    const code = errorCode(error);
    if (code === undefined) throw error;
    this.#isMissingChanges = true;
    const places = [this.#maildirPath, folderPaths(this.#maildirPath).tmp];
    const mayReplace = (code === 'EACCES' || code === 'EPERM') && places.every((path) => fileSystem.mayWrite(path));
    if (limits !== undefined && mayReplace) {
      this.#countAnew(limits).catch((trouble: unknown) => warnOnce(`${this.#path}: ${String(trouble)}`));
    } else warnOnce(`The quota is not written down: ${this.#path}: ${code}`);
  }

  /** Sets limits and counts; undefined removes the quota. */
  setLimits(limits: QuotaLimits | undefined): Promise<void> {
    return diskErrorsSoon(this.#path, async () => {
      await this.#counting;
      this.#known = limits;
      const { fileSystem } = this.#surroundings;
      if (limits === undefined) unlessMissing(() => fileSystem.unlink(this.#path));
      else await this.#countAnew(limits);
    });
  }

  /** Counts anew, if there is a quota: after changes of whole folders. Trouble is for the log. */
  async recount(): Promise<void> {
    const { warnOnce } = this.#surroundings;
    try {
      const file = this.#read();
      if (file !== undefined) await this.#countAnew(file.limits);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      warnOnce(`The quota is not counted: ${this.#path}: ${errorCode(error)}`);
    }
  }

  /** What passes is reserved at once: before anybody else can ask. */
  async #check(amount: MailAmount, reserved: MailAmount): Promise<void> {
    if (this.#counting !== undefined) await this.#counting;
    const file = this.#read();
    if (file !== undefined && !(file.sound && this.#fits(file.used, amount, file.limits))) {
      const age = Math.abs(this.#surroundings.now() - file.modifiedAt);
      const isFresh = file.sound && file.lines === 1 && age < COUNT_IS_GOOD_MILLISECONDS;
      const used = isFresh ? file.used : await this.#countAnew(file.limits);
      const settled = isFresh || !('settled' in used) || used.settled;
      if (settled && !this.#fits(used, amount, file.limits)) throw new MaildirError('over quota', this.#path);
    }
    this.#reserved = sum(this.#reserved, reserved);
  }

  #fits(used: MailAmount, amount: MailAmount, limits: QuotaLimits): boolean {
    return !exceeds(sum(sum(used, this.#reserved), amount), limits);
  }

  /** Gives undefined where there is no limit; `sound` is false also for a file that does not say what the account has. */
  #read(): (SizeFile & { readonly limits: QuotaLimits }) | undefined {
    const found = readSizeFile(this.#surroundings.fileSystem, this.#path);
    const limits = this.#wanted ?? this.#limitsOf(found);
    if (limits === undefined) return undefined;
    if (typeof found === 'string') return { limits, used: NOTHING, lines: 0, modifiedAt: 0, sound: false };
    const agrees = found.limits !== undefined && sameLimits(found.limits, limits);
    return { ...found, limits, sound: found.sound && agrees && !this.#isMissingChanges };
  }

  #limitsOf(found: FoundSizeFile): QuotaLimits | undefined {
    if (found === 'missing') this.#known = undefined;
    else if (found !== 'damaged' && found.limits !== undefined) this.#known = found.limits;
    else if (this.#known === undefined) {
      const remedy = 'set the quota anew with maildirmake -q, or remove the file';
      this.#surroundings.warnOnce(`No quota can be read in ${this.#path}: there is no limit; ${remedy}`);
    }
    return this.#known;
  }

  /** Counts, and writes a new file. Those who ask meanwhile wait for the same count. */
  #countAnew(limits: QuotaLimits): Promise<CountedMail> {
    this.#counting ??= this.#countAndWrite(limits).finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  /** What is counted is good for an answer even where it cannot be written. */
  async #countAndWrite(limits: QuotaLimits): Promise<CountedMail> {
    tallies.quota_recounts_total += 1;
    const surroundings = this.#surroundings;
    const { fileSystem: disk, now } = surroundings;
    const place = { disk, maildirPath: this.#maildirPath, trashCounts: this.#trashCounts, now };
    for (let counts = 1; ; counts += 1) {
      const counted = await countMail(place);
      const contents = `${formatLimits(limits)}\n${formatChange(counted)}`;
      const { tmp } = folderPaths(this.#maildirPath);
      try {
        await replaceFile(surroundings, { tmp, path: this.#path, purpose: 'NeWmAiLdIrSiZe', contents });
        this.#isMissingChanges = false;
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        surroundings.warnOnce(`The quota is not written down: ${this.#path}: ${errorCode(error)}`);
      }
      if (counted.settled || counts === MAX_COUNTS) return counted;
    }
  }

  get #path(): string {
    return `${this.#maildirPath}/maildirsize`;
  }

  get #trashCounts(): boolean {
    return this.#surroundings.trashCounts === true;
  }
}
