/** Counts by name. A name that is counted down to nothing takes no memory. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** How many there are of a name. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** One more. */
  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  /** One less. */
  remove(name: string): void {
    const left = this.of(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
