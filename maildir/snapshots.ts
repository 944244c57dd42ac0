/**
 * Snapshots: what SMAP clients knew of a folder when they left it, so that they are told only what is new when they come
 * back; in Courier's files.
 *
 *     courierimapsnapshots/1795217834.M932100P30703_snapshot.mx      the name is what the client says
 *     1 2 700000001 6:1795217830.M1P30703_snapshot.mx                messages, UIDVALIDITY, UIDNEXT, the one before
 *     1:2,S
 *     5:2,FS                                                         UIDs and flags
 *     work                                                           keywords as in courierimapkeywords/:list, if any
 *
 *     1700000001.M1.mx:0
 *
 * Who loses one is told all, so nothing of it is synced, and what cannot be understood is none.
 */
import { diskErrors, errorCode } from './errors.js';
import { namesIn, textFromOctets } from './file-system.js';
import { flagsInSuffix, suffixFor } from './filename.js';
import { createUnique, readWhole, unlessMissing, unlinkIfThere } from './files.js';
import type { FlagBits } from './flags.js';
import { folderPaths } from './folder-name.js';
import { formatKeywordList, type KeywordEntries, parseKeywordList } from './keyword-text.js';
import type { Surroundings } from './surroundings.js';

/** Two million messages. */
const MAX_SNAPSHOT_OCTETS = 32 * 1024 * 1024;

/** Courier's own rules for what becomes of those whose clients never come back. */
const FEW = 10;
const MOST = 50;
const DAYS_OF_FEW = 7;
const DAYS_PER_MORE = 2;
const DAY_SECONDS = 86_400;

/** What a client knows of a folder. */
export interface Snapshot {
  readonly uidValidity: number;
  readonly uidNext: number;
  /** In the order of their numbers. */
  readonly messages: readonly { readonly uid: number; readonly flags: FlagBits }[];
  /** By unique name. */
  readonly keywords: KeywordEntries;
}

/** The snapshots of one folder. */
export class FolderSnapshots {
  readonly #surroundings: Surroundings;
  readonly #directory: string;
  readonly #tmp: string;

  constructor(surroundings: Surroundings, folder: string) {
    this.#surroundings = surroundings;
    this.#directory = `${folder}/courierimapsnapshots`;
    this.#tmp = folderPaths(folder).tmp;
  }

  /** The one of this name; undefined if there is none. */
  read(name: string): Snapshot | undefined {
    return parse(this.#text(name) ?? '')?.snapshot;
  }

  /**
   * Writes one, and gives its name. The client has that of before, and goes on from it if it does not get this answer;
   * those before that one go.
   */
  write(snapshot: Snapshot, before: string | undefined): string {
    const { fileSystem: disk, names } = this.#surroundings;
    return diskErrors(this.#directory, () => {
      const purpose = (): string => names.forPurpose('snapshot');
      const { name, path, file } = createUnique(disk, this.#tmp, { name: purpose, mode: 0o600 });
      try {
        file.write(Buffer.from(format(snapshot, before)));
      } finally {
        file.close();
      }
      if (disk.status(this.#directory) === undefined) disk.makeDirectory(this.#directory, 0o700);
      disk.rename(path, `${this.#directory}/${name}`);
      this.#tidy(name, before);
      return name;
    });
  }

  #text(name: string): string | undefined {
    if (!isName(name)) return undefined;
    try {
      const file = readWhole(this.#surroundings.fileSystem, `${this.#directory}/${name}`, MAX_SNAPSHOT_OCTETS);
      return file && textFromOctets(file.octets);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  #tidy(written: string, before: string | undefined): void {
    const { fileSystem: disk, now } = this.#surroundings;
    const older = before === undefined ? undefined : parse(this.#text(before) ?? '')?.before;
    if (older !== undefined) unlinkIfThere(disk, `${this.#directory}/${older}`);
    const kept = [written, before];
    const all = (unlessMissing(() => namesIn(disk, this.#directory)) ?? []).filter(isName);
    if (all.length <= FEW) return;
    const oldest = now() / 1000 - (DAYS_OF_FEW + DAYS_PER_MORE * (all.length - FEW)) * DAY_SECONDS;
    const others = all.filter((name) => !kept.includes(name)).sort((one, other) => secondsOf(one) - secondsOf(other));
    for (const [at, name] of others.entries()) {
      if (secondsOf(name) < oldest || all.length - at > MOST) unlinkIfThere(disk, `${this.#directory}/${name}`);
    }
  }
}

function isName(name: string): boolean {
  return /^\d{1,12}\.[\w]+_snapshot\.[^/\u0000-\u001f\u007f]{1,200}$/.test(name);
}

function secondsOf(name: string): number {
  return Number.parseInt(name, 10);
}

function format({ uidValidity, uidNext, messages, keywords }: Snapshot, before: string | undefined): string {
  const head = `1 ${messages.length} ${uidValidity} ${uidNext}${before === undefined ? '' : `:${before}`}\n`;
  const lines = messages.map(({ uid, flags }) => `${uid}${suffixFor(flags)}\n`);
  const words = keywords.size === 0 ? '' : formatKeywordList(keywords.values());
  return `${head}${lines.join('')}${words}`;
}

function parse(text: string): { readonly snapshot: Snapshot; readonly before: string | undefined } | undefined {
  const end = text.indexOf('\n');
  const [, count, uidValidity, uidNext, before] = /^1 (\d+) (\d+) (\d+)(?::(.*))?$/.exec(text.slice(0, end)) ?? [];
  if (count === undefined) return undefined;
  const lines = text.slice(end + 1).split('\n');
  const messages = lines.slice(0, Number(count)).flatMap((line) => {
    const [, uid, suffix] = /^(\d+)(:2,[A-Za-z]*)$/.exec(line) ?? [];
    return uid === undefined || suffix === undefined ? [] : [{ uid: Number(uid), flags: flagsInSuffix(suffix) }];
  });
  if (messages.length !== Number(count)) return undefined;
  const { entries: keywords } = parseKeywordList(lines.slice(messages.length).join('\n'));
  const snapshot = { uidValidity: Number(uidValidity), uidNext: Number(uidNext), messages, keywords };
  return { snapshot, before: before !== undefined && isName(before) ? before : undefined };
}
