/**
 * The log lines about answers: one for each login that is refused, with the reason that its client is not told, and one
 * for each that cannot be answered now.
 *
 * An attacker makes as many of them as he likes, so lines are counted: of each reason so many a second, then how many
 * were left out. Knows no sockets.
 */
import { type After, LimitedLines } from '../init/runtime/log/limited-lines.js';
import { type Log, logLine, logValue } from '../init/runtime/log/log.js';

export type { After } from '../init/runtime/log/limited-lines.js';

/** How often it is said that too many wait. */
const FULL_EVERY_MS = 60_000;

/** Who asked, as far as the caller said it. */
export interface Asked {
  readonly service: string;
  readonly loginName: string;
  readonly remoteIp?: string;
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
