/**
 * Makes the view that a POP3 session has of INBOX: new mail is moved to cur, names are compared with the list of sizes,
 * and only messages that are not in the list are opened, to be measured once and for all.
 *
 * The view that the last session of the maildir had is good again if neither the directories nor the list changed since,
 * as far as their times tell (observation.ts). If only the directories did, the list need not be read.
 *
 * What is new is told only when it could be written down: a unique id that nobody remembers would be given twice.
 */
import { DropMeasures } from './drop-measures.js';
import { DropMessages, numbersUpTo } from './drop-messages.js';
import { DropScan, visitMessages } from './drop-scan.js';
import { diskErrorsSoon, errorCode } from './errors.js';
import { textFromOctets } from './file-system.js';
import { type ReadFile, readWhole, replaceFile } from './files.js';
import { type FolderPaths, folderPaths } from './folder-name.js';
import { withLock } from './lock.js';
import { Maildrop, type MaildropPlace } from './maildrop.js';
import { isYoung, type Observation, observe, type Seen, sameVersions, seenIn } from './observation.js';
import { Pace } from './pace.js';
import { NO_SIZE_LIST, parseSizeList, type SizeListHead } from './pop3-size-list.js';
import { digestOf, isYoungList, looksSame, type SeenList, seenList } from './seen-list.js';

const LIST = 'courierpop3dsizelist';
/** A message that several listings in a row did not show is gone, however busy the directory. */
const MAX_LISTINGS = 4;

/** What a list says, and which list that is. */
interface KnownList {
  readonly messages: DropMessages;
  readonly head: SizeListHead;
  readonly seen: SeenList;
  /** How the directories were when its messages were those that are there. */
  readonly directories?: Seen | undefined;
}

/** Reads the maildrop. @throws {MaildirError} */
export function readMaildrop(place: MaildropPlace): Promise<Maildrop> {
  return diskErrorsSoon(place.maildirPath, () => new Reading(place).maildrop());
}

class Reading {
  readonly #place: MaildropPlace;
  readonly #paths: FolderPaths;
  readonly #listPath: string;
  readonly #pace: Pace;
  readonly #measures: DropMeasures;
  readonly #fine: boolean;
  #before: Observation;
  /** Something lies there that is no message now, and may become one although no directory changes. */
  #leftOver = false;

  constructor(place: MaildropPlace) {
    this.#place = place;
    this.#paths = folderPaths(place.maildirPath);
    this.#listPath = `${place.maildirPath}/${LIST}`;
    this.#pace = new Pace(place.surroundings.now);
    this.#measures = new DropMeasures(place.surroundings, this.#paths.cur);
    const { fileSystem, maildrops } = place.surroundings;
    this.#fine = maildrops.get(place.maildirPath)?.list.fine ?? fileSystem.keepsFineTimes(place.maildirPath);
    this.#before = this.#observe();
  }

  async maildrop(): Promise<Maildrop> {
    const { surroundings } = this.#place;
    const known = this.#keptList() ?? (await this.#readList());
    if (known.directories !== undefined && this.#isStill(known.directories)) return this.#kept(known);
    const scan = await this.#scan(known);
    if (known.head.current && !scan.someMissing && scan.strangers.count === 0) return this.#shown(known);
    await this.#measures.take(scan.strangers, this.#pace);
    // Another session may have numbered messages meanwhile, here or on another machine: also such as came since the names
    // were read. And while they are read, one that is being renamed may be missed. None of these may lose its number.
    return withLock(surroundings, this.#paths.tmp, async () => {
      const now = this.#isSame(known.seen) ? known : await this.#readList();
      if (now !== known || scan.someMissing) return this.#numbered(now, await this.#scanAgain(now));
      const later = this.#isWorthALook() ? await this.#scan(known) : scan;
      // What was there a moment ago, and is not seen now, may just be getting another name.
      this.#leftOver ||= later.someMissing;
      return this.#numbered(known, later.someMissing ? scan : later);
    });
  }

  /** What the last session was shown, if the list tells the same still: then it need not be read. */
  #keptList(): KnownList | undefined {
    const { surroundings, maildirPath } = this.#place;
    const kept = surroundings.maildrops.get(maildirPath);
    const at = surroundings.now();
    if (kept === undefined || !this.#isSame(kept.list)) return undefined;
    const { messages, nextUid, validity, list, directories } = kept;
    return { messages, head: { nextUid, validity, current: true }, seen: { ...list, at }, directories };
  }

  #isSame(list: SeenList): boolean {
    if (!looksSame(list, this.#listStatus())) return false;
    if (!isYoungList(list)) return true;
    const octets = list.digest && this.#listOctets()?.octets;
    return octets !== undefined && list.digest?.equals(digestOf(octets)) === true;
  }

  #isStill(directories: Seen): boolean {
    return !isYoung(directories) && sameVersions(this.#before, directories);
  }

  /** After a long time of measuring, one more look is cheap, and the next session can trust in what it finds. */
  #isWorthALook(): boolean {
    const now = this.#observe();
    return !isYoung(now) && !(sameVersions(this.#before, now) && !isYoung(this.#before));
  }

  async #readList(): Promise<KnownList> {
    const look = { at: this.#place.surroundings.now(), fine: this.#fine };
    const messages = new DropMessages();
    const found = this.#listOctets();
    if (found === undefined) return { messages, head: NO_SIZE_LIST, seen: seenList(undefined, look) };
    messages.reserve(found.octets.length);
    let isWhole = true;
    const head = await parseSizeList(found.octets, this.#pace, (line) => {
      if (!messages.addListed(line)) isWhole = false;
    });
    return { messages, head: { ...head, current: head.current && isWhole }, seen: seenList(found, look) };
  }

  /** A list that cannot be read is none. */
  #listOctets(): ReadFile | undefined {
    const { surroundings } = this.#place;
    try {
      return readWhole(surroundings.fileSystem, this.#listPath);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      surroundings.warnOnce(`${this.#listPath} cannot be read: ${String(error)}`);
      return undefined;
    }
  }

  /** Finds the files of what is known, and others; those that have come are moved to cur, and have been seen from now on. */
  async #scan({ messages }: KnownList): Promise<DropScan> {
    const { surroundings } = this.#place;
    this.#before = this.#observe();
    const arrived: Buffer[] = [];
    // A message on its way from new to cur is seen twice rather than never.
    await visitMessages(surroundings, this.#paths.new, this.#pace, ({ octets, start, end }) => {
      arrived.push(Buffer.from(octets.subarray(start, end)));
    });
    const scan = new DropScan(messages);
    await scan.read(surroundings, this.#paths.cur, this.#pace);
    for (const octets of arrived) {
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
      const moved = this.#moveToCur(octets, scan);
      if (moved === undefined) this.#leftOver = true;
      else scan.see({ octets: moved, start: 0, end: moved.length });
    }
    return scan;
  }

  /** Gives the name in cur. A message that cur has already is left where it is. */
  #moveToCur(octets: Buffer, scan: DropScan): Buffer | undefined {
    const { fileSystem, warnOnce } = this.#place.surroundings;
    if (scan.saw({ octets, start: 0, end: octets.length })) return undefined;
    const name = textFromOctets(octets);
    const suffix = name.includes(':') ? '' : ':2,';
    try {
      fileSystem.rename(`${this.#paths.new}/${name}`, `${this.#paths.cur}/${name}${suffix}`);
      return Buffer.concat([octets, Buffer.from(suffix)]);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      if (code !== 'ENOENT') warnOnce(`${this.#paths.new} cannot be emptied: ${String(error)}`);
      return undefined;
    }
  }

  /** Reads cur until all that is known was seen, or is surely gone. */
  async #scanAgain({ messages }: KnownList): Promise<DropScan> {
    const scan = new DropScan(messages);
    for (let listings = 1; ; listings += 1) {
      const before = this.#observe();
      await scan.read(this.#place.surroundings, this.#paths.cur, this.#pace);
      const isSettled = sameVersions(before, this.#observe());
      if (!scan.someMissing || isSettled || listings === MAX_LISTINGS) return scan;
    }
  }

  /** Adds what is new, and writes it down. */
  async #numbered({ head, seen, messages: listed }: KnownList, scan: DropScan): Promise<Maildrop> {
    const validity = head.validity ?? Math.floor(this.#place.surroundings.now() / 1000);
    const known = await listed.chosen(scan.seen()).inOrder(this.#pace);
    const messages = known.chosen(numbersUpTo(known.count));
    const first = { nextUid: head.nextUid, validity };
    const nextUid = await this.#measures.number(messages, { files: scan.strangers, pace: this.#pace }, first);
    if (this.#measures.someUnmeasured) this.#leftOver = true;
    if (head.current && !scan.someMissing && messages.count === known.count) {
      return this.#shown({ messages: known, head, seen });
    }
    const entries = await messages.inOrder(this.#pace);
    try {
      const list = await this.#write(await entries.list({ nextUid, validity }, this.#pace));
      return this.#shown({ messages: entries, head: { nextUid, validity, current: true }, seen: list });
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#place.surroundings.maildrops.forget(this.#place.maildirPath);
      return this.#withoutNew(known, entries, error);
    }
  }

  /** So that a disk that is full can be emptied: if nothing is known, the first message, with an id for it alone. */
  #withoutNew(known: DropMessages, all: DropMessages, trouble: unknown): Maildrop {
    if (known.count > 0 || all.count === 0) return new Maildrop(this.#place, known, { trouble });
    const path = `${this.#paths.cur}/${all.nameAt(0)}`;
    const status = this.#place.surroundings.fileSystem.status(path);
    if (status === undefined) return new Maildrop(this.#place, known, { trouble });
    const parts = [Math.floor(status.modifiedAt / 1000), status.device, status.inode];
    const onlyId = `ENOMEM-${parts.map(hexadecimal).join('-')}`;
    return new Maildrop(this.#place, all.chosen(Uint32Array.of(0)), { trouble, onlyId });
  }

  async #write(contents: Buffer): Promise<SeenList> {
    const { surroundings, maildirPath } = this.#place;
    const { tmp } = this.#paths;
    await replaceFile(surroundings, { tmp, path: this.#listPath, purpose: 'pop3', contents });
    const look = { at: surroundings.now(), fine: this.#fine };
    const seen = seenList({ status: this.#listStatus(), octets: contents }, look);
    if (surroundings.durable) await surroundings.fileSystem.syncDirectory(maildirPath);
    return seen;
  }

  async #shown(known: KnownList): Promise<Maildrop> {
    return this.#kept({ ...known, messages: await known.messages.inOrder(this.#pace) });
  }

  /** The view that is as the list says; the next session may have it, too. */
  #kept({ messages, head: { nextUid, validity = 0 }, seen: list }: KnownList): Maildrop {
    const { maildirPath, surroundings } = this.#place;
    messages.files.rest();
    const directories = this.#leftOver ? undefined : seenIn(this.#before);
    surroundings.maildrops.keep(maildirPath, { messages, nextUid, validity, list, directories });
    return new Maildrop(this.#place, messages);
  }

  #listStatus() {
    return this.#place.surroundings.fileSystem.status(this.#listPath);
  }

  #observe(): Observation {
    const { fileSystem, now } = this.#place.surroundings;
    return observe({ fileSystem, now, keywords: 'off', paths: this.#paths, fine: this.#fine });
  }
}

function hexadecimal(number: number): string {
  return number.toString(16).toUpperCase().padStart(16, '0');
}
