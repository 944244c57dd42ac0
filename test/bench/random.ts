/**
 * Numbers that look like chance and are the same on every machine. Knows nothing of mail.
 */

/** Mulberry32: one 32-bit state, good enough for making mail, and small enough to be read. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.#state = Math.imul((seed ^ 0x9e3779b9) >>> 0, 0x85ebca6b) >>> 0;
    this.next();
  }

  /** From 0, which is possible, to 1, which is not. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to limit - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Whether something happens that happens so often: 0.25 is one time in four. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<Choice>(list: readonly Choice[]): Choice {
    const choice = list[this.below(list.length)];
    if (choice === undefined) throw new RangeError('nothing to choose from');
    return choice;
  }

  /** Some different ones. */
  pickSeveral<Choice>(list: readonly Choice[], count: number): Choice[] {
    const start = this.below(list.length);
    return Array.from({ length: Math.min(count, list.length) }, (_, i) => list[(start + i * 7) % list.length]).filter(
      (choice) => choice !== undefined,
    );
  }

  /** Sizes as mail has them: many small, few very large. Half of all are below `median`. */
  longTailed(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return Math.round(median * Math.exp(normal * spread));
  }
}
