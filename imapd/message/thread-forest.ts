/**
 * ThreadForest: trees of messages as THREAD answers them, and how they are written (RFC 5256 section 4). Nothing recurses:
 * a chain of replies may be as long as a mailbox.
 *
 * A node is a number: below `count` a message, from there on a place for one that is not there.
 */
import { ELEMENTS_PER_STEP } from './steps.js';

const NONE = -1;

/** Trees in arrays: each node knows its first and last kid, and the one after it. */
export class ThreadForest {
  readonly #count: number;
  readonly #firstKid: Int32Array;
  readonly #lastKid: Int32Array;
  readonly #nextKid: Int32Array;
  #nextPlace: number;
  #roots: number[] = [];

  /** @param room how many nodes there may be in the end */
  constructor(count: number, room: number) {
    this.#count = count;
    this.#nextPlace = room;
    this.#firstKid = new Int32Array(room).fill(NONE);
    this.#lastKid = new Int32Array(room).fill(NONE);
    this.#nextKid = new Int32Array(room).fill(NONE);
  }

  /** Tops of the trees, in their order. */
  get roots(): readonly number[] {
    return this.#roots;
  }

  /** Whether a node is a place for a message that is not there. */
  isEmpty(node: number): boolean {
    return node >= this.#count;
  }

  firstKid(node: number): number {
    return this.#firstKid[node] ?? NONE;
  }

  /** Of a place without a message its first kid stands for it. */
  firstMessage(node: number): number {
    return node < this.#count ? node : this.firstKid(node);
  }

  addRoot(node: number): void {
    this.#roots.push(node);
  }

  addKid(parent: number, kid: number): void {
    const last = this.#lastKid[parent] ?? NONE;
    if (last === NONE) this.#firstKid[parent] = kid;
    else this.#nextKid[last] = kid;
    this.#lastKid[parent] = kid;
    this.#nextKid[kid] = NONE;
  }

  /** Moves all kids of a node behind those of another. */
  moveKids(from: number, to: number): void {
    for (let kid = this.firstKid(from); kid !== NONE; ) {
      const next = this.#nextKid[kid] ?? NONE;
      this.addKid(to, kid);
      kid = next;
    }
  }

  /** A new place without a message. They are taken from the end of the room, where no top of a thread is. */
  newPlace(): number {
    this.#nextPlace -= 1;
    return this.#nextPlace;
  }

  /** Sorts the kids of a node, all of which are messages, by rank. */
  sortKids(node: number, ranks: Uint32Array, byRank: Uint32Array): void {
    const kids: number[] = [];
    for (let kid = this.firstKid(node); kid !== NONE; kid = this.#nextKid[kid] ?? NONE) kids.push(ranks[kid] ?? 0);
    this.#firstKid[node] = NONE;
    this.#lastKid[node] = NONE;
    for (const rank of Uint32Array.from(kids).sort()) this.addKid(node, byRank[rank] ?? 0);
  }

  /** Makes these the roots, in the order of their first messages' ranks. */
  setRoots(nodes: readonly number[], ranks: Uint32Array): void {
    const byRank = new Int32Array(this.#count).fill(NONE);
    for (const node of nodes) byRank[ranks[this.firstMessage(node)] ?? 0] = node;
    this.#roots = [];
    for (const node of byRank) if (node !== NONE) this.#roots.push(node);
  }

  /**
   * `* THREAD (2)(3 6 (4 23)(44 7 96))`; without threads just the name.
   *
   * @param numbers what is shown of each message: its sequence number or UID
   */
  *encode(numbers: ArrayLike<number>): Generator<void, Buffer, void> {
    const writer = new ThreadWriter(this.#firstKid, this.#nextKid, numbers);
    let steps = 0;
    for (const root of this.#roots) {
      writer.open(root);
      while (writer.writeNext()) {
        steps += 1;
        if (steps % ELEMENTS_PER_STEP === 0) yield;
      }
    }
    return writer.line();
  }
}

const OPEN = -1;
const CLOSE = -2;

/** What has to be written for one node: at most ten digits, a space and two parentheses. */
const OCTETS_OF_NODE = 13;
/** Each node puts at most this much on the stack: itself and its parentheses. */
const ENTRIES_OF_NODE = 3;

class ThreadWriter {
  readonly #firstKid: Int32Array;
  readonly #nextKid: Int32Array;
  readonly #numbers: ArrayLike<number>;
  readonly #octets: Buffer;
  /** Nodes and parentheses to be written, the next one last. */
  readonly #waiting: Int32Array;
  #waits = 0;
  #length = 0;

  constructor(firstKid: Int32Array, nextKid: Int32Array, numbers: ArrayLike<number>) {
    this.#firstKid = firstKid;
    this.#nextKid = nextKid;
    this.#numbers = numbers;
    this.#octets = Buffer.allocUnsafeSlow(firstKid.length * OCTETS_OF_NODE + 32);
    this.#waiting = new Int32Array(firstKid.length * ENTRIES_OF_NODE + 2);
    this.#length = this.#octets.write('* THREAD', 0, 'latin1');
  }

  /** Begins a thread. */
  open(root: number): void {
    if (this.#octets[this.#length - 1] !== PARENTHESIS) this.#octets[this.#length++] = SPACE;
    this.#octets[this.#length++] = PARENTHESIS - 1;
    this.#waiting[this.#waits++] = CLOSE;
    this.#waiting[this.#waits++] = root;
  }

  /** Writes what comes next of the thread; false when all of it is written. */
  writeNext(): boolean {
    if (this.#waits === 0) return false;
    this.#waits -= 1;
    const next = this.#waiting[this.#waits] ?? CLOSE;
    if (next >= 0) this.#writeNode(next);
    else this.#octets[this.#length++] = next === OPEN ? PARENTHESIS - 1 : PARENTHESIS;
    return true;
  }

  /** All that was written, with the end of the line. */
  line(): Buffer {
    this.#length += this.#octets.write('\r\n', this.#length, 'latin1');
    return this.#octets.subarray(0, this.#length);
  }

  /** `thread-members = nz-number *(SP nz-number) [SP thread-nested]`; what comes later waits on the stack. */
  #writeNode(node: number): void {
    const first = this.#firstKid[node] ?? NONE;
    if (node < this.#numbers.length) this.#writeNumber(this.#numbers[node] ?? 0);
    if (first === NONE) return;
    if (node < this.#numbers.length) this.#octets[this.#length++] = SPACE;
    if ((this.#nextKid[first] ?? NONE) === NONE) {
      this.#waiting[this.#waits++] = first;
      return;
    }
    const from = this.#waits;
    for (let kid = first; kid !== NONE; kid = this.#nextKid[kid] ?? NONE) {
      this.#waiting[this.#waits++] = OPEN;
      this.#waiting[this.#waits++] = kid;
      this.#waiting[this.#waits++] = CLOSE;
    }
    this.#waiting.subarray(from, this.#waits).reverse();
  }

  #writeNumber(number: number): void {
    let digits = 1;
    for (let limit = 10; number >= limit; limit *= 10) digits += 1;
    let at = this.#length + digits;
    this.#length = at;
    for (let rest = number; digits > 0; digits -= 1) {
      const next = Math.floor(rest / 10);
      this.#octets[--at] = 0x30 + rest - next * 10;
      rest = next;
    }
  }
}

const SPACE = 0x20;
/** The closing one; the opening one is the octet before it. */
const PARENTHESIS = 0x29;
