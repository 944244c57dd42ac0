/**
 * So many lines of each kind a second, then how many were left out: an attacker makes as many of them as he likes.
 */
import type { Log, LogLevel } from './log.js';

/** Lines of one kind that are written in a second. Ten show who it is; a day of them are 200 MB at most. */
const MAX_LINES_PER_SECOND = 10;
/** Kinds told apart within a second; reasons that hold a stranger's words must not make a kind each. */
const MAX_KINDS = 50;
const SECOND_MS = 1000;

/** Does something later; the function it gives calls it off. */
export type After = (delayMs: number, action: () => void) => () => void;

interface Kind {
  written: number;
  leftOut: number;
  readonly level: LogLevel;
}

/** Writes so many lines of each kind a second, and counts the others. */
export class LimitedLines {
  readonly #log: Pick<Log, 'write'>;
  readonly #after: After;
  readonly #maxKinds: number;
  readonly #perSecond: number;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Pick<Log, 'write'>, after: After, { maxKinds = MAX_KINDS, perSecond = MAX_LINES_PER_SECOND } = {}) {
    this.#log = log;
    this.#after = after;
    this.#maxKinds = maxKinds;
    this.#perSecond = perSecond;
  }

  /** Writes a line, or counts it; `kind` is what the summary calls them. Says whether it was written. */
  write(level: LogLevel, kind: string, text: string, session?: number): boolean {
    if (this.#kinds.size === 0) this.#after(SECOND_MS, () => this.#summarise());
    const name = this.#kinds.has(kind) || this.#kinds.size < this.#maxKinds ? kind : 'other reasons';
    const known = this.#kinds.get(name) ?? { written: 0, leftOut: 0, level };
    this.#kinds.set(name, known);
    if (known.written >= this.#perSecond) {
      known.leftOut += 1;
      return false;
    }
    known.written += 1;
    this.#log.write(level, text, session);
    return true;
  }

  #summarise(): void {
    const kinds = [...this.#kinds];
    this.#kinds.clear();
    for (const [kind, { leftOut, level }] of kinds) {
      if (leftOut > 0) this.#log.write(level, `${leftOut} more lines like this were left out: ${kind}`);
    }
  }
}
