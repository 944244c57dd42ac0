/**
 * The log lines about answers: one for each login that is refused, with the reason that its client is not told, and one
 * for each that cannot be answered now.
 *
 * An attacker makes as many of them as he likes, so lines are counted: of each reason so many a second, then how many
 * were left out. Knows no sockets.
 */
import { type Log, type LogLevel, logLine, logValue } from '../init/runtime/log.js';

/** Lines of one kind that are written in a second. Ten show who it is; a day of them are 200 MB at most. */
export const MAX_LINES_PER_SECOND = 10;
/** Kinds told apart within a second; reasons that hold a stranger's words must not make a kind each. */
const MAX_KINDS = 50;
const SECOND_MS = 1000;
/** How often it is said that too many wait. */
const FULL_EVERY_MS = 60_000;

/** Does something later; the function it gives calls it off. */
export type After = (delayMs: number, action: () => void) => () => void;

/** Who asked, as far as the caller said it. */
export interface Asked {
  readonly service: string;
  readonly loginName: string;
  readonly remoteIp?: string;
}

interface Kind {
  written: number;
  leftOut: number;
  readonly level: LogLevel;
}

/** Writes so many lines of each kind a second, and counts the others. */
export class LimitedLines {
  readonly #log: Log;
  readonly #after: After;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Log, after: After) {
    this.#log = log;
    this.#after = after;
  }

  /** Writes a line, or counts it; `kind` is what the summary calls them. */
  write(level: LogLevel, kind: string, text: string): void {
    if (this.#kinds.size === 0) this.#after(SECOND_MS, () => this.#summarise());
    const name = this.#kinds.has(kind) || this.#kinds.size < MAX_KINDS ? kind : 'other reasons';
    const known = this.#kinds.get(name) ?? { written: 0, leftOut: 0, level };
    this.#kinds.set(name, known);
    if (known.written >= MAX_LINES_PER_SECOND) known.leftOut += 1;
    else {
      known.written += 1;
      this.#log.write(level, text);
    }
  }

  #summarise(): void {
    const kinds = [...this.#kinds];
    this.#kinds.clear();
    for (const [kind, { leftOut, level }] of kinds) {
      if (leftOut > 0) this.#log.write(level, `${leftOut} more lines like this were left out: ${kind}`);
    }
  }
}

/** What is said about answers. */
export class AnswerLog {
  readonly #log: Log;
  readonly #after: After;
  readonly #lines: LimitedLines;
  #full: { refused: number } | undefined;

  constructor(log: Log, after: After) {
    this.#log = log;
    this.#after = after;
    this.#lines = new LimitedLines(log, after);
  }

  /** A clear no. These are no words that a ban would be based on. */
  refused(what: string, asked: Asked, reasons: string): void {
    this.#lines.write('info', `${what}, ${logLine(reasons)}`, `${what}: ${describe(asked)}, ${reasons}`);
  }

  /** No answer for now; the caller is told so, or nothing. */
  failed(asked: Asked, reason: string): void {
    this.#lines.write('error', logLine(reason), `${reason} (${describe(asked)})`);
  }

  /** There was no room to wait: one line at once, then one a minute, as long as it lasts. */
  full(module: string): void {
    if (this.#full !== undefined) {
      this.#full.refused += 1;
      return;
    }
    const remedy = 'find out why it is slow, or raise daemons';
    this.#log.write('warning', `too many lookups wait for ${module}, and logins are put off; ${remedy}`);
    this.#full = { refused: 0 };
    this.#after(FULL_EVERY_MS, () => this.#tellFull());
  }

  #tellFull(): void {
    const refused = this.#full?.refused ?? 0;
    this.#full = undefined;
    if (refused === 0) return;
    this.#log.write('warning', `too many lookups waited: ${refused} more logins were put off in the last minute`);
    this.#full = { refused: 0 };
    this.#after(FULL_EVERY_MS, () => this.#tellFull());
  }
}

function describe({ service, loginName, remoteIp }: Asked): string {
  const from = remoteIp === undefined ? '' : `, from=${logValue(remoteIp)}`;
  return `service=${logValue(service)}, account=${logValue(loginName)}${from}`;
}
