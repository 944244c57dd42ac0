/**
 * THREAD: ORDEREDSUBJECT and REFERENCES (RFC 5256 section 3), and REFS, on numbers: messages, Message-IDs and subjects are counted
 * from 0, and whoever collects them says which are equal.
 *
 * Time is in proportion to messages and references, times a logarithm, and nothing recurses, whatever the headers
 * claim about each other.
 */
import { orderOf } from './sort-columns.js';
import { ELEMENTS_PER_STEP } from './steps.js';
import { ThreadForest } from './thread-forest.js';
import { NONE, ThreadLinks } from './thread-links.js';

/** Messages to be threaded, column by column; `count` rows in ascending order of their sequence numbers. */
export interface ThreadableMessages {
  readonly count: number;
  /** Sent dates in milliseconds; the arrival, where the header has none (RFC 5256 section 2.2). */
  readonly dates: Float64Array;
  /** Internal dates in milliseconds. */
  readonly arrivals: Float64Array;
  /** Base subjects by number; equal ones have the same. */
  readonly subjects: Int32Array;
  readonly subjectCount: number;
  /** The number of the subject that is empty, or a number that no subject has. */
  readonly emptySubject: number;
  /** 1 where the subject was that of a reply or a forward. */
  readonly replies: Uint8Array;
  /** The Message-ID by number; -1 without one. */
  readonly ownIds: Int32Array;
  /** Message-IDs of ancestors, the oldest first, of all messages one after the other. */
  readonly references: Int32Array;
  /** Where the references of each message end. */
  readonly referencesEnd: Int32Array;
  readonly idCount: number;
}

/** Groups messages by base subject: the oldest of each group, and the others as its children. */
export function* threadBySubject(messages: ThreadableMessages): Generator<void, ThreadForest, void> {
  const { count, subjects, subjectCount } = messages;
  const forest = new ThreadForest(count, count);
  const firsts = new Int32Array(subjectCount).fill(NONE);
  const byDate = yield* datesInOrder(messages);
  for (let at = 0; at < count; at += 1) {
    if (at % ELEMENTS_PER_STEP === 0) yield;
    const message = byDate[at] ?? 0;
    const subject = subjects[message] ?? 0;
    const first = firsts[subject] ?? NONE;
    if (first === NONE) {
      firsts[subject] = message;
      forest.addRoot(message);
    } else {
      forest.addKid(first, message);
    }
  }
  return forest;
}

/** Links messages by their References, then by their subjects. */
export function* threadByReferences(messages: ThreadableMessages): Generator<void, ThreadForest, void> {
  const parents = yield* parentsOf(messages);
  const byDate = yield* datesInOrder(messages);
  const forest = yield* plantedInOrder(messages.count, parents, byDate);
  return yield* mergedBySubject(forest, messages, byDate);
}

/**
 * Links messages by their References alone; threads come in the order of their latest arrivals, and within a thread sent
 * dates count. THREAD=REFS of draft-ietf-morg-inthread, as Dovecot and Cyrus have it.
 */
export function* threadByReferencesAlone(messages: ThreadableMessages): Generator<void, ThreadForest, void> {
  const parents = yield* parentsOf(messages);
  const forest = yield* plantedInOrder(messages.count, parents, yield* datesInOrder(messages));
  yield;
  const latest = latestArrivals(parents, messages);
  const { roots } = forest;
  const numbers = Float64Array.from(roots, (root) => latest[forest.firstMessage(root)] ?? 0);
  const order = yield* orderOf({ count: roots.length, numbers });
  const ranks = new Uint32Array(messages.count);
  for (const [rank, at] of order.entries()) ranks[forest.firstMessage(roots[at] ?? 0)] = rank;
  forest.setRoots(roots, ranks);
  return forest;
}

/** The latest arrival in the thread of each message; every message of a thread has the same. */
function latestArrivals(parents: Int32Array, { count, arrivals }: ThreadableMessages): Float64Array {
  // Tops without a message have the numbers behind those of messages.
  const topOf = new Int32Array(count * 2).fill(NONE);
  for (let message = 0; message < count; message += 1) {
    let top = message;
    while (topOf[top] === NONE && top < count && parents[top] !== NONE) top = parents[top] ?? NONE;
    top = topOf[top] === NONE ? top : (topOf[top] ?? top);
    for (let at = message; at !== top && topOf[at] === NONE; at = parents[at] ?? top) topOf[at] = top;
    topOf[top] = top;
  }
  const latest = new Float64Array(count * 2);
  for (let message = 0; message < count; message += 1) {
    const top = topOf[message] ?? message;
    latest[top] = Math.max(latest[top] ?? 0, arrivals[message] ?? 0);
  }
  return Float64Array.from(arrivals.subarray(0, count), (_, message) => latest[topOf[message] ?? message] ?? 0);
}

function* parentsOf(messages: ThreadableMessages): Generator<void, Int32Array<ArrayBuffer>, void> {
  const links = new ThreadLinks(messages);
  for (let message = 0; message < messages.count; message += 1) {
    if (message % ELEMENTS_PER_STEP === 0) yield;
    links.add(message, messages);
  }
  return yield* links.parents();
}

function datesInOrder({ count, dates }: ThreadableMessages): Generator<void, Uint32Array, void> {
  return orderOf({ count, numbers: dates });
}

/**
 * Step 4: everything comes in the order of dates, so all roots and all children stand in it. Tops without a message have
 * the numbers from `count` on, and are there only if they hold at least two together.
 */
function* plantedInOrder(count: number, parents: Int32Array, byDate: Uint32Array): Generator<void, ThreadForest, void> {
  const kids = new Int32Array(count * 2);
  for (const parent of parents) if (parent >= count) kids[parent] = (kids[parent] ?? 0) + 1;
  yield;
  // Tops without a message, and later places for threads of one subject: at most as many as messages, both of them.
  const forest = new ThreadForest(count, count * 3);
  for (let at = 0; at < count; at += 1) {
    if (at % ELEMENTS_PER_STEP === 0) yield;
    const message = byDate[at] ?? 0;
    const parent = parents[message] ?? NONE;
    if (parent === NONE || (parent >= count && kids[parent] === 1)) {
      forest.addRoot(message);
      continue;
    }
    if (parent >= count && forest.firstKid(parent) === NONE) forest.addRoot(parent);
    forest.addKid(parent, message);
  }
  return forest;
}

/** Step 5 and 6: threads with the same base subject become one, and what that has changed is sorted. */
function* mergedBySubject(
  forest: ThreadForest,
  messages: ThreadableMessages,
  byDate: Uint32Array,
): Generator<void, ThreadForest, void> {
  const merger = new SubjectMerger(forest, messages);
  const { roots } = forest;
  for (const [index, root] of roots.entries()) {
    if (index % ELEMENTS_PER_STEP === 0) yield;
    merger.choose(root);
  }
  for (const [index, root] of roots.entries()) {
    if (index % ELEMENTS_PER_STEP === 0) yield;
    merger.merge(root);
  }
  const ranks = new Uint32Array(messages.count);
  for (let rank = 0; rank < byDate.length; rank += 1) ranks[byDate[rank] ?? 0] = rank;
  for (const node of merger.changed) {
    yield;
    forest.sortKids(node, ranks, byDate);
  }
  yield;
  forest.setRoots(merger.remaining, ranks);
  return forest;
}

class SubjectMerger {
  /** Nodes that got further kids, behind those they had. */
  readonly changed = new Set<number>();
  readonly #forest: ThreadForest;
  readonly #messages: ThreadableMessages;
  /** The thread of each subject that the others go into. */
  readonly #chosen: Int32Array;
  readonly #removed: Uint8Array;
  readonly #added: number[] = [];

  constructor(forest: ThreadForest, messages: ThreadableMessages) {
    this.#forest = forest;
    this.#messages = messages;
    this.#chosen = new Int32Array(messages.subjectCount).fill(NONE);
    this.#removed = new Uint8Array(messages.count * 3);
  }

  /** The tops of threads that are left, in no order. */
  get remaining(): number[] {
    return [...this.#forest.roots, ...this.#added].filter((root) => this.#removed[root] === 0);
  }

  choose(root: number): void {
    const subject = this.#subjectOf(root);
    const present = this.#chosen[subject] ?? NONE;
    if (present === NONE || this.#isBetter(root, present)) this.#chosen[subject] = root;
  }

  merge(root: number): void {
    const subject = this.#subjectOf(root);
    const present = this.#chosen[subject] ?? NONE;
    if (subject === this.#messages.emptySubject || present === root) return;
    const forest = this.#forest;
    this.#removed[root] = 1;
    this.changed.add(present);
    if (forest.isEmpty(present)) {
      if (forest.isEmpty(root)) forest.moveKids(root, present);
      else forest.addKid(present, root);
    } else if (this.#isReply(root) && !this.#isReply(present)) {
      forest.addKid(present, root);
    } else {
      const place = forest.newPlace();
      forest.addKid(place, present);
      forest.addKid(place, root);
      this.#removed[present] = 1;
      this.#added.push(place);
      this.changed.add(place);
      this.#chosen[subject] = place;
    }
  }

  /** A thread without a first message is preferred, then one that begins with no reply. */
  #isBetter(root: number, present: number): boolean {
    if (this.#forest.isEmpty(present)) return false;
    return this.#forest.isEmpty(root) || (this.#isReply(present) && !this.#isReply(root));
  }

  #isReply(node: number): boolean {
    return this.#messages.replies[this.#forest.firstMessage(node)] === 1;
  }

  #subjectOf(node: number): number {
    return this.#messages.subjects[this.#forest.firstMessage(node)] ?? 0;
  }
}
