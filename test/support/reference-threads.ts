/**
 * THREAD as the RFC tells it, with an object for each message and place: slower than what the server does, and simpler to
 * compare with RFC 5256 section 3. Tests expect the same answers from both.
 */
import { ELEMENTS_PER_STEP, finish } from '../../imapd/message/steps.js';

/** What threads are made of. */
export interface ReferenceFacts {
  readonly subject: string;
  readonly isReply: boolean;
  readonly sentMs: number | undefined;
  readonly messageId: string | undefined;
  readonly references: readonly string[];
}

function sentDate({ facts, arrivalMs }: ThreadableMessage): number {
  return facts.sentMs ?? arrivalMs;
}

function* sorted<T>(elements: readonly T[], compare: (one: T, other: T) => number): Generator<void, T[], void> {
  yield;
  return [...elements].sort(compare);
}

/** A message to be threaded. */
export interface ThreadableMessage {
  /** Sequence number or UID: what the answer shows. */
  readonly number: number;
  readonly facts: ReferenceFacts;
  /** Internal date in milliseconds. */
  readonly arrivalMs: number;
}

/** Groups messages by base subject: the oldest of each group, and the others as its children. */
export function orderedSubject(messages: readonly ThreadableMessage[]): ThreadNode[] {
  return finish(threadBySubject(messages));
}

/** Links messages by their References, then by their subjects. */
export function references(messages: readonly ThreadableMessage[]): ThreadNode[] {
  return finish(threadByReferences(messages));
}

function* threadBySubject(messages: readonly ThreadableMessage[]): Generator<void, ThreadNode[], void> {
  const groups = new Map<string, ThreadableMessage[]>();
  for (const message of yield* sorted(messages, bySentDate)) {
    const group = groups.get(message.facts.subject);
    if (group === undefined) groups.set(message.facts.subject, [message]);
    else group.push(message);
  }
  yield;
  // A Map keeps the order of insertion, so the groups are in the order of their oldest messages.
  return Array.from(groups.values(), ([first, ...others]) => ({
    number: first?.number,
    children: others.map(({ number }) => ({ number, children: [] })),
  }));
}

function* threadByReferences(messages: readonly ThreadableMessage[]): Generator<void, ThreadNode[], void> {
  const links = new ThreadLinks();
  // Steps 1 to 3: link, gather, prune.
  for (const [index, message] of messages.entries()) {
    links.add(message);
    if (index % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
  }
  const roots = yield* links.pruned();
  for (const [index, member] of links.members().entries()) {
    if (member.kids.length > 1) member.kids = yield* sorted(member.kids, byMemberDate);
    if (index % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
  }
  // Steps 4 to 6: merge what has the same subject, and sort what that has changed.
  const { merged, changed } = yield* mergeSubjects(yield* sorted(roots, byMemberDate));
  for (const [index, member] of [...changed].entries()) {
    member.kids = yield* sorted(member.kids, byMemberDate);
    if (index % ELEMENTS_PER_STEP === 0) yield;
  }
  const threads: ThreadNode[] = [];
  for (const root of yield* sorted(merged, byMemberDate)) {
    threads.push(yield* asNode(root));
    if (threads.length % ELEMENTS_PER_STEP === 0) yield;
  }
  return threads;
}

interface MergedThreads {
  readonly merged: readonly ThreadMember[];
  /** Members that got further kids, behind those they had. */
  readonly changed: ReadonlySet<ThreadMember>;
}

/** Step 5: threads with the same base subject become one. */
function* mergeSubjects(roots: readonly ThreadMember[]): Generator<void, MergedThreads, void> {
  const bySubject = new Map<string, ThreadMember>();
  for (const [index, root] of roots.entries()) {
    if (index % ELEMENTS_PER_STEP === 0) yield;
    const subject = subjectOf(root);
    const present = bySubject.get(subject);
    if (present === undefined || isBetter(root, present)) bySubject.set(subject, root);
  }
  const removed = new Set<ThreadMember>();
  const added: ThreadMember[] = [];
  const changed = new Set<ThreadMember>();
  for (const [index, root] of roots.entries()) {
    if (index % ELEMENTS_PER_STEP === 0) yield;
    const subject = subjectOf(root);
    const present = bySubject.get(subject);
    if (subject === '' || present === undefined || present === root) continue;
    removed.add(root);
    changed.add(present);
    if (present.message === undefined) {
      if (root.message === undefined) for (const kid of root.kids) present.kids.push(kid);
      else present.kids.push(root);
    } else if (isReply(root) && !isReply(present)) {
      present.kids.push(root);
    } else {
      const place: ThreadMember = { message: undefined, kids: [present, root] };
      removed.add(present);
      added.push(place);
      changed.add(place);
      bySubject.set(subject, place);
    }
  }
  return { merged: [...roots, ...added].filter((root) => !removed.has(root)), changed };
}

/** A thread without a first message is preferred, then one that begins with no reply. */
function isBetter(root: ThreadMember, present: ThreadMember): boolean {
  if (present.message === undefined) return false;
  return root.message === undefined || (isReply(present) && !isReply(root));
}

function isReply(member: ThreadMember): boolean {
  return firstMessage(member)?.facts.isReply === true;
}

function subjectOf(member: ThreadMember): string {
  return firstMessage(member)?.facts.subject ?? '';
}

/** Of a thread without a first message its first child stands for it. */
function firstMessage(member: ThreadMember): ThreadableMessage | undefined {
  return member.message ?? member.kids[0]?.message;
}

function byMemberDate(one: ThreadMember, other: ThreadMember): number {
  const oneMessage = firstMessage(one);
  const otherMessage = firstMessage(other);
  return oneMessage === undefined || otherMessage === undefined ? 0 : bySentDate(oneMessage, otherMessage);
}

function bySentDate(one: ThreadableMessage, other: ThreadableMessage): number {
  return sentDate(one) - sentDate(other) || one.number - other.number;
}

/** Members have the shape of nodes but for the names; converted level by level. */
function* asNode(root: ThreadMember): Generator<void, ThreadNode, void> {
  const top = { number: root.message?.number, children: [] as ThreadNode[] };
  const waiting: { member: ThreadMember; children: ThreadNode[] }[] = [{ member: root, children: top.children }];
  let count = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const kid of next.member.kids) {
      count += 1;
      if (count % ELEMENTS_PER_STEP === 0) yield;
      const node = { number: kid.message?.number, children: [] as ThreadNode[] };
      next.children.push(node);
      if (kid.kids.length > 0) waiting.push({ member: kid, children: node.children });
    }
  }
  return top;
}

/** A message with its children, or a place without a message. */
interface ThreadMember {
  readonly message: ThreadableMessage | undefined;
  kids: ThreadMember[];
}

interface Place extends ThreadMember {
  message: ThreadableMessage | undefined;
  parent: Place | undefined;
  children: Set<Place> | undefined;
}

/** All places of one THREAD command. */
class ThreadLinks {
  readonly #byId = new Map<string, Place>();
  readonly #places: Place[] = [];

  /** Step 1: puts a message in its place, and links the places that it names. */
  add(message: ThreadableMessage): void {
    const { messageId, references } = message.facts;
    const place = this.#placeOf(message, messageId);
    let parent: Place | undefined;
    for (const id of references) {
      const named = this.#named(id);
      if (named.parent === undefined && parent !== undefined) link(parent, named);
      parent = named;
    }
    // What the message itself says of its parent counts more than what others said, also when it says that it has none.
    if (place.parent === parent) return;
    unlink(place);
    if (parent !== undefined) link(parent, place);
  }

  /** Steps 2 and 3: gives the tops of threads; places without a message go, except those that hold a thread together. */
  *pruned(): Generator<void, ThreadMember[], void> {
    const order = yield* this.#parentsFirst();
    const roots: ThreadMember[] = [];
    for (let index = order.length - 1; index >= 0; index -= 1) {
      if (index % ELEMENTS_PER_STEP === 0) yield;
      const place = order[index];
      if (place === undefined) continue;
      const { parent } = place;
      const stays = place.message !== undefined || (parent === undefined && place.kids.length > 1);
      if (parent === undefined) for (const top of stays ? [place] : place.kids) roots.push(top);
      else if (stays) parent.kids.push(place);
      else parent.kids = joined(parent.kids, place.kids);
    }
    return roots;
  }

  /** All places, those that are gone included. */
  members(): readonly ThreadMember[] {
    return this.#places;
  }

  #placeOf(message: ThreadableMessage, id: string | undefined): Place {
    const named = id === undefined ? undefined : this.#named(id);
    // A second message with the same ID, or one without any, gets a place that nobody can name.
    if (named === undefined || named.message !== undefined) return this.#newPlace(message);
    named.message = message;
    return named;
  }

  #named(id: string): Place {
    let place = this.#byId.get(id);
    if (place === undefined) {
      place = this.#newPlace(undefined);
      this.#byId.set(id, place);
    }
    return place;
  }

  #newPlace(message: ThreadableMessage | undefined): Place {
    const place: Place = { message, kids: [], parent: undefined, children: undefined };
    this.#places.push(place);
    return place;
  }

  *#parentsFirst(): Generator<void, Place[], void> {
    const order = this.#places.filter((place) => place.parent === undefined);
    // The array grows while it is walked over.
    for (const [index, place] of order.entries()) {
      if (index % ELEMENTS_PER_STEP === 0) yield;
      if (place.children !== undefined) for (const child of place.children) order.push(child);
    }
    return order;
  }
}

/** Makes one place the parent of another that has none, unless that closes a loop. */
function link(parent: Place, child: Place): void {
  if (isWithin(parent, child)) return;
  child.parent = parent;
  parent.children ??= new Set();
  parent.children.add(child);
}

function unlink(child: Place): void {
  child.parent?.children?.delete(child);
  child.parent = undefined;
}

/** Tells whether `place` is `top` or below it. */
function isWithin(place: Place, top: Place): boolean {
  let up: Place | undefined = place;
  const below: Iterator<Place>[] = [[top][Symbol.iterator]()];
  for (;;) {
    if (up === top) return true;
    up = up.parent;
    if (up === undefined) return false;
    const next = below[below.length - 1]?.next();
    if (next === undefined) return false;
    if (next.done === true) below.pop();
    else if (next.value === place) return true;
    else if (next.value.children !== undefined) below.push(next.value.children[Symbol.iterator]());
  }
}

/** The smaller list goes into the larger, so that lists which are passed up many levels are not copied each time. */
function joined(one: ThreadMember[], other: ThreadMember[]): ThreadMember[] {
  const [larger, smaller] = one.length < other.length ? [other, one] : [one, other];
  for (const member of smaller) larger.push(member);
  return larger;
}

/** A message in a thread, or a place for one that is not there. */
export interface ThreadNode {
  /** Sequence number or UID; undefined for a message that is not there. */
  readonly number: number | undefined;
  readonly children: readonly ThreadNode[];
}

/** `* THREAD (2)(3 6 (4 23)(44 7 96))`; without threads just the name. */
export function encodeThread(threads: readonly ThreadNode[]): Buffer {
  return finish(encodeThreadInSteps(threads));
}

function* encodeThreadInSteps(threads: readonly ThreadNode[]): Generator<void, Buffer, void> {
  const written: string[] = ['* THREAD'];
  if (threads.length > 0) written.push(' ');
  const waiting: (string | ThreadNode)[] = [];
  let count = 0;
  for (const thread of threads) {
    written.push('(');
    waiting.push(')', thread);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      count += 1;
      if (count % ELEMENTS_PER_STEP === 0) yield;
      if (typeof next === 'string') written.push(next);
      else writeNode(next, written, waiting);
    }
  }
  written.push('\r\n');
  return Buffer.from(written.join(''), 'latin1');
}

/** `thread-members = nz-number *(SP nz-number) [SP thread-nested]`; what comes later waits on the stack. */
function writeNode({ number, children }: ThreadNode, written: string[], waiting: (string | ThreadNode)[]): void {
  if (number !== undefined) written.push(String(number));
  if (number !== undefined && children.length > 0) written.push(' ');
  const [only] = children;
  if (children.length === 1 && only !== undefined) {
    waiting.push(only);
    return;
  }
  for (let index = children.length - 1; index >= 0; index -= 1) {
    const child = children[index];
    if (child !== undefined) waiting.push(')', child, '(');
  }
}
