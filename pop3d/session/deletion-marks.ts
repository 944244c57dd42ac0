/**
 * DeletionMarks: which messages a session wants removed, and what is left without them. Nothing is removed here.
 */

/** What is asked of the maildrop. */
interface MarkedMaildrop {
  readonly count: number;
  readonly totalOctets: number;
  sizeOctetsAt(index: number): number;
}

/** The marks of one session. Messages are named by their place in the maildrop, from 0. */
export class DeletionMarks {
  readonly #maildrop: MarkedMaildrop;
  readonly #marked = new Set<number>();
  #markedOctets = 0;

  constructor(maildrop: MarkedMaildrop) {
    this.#maildrop = maildrop;
  }

  /** Messages that are not marked. */
  get count(): number {
    return this.#maildrop.count - this.#marked.size;
  }

  /** Their octets. */
  get octets(): number {
    return this.#maildrop.totalOctets - this.#markedOctets;
  }

  has(index: number): boolean {
    return this.#marked.has(index);
  }

  add(index: number): void {
    if (this.#marked.has(index)) return;
    this.#marked.add(index);
    this.#markedOctets += this.#maildrop.sizeOctetsAt(index);
  }

  clear(): void {
    this.#marked.clear();
    this.#markedOctets = 0;
  }

  /** In the order of the maildrop. */
  all(): number[] {
    return [...this.#marked].sort((one, other) => one - other);
  }
}
