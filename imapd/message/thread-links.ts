/**
 * Steps 1 to 3 of the REFERENCES algorithm (RFC 5256 section 3): who is whose parent, and which places stay.
 *
 * Every Message-ID is a place, whether or not its message is there. Headers may claim anything: loops are never made,
 * and looking for them goes up from the parent and down from the child in step, so that the smaller side decides what
 * it costs.
 */
import { ELEMENTS_PER_STEP } from './steps.js';
import type { ThreadableMessage } from './thread.js';

/** A message with its children, or a place without a message. */
export interface ThreadMember {
  readonly message: ThreadableMessage | undefined;
  kids: ThreadMember[];
}

interface Place extends ThreadMember {
  message: ThreadableMessage | undefined;
  parent: Place | undefined;
  children: Set<Place> | undefined;
}

/** All places of one THREAD command. */
export class ThreadLinks {
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
