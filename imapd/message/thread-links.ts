/**
 * Steps 1 to 3 of the REFERENCES algorithm (RFC 5256 section 3): who is whose parent, and which places stay.
 *
 * Every Message-ID is a place, whether or not its message is there; places and messages are numbers, and the links
 * between them lie in arrays. Headers may claim anything: loops are never made, and looking for them goes up from the
 * parent and down from the child in step, so that the smaller side decides what it costs.
 */
import { ELEMENTS_PER_STEP } from './steps.js';
import type { ThreadableMessages } from './thread.js';

/** No place, or no message. */
export const NONE = -1;

/** All places of one THREAD command. */
export class ThreadLinks {
  /** The place of each message. */
  readonly #placeOf: Int32Array;
  /** The message in each place. */
  readonly #messageIn: Int32Array;
  readonly #parent: Int32Array;
  /** Children in the order in which they were linked. */
  readonly #firstChild: Int32Array;
  readonly #lastChild: Int32Array;
  readonly #nextChild: Int32Array;
  readonly #previousChild: Int32Array;
  #places: number;

  constructor({ count, idCount }: ThreadableMessages) {
    // A second message with the same ID, or one without any, gets a place that nobody can name.
    const room = idCount + count;
    this.#placeOf = new Int32Array(count);
    this.#messageIn = new Int32Array(room).fill(NONE);
    this.#parent = new Int32Array(room).fill(NONE);
    this.#firstChild = new Int32Array(room).fill(NONE);
    this.#lastChild = new Int32Array(room).fill(NONE);
    this.#nextChild = new Int32Array(room).fill(NONE);
    this.#previousChild = new Int32Array(room).fill(NONE);
    this.#places = idCount;
  }

  /** Step 1: puts a message in its place, and links the places that it names. */
  add(message: number, { ownIds, references, referencesEnd }: ThreadableMessages): void {
    const place = this.#take(message, ownIds[message] ?? NONE);
    let parent = NONE;
    const end = referencesEnd[message] ?? 0;
    for (let at = message === 0 ? 0 : (referencesEnd[message - 1] ?? 0); at < end; at += 1) {
      const named = references[at] ?? NONE;
      if (parent !== NONE && this.#parent[named] === NONE) this.#link(parent, named);
      parent = named;
    }
    // What the message itself says of its parent counts more than what others said, also when it says that it has none.
    if (this.#parent[place] === parent) return;
    this.#unlink(place);
    if (parent !== NONE) this.#link(parent, place);
  }

  /**
   * Steps 2 and 3: places without a message go. Gives for each message the message that is its parent; for those whose
   * thread has no message at its top, `count` and more, one number per such thread; NONE at the top.
   */
  *parents(): Generator<void, Int32Array<ArrayBuffer>, void> {
    const count = this.#placeOf.length;
    const anchors = yield* this.#anchors();
    const parents = new Int32Array(count);
    const topNumbers = new Map<number, number>();
    for (let message = 0; message < count; message += 1) {
      if (message % ELEMENTS_PER_STEP === 0) yield;
      const above = this.#parent[this.#placeOf[message] ?? 0] ?? NONE;
      const anchor = above === NONE ? NONE : (anchors[above] ?? NONE);
      const parent = anchor === NONE ? NONE : (this.#messageIn[anchor] ?? NONE);
      if (anchor === NONE || parent !== NONE) {
        parents[message] = parent;
        continue;
      }
      const number = topNumbers.get(anchor) ?? count + topNumbers.size;
      topNumbers.set(anchor, number);
      parents[message] = number;
    }
    return parents;
  }

  /** For each place the nearest one with a message, itself or above it; without one, the top of its thread. */
  *#anchors(): Generator<void, Int32Array, void> {
    const places = this.#places;
    const anchors = new Int32Array(places).fill(NONE);
    const waiting = new Int32Array(places);
    let waits = 0;
    for (let place = 0; place < places; place += 1) {
      if (this.#parent[place] !== NONE) continue;
      anchors[place] = place;
      waiting[waits++] = place;
    }
    for (let at = 0; at < waits; at += 1) {
      if (at % ELEMENTS_PER_STEP === 0) yield;
      const place = waiting[at] ?? 0;
      for (let child = this.#firstChild[place] ?? NONE; child !== NONE; child = this.#nextChild[child] ?? NONE) {
        anchors[child] = this.#messageIn[child] === NONE ? (anchors[place] ?? NONE) : child;
        waiting[waits++] = child;
      }
    }
    return anchors;
  }

  #take(message: number, id: number): number {
    const place = id !== NONE && this.#messageIn[id] === NONE ? id : this.#places++;
    this.#messageIn[place] = message;
    this.#placeOf[message] = place;
    return place;
  }

  /** Makes one place the parent of another that has none, unless that closes a loop. */
  #link(parent: number, child: number): void {
    if (this.#isWithin(parent, child)) return;
    const last = this.#lastChild[parent] ?? NONE;
    this.#parent[child] = parent;
    this.#previousChild[child] = last;
    this.#nextChild[child] = NONE;
    this.#lastChild[parent] = child;
    if (last === NONE) this.#firstChild[parent] = child;
    else this.#nextChild[last] = child;
  }

  #unlink(child: number): void {
    const parent = this.#parent[child] ?? NONE;
    if (parent === NONE) return;
    const previous = this.#previousChild[child] ?? NONE;
    const next = this.#nextChild[child] ?? NONE;
    if (previous === NONE) this.#firstChild[parent] = next;
    else this.#nextChild[previous] = next;
    if (next === NONE) this.#lastChild[parent] = previous;
    else this.#previousChild[next] = previous;
    this.#parent[child] = NONE;
  }

  /** Tells whether `place` is `top` or below it. */
  #isWithin(place: number, top: number): boolean {
    let up = place;
    let down = top;
    for (;;) {
      if (up === top) return true;
      up = this.#parent[up] ?? NONE;
      if (up === NONE) return false;
      down = this.#nextBelow(down, top);
      if (down === NONE) return false;
      if (down === place) return true;
    }
  }

  /** The place after `place` in a walk over all that is below `top`. */
  #nextBelow(place: number, top: number): number {
    const child = this.#firstChild[place] ?? NONE;
    if (child !== NONE) return child;
    for (let at = place; at !== top; at = this.#parent[at] ?? top) {
      const next = this.#nextChild[at] ?? NONE;
      if (next !== NONE) return next;
    }
    return NONE;
  }
}
