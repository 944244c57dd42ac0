/**
 * Counts by name, of this server and of others that share their limits with it. A name that is counted down to nothing
 * takes no memory.
 */

/** What other servers count; see other-servers.ts. */
export interface OtherCounts {
  of(field: string): number;
  /** Ours has another count now. */
  changed(field: string, count: number): void;
}

/** Counts of one kind. */
export class Counts {
  readonly #kind: string;
  readonly #counts = new Map<string, number>();
  #others: OtherCounts | undefined;

  /** `kind` tells these counts from others of the same names. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Adds those of other servers from now on, or of none. */
  set others(others: OtherCounts | undefined) {
    this.#others = others;
    for (const [name, count] of this.#counts) others?.changed(this.#field(name), count);
  }

  /** How many there are of a name, here and elsewhere. */
  of(name: string): number {
    return this.#own(name) + (this.#others?.of(this.#field(name)) ?? 0);
  }

  /** One more. */
  add(name: string): void {
    this.#set(name, this.#own(name) + 1);
  }

  /** One less. */
  remove(name: string): void {
    this.#set(name, this.#own(name) - 1);
  }

  #own(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  #set(name: string, count: number): void {
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
    this.#others?.changed(this.#field(name), Math.max(0, count));
  }

  #field(name: string): string {
    return `${this.#kind} ${name}`;
  }
}
