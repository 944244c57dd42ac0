/**
 * Polls: calls each of its members once a minute, with one timer for all of them: there may be tens of thousands, and a
 * timer of its own takes a third of a kilobyte. It knows nothing of what they do.
 */

/** Courier polls once a minute where it has no inotify. */
export const POLL_MILLISECONDS = 60_000;

/** Who is called. */
export interface Polled {
  poll(): void;
}

/** What it needs of the surroundings. */
interface PollOptions {
  readonly now: () => number;
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

/** Those of one process. */
export class Polls {
  readonly #options: PollOptions;
  /** When each is to be called next. All wait equally long, so they stand in the order of their turns. */
  readonly #dueAt = new Map<Polled, number>();
  #cancel: (() => void) | undefined;

  constructor(options: PollOptions) {
    this.#options = options;
  }

  /** The first call is a minute from now. */
  add(member: Polled): void {
    this.#dueAt.set(member, this.#options.now() + POLL_MILLISECONDS);
    if (this.#cancel === undefined) this.#wait();
  }

  /** How many there are. */
  get size(): number {
    return this.#dueAt.size;
  }

  delete(member: Polled): void {
    this.#dueAt.delete(member);
    if (this.#dueAt.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(): void {
    this.#cancel = undefined;
    const [next] = this.#dueAt.values();
    if (next === undefined) return;
    // The clock may be set while we wait: nobody waits longer for that.
    const milliseconds = Math.min(Math.max(next - this.#options.now(), 0), POLL_MILLISECONDS);
    this.#cancel = this.#options.after(milliseconds, () => this.#callThoseDue());
  }

  #callThoseDue(): void {
    const now = this.#options.now();
    const due: Polled[] = [];
    for (const [member, at] of this.#dueAt) {
      if (at > now && at <= now + POLL_MILLISECONDS) break;
      due.push(member);
    }
    for (const member of due) this.#dueAt.delete(member);
    for (const member of due) this.#dueAt.set(member, now + POLL_MILLISECONDS);
    this.#wait();
    for (const member of due) if (this.#dueAt.has(member)) member.poll();
  }
}
