/**
 * THREAD: ORDEREDSUBJECT and REFERENCES (RFC 5256 section 3).
 *
 * Time is in proportion to messages and references, times a logarithm, and nothing recurses, whatever the headers
 * claim about each other.
 */
import { type SortFacts, sentDate } from './sort.js';
import { ELEMENTS_PER_STEP, finish, sorted } from './steps.js';
import { ThreadLinks, type ThreadMember } from './thread-links.js';
import type { ThreadNode } from './thread-node.js';

export { encodeThread, encodeThreadInSteps, type ThreadNode } from './thread-node.js';

/** A message to be threaded. */
export interface ThreadableMessage {
  /** Sequence number or UID: what the answer shows. */
  readonly number: number;
  readonly facts: SortFacts;
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

/** `orderedSubject` in steps. */
export function* threadBySubject(messages: readonly ThreadableMessage[]): Generator<void, ThreadNode[], void> {
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

/** `references` in steps. */
export function* threadByReferences(messages: readonly ThreadableMessage[]): Generator<void, ThreadNode[], void> {
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
