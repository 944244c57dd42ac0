/**
 * SharedLinks: keeps the links of a shared folder as the files in the folder are.
 *
 *     shared-folders/pub/News/cur/1700000001.M1.mx:2,S -> /home/pub/Maildir/.News/cur/1700000001.M1.mx:2,
 *     shared-folders/pub/News/shared-timestamp            newer than the folder: nothing is to be done
 *
 * As in Courier: what is gone from the folder loses its link, what is new gets one in `new`, and a file that was renamed
 * a new link with the flags of the old one. New mail of the folder is moved to its `cur` by whoever may, and is not seen
 * before. Courier keeps the same links in the same directory.
 */
import { MaildirError } from './errors.js';
import { type FileSystem, type LinkOperations, type NameVisitor, textFromOctets } from './file-system.js';
import { createUnique, sameFile, unlessMissing, unlinkIfThere, type Version, versionOf } from './files.js';
import { withLock } from './lock.js';
import { isYoung } from './observation.js';
import { Pace, Turns } from './pace.js';
import { baseOf, type LinkedDirectories } from './shared-disk.js';
import type { Surroundings } from './surroundings.js';

const PLACES = ['cur', 'new'] as const;
const DOT = 0x2e;

/** What was seen of the folder when the links were last right. */
interface Known {
  readonly cur: Version | undefined;
  readonly new: Version | undefined;
  readonly at: number;
}

/** The links of one folder of one account. */
export class SharedLinks {
  readonly #surroundings: Surroundings;
  readonly #links: LinkOperations;
  readonly #at: LinkedDirectories;
  readonly #turns = new Turns();
  #known: Known | undefined;

  /** `surroundings` has the disk as it is. */
  constructor(surroundings: Surroundings, links: LinkOperations, at: LinkedDirectories) {
    this.#surroundings = surroundings;
    this.#links = links;
    this.#at = at;
  }

  /** Makes the links right; gives a promise only when there may be something to do. */
  follow(): Promise<void> | undefined {
    return this.#isCurrent() ? undefined : this.#turns.take(() => this.#catchUp());
  }

  get #disk(): FileSystem {
    return this.#surroundings.fileSystem;
  }

  #look(): Known {
    const { real } = this.#at;
    const [cur, fresh] = [this.#disk.status(`${real}/cur`), this.#disk.status(`${real}/new`)];
    if (cur?.kind !== 'directory') throw new MaildirError('no such folder', real);
    return { cur: versionOf(cur), new: versionOf(fresh), at: this.#surroundings.now() };
  }

  #isCurrent(): boolean {
    const known = this.#known;
    if (known === undefined) return false;
    const found = this.#look();
    if (!sameFile(known.cur, found.cur) || !sameFile(known.new, found.new)) return false;
    return !isYoung({ newestChange: newestOf(known), at: known.at, fine: this.#disk.keepsFineTimes(this.#at.real) });
  }

  async #catchUp(): Promise<void> {
    if (this.#isCurrent()) return;
    const found = this.#look();
    if (this.#known === undefined && this.#timestampSays(found)) {
      this.#known = found;
      return;
    }
    await withLock(this.#surroundings, `${this.#at.local}/tmp`, async () => {
      this.#moveNewMail();
      const before = this.#look();
      this.#writeTimestamp();
      await this.#compare();
      this.#known = before;
    });
  }

  /** Another program has looked since the folder last changed; its times are whole seconds. */
  #timestampSays(found: Known): boolean {
    const stamp = this.#disk.status(this.#timestampPath);
    if (stamp === undefined) return false;
    return Math.floor(stamp.modifiedAt / 1000) > Math.floor(newestOf(found) / 1000);
  }

  get #timestampPath(): string {
    return `${this.#at.local}/shared-timestamp`;
  }

  /** Written before anything is listed: what changes meanwhile is newer. */
  #writeTimestamp(): void {
    const name = (): string => this.#surroundings.names.forPurpose('sync');
    const { path, file } = createUnique(this.#disk, `${this.#at.local}/tmp`, { name, mode: 0o600 });
    try {
      file.write(Buffer.of(0));
    } finally {
      file.close();
    }
    this.#disk.rename(path, this.#timestampPath);
  }

  /** Whoever may not leaves it to others. */
  #moveNewMail(): void {
    const { real } = this.#at;
    if (!this.#disk.mayWrite(`${real}/new`) || !this.#disk.mayWrite(`${real}/cur`)) return;
    const names: string[] = [];
    this.#eachName(`${real}/new`, (name) => names.push(name));
    for (const name of names) {
      const to = `${real}/cur/${name.includes(':') ? name : `${name}:2,`}`;
      if (this.#disk.status(to) === undefined) unlessMissing(() => this.#disk.rename(`${real}/new/${name}`, to));
    }
  }

  async #compare(): Promise<void> {
    const { local, real } = this.#at;
    const pace = new Pace(this.#surroundings.now);
    const files = new Map<string, string>();
    const note = (name: string): void => void files.set(baseOf(name), `${real}/cur/${name}`);
    await this.#eachNameInTurns(`${real}/cur`, note, pace);
    for (const place of PLACES) {
      const directory = `${local}/${place}`;
      const names: string[] = [];
      await this.#eachNameInTurns(directory, (name) => names.push(name), pace);
      for (const name of names) {
        const base = baseOf(name);
        const file = files.get(base);
        if (file === undefined) unlinkIfThere(this.#disk, `${directory}/${name}`);
        else if (this.#links.read(`${directory}/${name}`) !== file) this.#replace(`${directory}/${name}`, file);
        files.delete(base);
        const pause = pace.step();
        if (pause !== undefined) await pause;
      }
    }
    for (const [base, file] of files) {
      this.#replace(`${local}/new/${base}:2,`, file);
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
  }

  /** A reader finds the old link or the new one. */
  #replace(path: string, file: string): void {
    const passing = `${this.#at.local}/tmp/${this.#surroundings.names.forPurpose('relink')}`;
    this.#links.make(file, passing);
    this.#disk.rename(passing, path);
  }

  #eachName(directory: string, see: (name: string) => void): void {
    for (const _piece of this.#disk.visit(directory, visitorOf(see)));
  }

  async #eachNameInTurns(directory: string, see: (name: string) => void, pace: Pace): Promise<void> {
    for (const _piece of this.#disk.visit(directory, visitorOf(see))) {
      const pause = pace.look();
      if (pause !== undefined) await pause;
    }
  }
}

function newestOf({ cur, new: fresh }: Known): number {
  return Math.max(cur?.modifiedAt ?? 0, fresh?.modifiedAt ?? 0);
}

function visitorOf(see: (name: string) => void): NameVisitor {
  return (octets, start, end) => {
    if (octets[start] !== DOT) see(textFromOctets(octets.subarray(start, end)));
  };
}
