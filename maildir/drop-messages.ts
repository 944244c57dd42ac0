/**
 * DropMessages: the messages of a maildrop in the order of their numbers, in compact arrays: their files, and what the list
 * of sizes says of them.
 *
 * All sessions that began with the same view share one, so none is ever put in or taken out once it is shown; names change
 * when somebody finds that a file has another one. It touches no disk.
 */
import { FileTable, type NameView } from './file-table.js';
import { suffixFor } from './filename.js';
import { SEEN } from './flags.js';
import { compareOctets, leadingNumber, noParts, takeApart } from './name-octets.js';
import { inNameOrder } from './name-order.js';
import type { Pace } from './pace.js';
import { putUniqueId, type SizeListEntry, type SizeListLine, SizeListWriter, uniqueIdOf } from './pop3-size-list.js';

/** Numbers per message: size, number, validity, mark for raw octets. */
const WORDS = 4;
const SPARE_MESSAGES = 8;
/** Of a base name; no file system has longer ones, and a list that names such is damaged. */
const MAX_NAME_OCTETS = 255;
/** What stands beside a name in a list, usually. */
const OCTETS_BESIDE_NAME = 40;

/** Of a list's octets, names have so much, and a little less. */
const NAMES_SHARE = 0.6;

const parts = noParts();

/** Messages from 0. */
export class DropMessages {
  #files = new FileTable();
  #numbers = new Float64Array(0);
  #totalOctets = 0;

  get files(): FileTable {
    return this.#files;
  }

  get count(): number {
    return this.#files.count;
  }

  /** Octets of all of them. */
  get totalOctets(): number {
    return this.#totalOctets;
  }

  /** Makes room for the messages of a list of so many octets. */
  reserve(listOctets: number): void {
    const messages = Math.ceil(listOctets / (2 * OCTETS_BESIDE_NAME));
    this.#files.reserve(messages, Math.ceil(listOctets * NAMES_SHARE));
    this.#reserveNumbers(messages);
  }

  #reserveNumbers(messages: number): void {
    if (messages * WORDS <= this.#numbers.length) return;
    const numbers = new Float64Array(messages * WORDS);
    numbers.set(this.#numbers.subarray(0, this.count * WORDS));
    this.#numbers = numbers;
  }

  /** Adds what a line tells; false for one that cannot be, or whose message is there already. */
  addListed(line: SizeListLine): boolean {
    const { octets, start, end } = line.name;
    takeApart(octets, start, end, parts);
    if (parts.baseEnd - start > MAX_NAME_OCTETS || this.#files.addIfNew(line.name, 'cur') < 0) return false;
    this.#setNumbers(line);
    return true;
  }

  /** Adds a file of a table; its message must not be there. */
  addFile(from: FileTable, file: number, entry: SizeListEntry): void {
    from.addTo(this.#files, file);
    this.#setNumbers(entry);
  }

  #setNumbers({ sizeOctets, uid, validity, utf8 }: SizeListEntry): void {
    const message = this.count - 1;
    if ((message + 1) * WORDS > this.#numbers.length) this.#reserveNumbers(message + (message >>> 1) + SPARE_MESSAGES);
    this.#numbers[message * WORDS] = sizeOctets;
    this.#numbers[message * WORDS + 1] = uid;
    this.#numbers[message * WORDS + 2] = validity;
    this.#numbers[message * WORDS + 3] = utf8;
    this.#totalOctets += sizeOctets;
  }

  /** These messages in this order, as something new. */
  chosen(order: Uint32Array): DropMessages {
    const result = new DropMessages();
    result.#files = this.#files.inOrder(order);
    const numbers = new Float64Array(order.length * WORDS);
    for (let index = 0; index < order.length; index += 1) {
      const from = (order[index] ?? 0) * WORDS;
      for (let word = 0; word < WORDS; word += 1) numbers[index * WORDS + word] = this.#numbers[from + word] ?? 0;
      result.#totalOctets += this.#numbers[from] ?? 0;
    }
    result.#numbers = numbers;
    return result;
  }

  /** These messages in Courier's order: itself if they are in it, else something new. */
  async inOrder(pace: Pace): Promise<DropMessages> {
    const order = await inCouriersOrder(this.#files, pace);
    return order === undefined ? this : this.chosen(order);
  }

  sizeOctetsAt(message: number): number {
    return this.#numbers[message * WORDS] ?? 0;
  }

  uniqueIdAt(message: number): string {
    const [uid, validity] = [this.#uidAt(message), this.#validityAt(message)];
    return uniqueIdOf({ uid, validity }, () => this.#files.baseNameAt(message));
  }

  /** Writes the unique id; gives where what follows is to be written. */
  putUniqueIdAt(message: number, to: Buffer, start: number): number {
    const uid = this.#uidAt(message);
    if (uid === 0) return start + to.write(this.uniqueIdAt(message), start, 'latin1');
    return putUniqueId(to, start, uid, this.#validityAt(message));
  }

  isUtf8At(message: number): boolean {
    return this.#utf8At(message) !== 0;
  }

  #uidAt(message: number): number {
    return this.#numbers[message * WORDS + 1] ?? 0;
  }

  #validityAt(message: number): number {
    return this.#numbers[message * WORDS + 2] ?? 0;
  }

  #utf8At(message: number): number {
    return this.#numbers[message * WORDS + 3] ?? 0;
  }

  /** The name of the file, as far as it is known. */
  nameAt(message: number): string {
    return `${this.#files.baseNameAt(message)}${this.#files.suffixAt(message)}`;
  }

  isSeenAt(message: number): boolean {
    return (this.#files.flagsAt(message) & SEEN) !== 0;
  }

  /** The suffix of the file once its message counts as read. */
  seenSuffixAt(message: number): string {
    return suffixFor(this.#files.flagsAt(message) | SEEN, this.#files.suffixAt(message));
  }

  /** The list that tells of all of them. */
  async list(head: { readonly nextUid: number; readonly validity: number }, pace: Pace): Promise<Buffer> {
    const writer = new SizeListWriter(head, this.count * 2 * OCTETS_BESIDE_NAME);
    for (let message = 0; message < this.count; message += 1) {
      writer.add(this.#files.baseView(message), this.#files.suffixAt(message), {
        sizeOctets: this.sizeOctetsAt(message),
        uid: this.#uidAt(message),
        validity: this.#validityAt(message),
        utf8: this.#utf8At(message),
      });
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
    return writer.octets;
  }
}

/** 0, 1, 2, … */
export function numbersUpTo(count: number): Uint32Array {
  const numbers = new Uint32Array(count);
  for (let number = 0; number < count; number += 1) numbers[number] = number;
  return numbers;
}

/** Courier's order of files: by the number that leads a name, and then by its octets up to the flags. Undefined: as they are. */
export async function inCouriersOrder(files: FileTable, pace: Pace): Promise<Uint32Array | undefined> {
  const all = numbersUpTo(files.count);
  if (await isInOrder(files, all, pace)) return undefined;
  const ordered = await inNameOrder(files, all, pace);
  // Other programs' names may begin with blanks, which Courier passes over.
  if (await isInOrder(files, ordered, pace)) return ordered;
  return ordered.sort((one, other) => compareFiles(files, one, other));
}

async function isInOrder(files: FileTable, order: Uint32Array, pace: Pace): Promise<boolean> {
  for (let index = 1; index < order.length; index += 1) {
    if (compareFiles(files, order[index - 1] ?? 0, order[index] ?? 0) > 0) return false;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return true;
}

function compareFiles(files: FileTable, one: number, other: number): number {
  const a = files.baseView(one);
  const b = files.baseView(other);
  const difference = numberOf(a) - numberOf(b);
  return difference !== 0 ? difference : compareOctets(a.octets, [a.start, a.end], b.octets, [b.start, b.end]);
}

const SPACE = 0x20;
const TAB = 0x09;
const LAST_BLANK = 0x0d;
const PLUS = 0x2b;

/** As strtol() reads it; what is below zero counts as none. */
function numberOf({ octets, start, end }: NameView): number {
  let at = start;
  while (at < end && isBlank(octets[at] ?? 0)) at += 1;
  if (octets[at] === PLUS) at += 1;
  return leadingNumber(octets, at, end);
}

function isBlank(octet: number): boolean {
  return octet === SPACE || (octet >= TAB && octet <= LAST_BLANK);
}
