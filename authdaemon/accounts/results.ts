/**
 * What authaccounts says of a batch: a line for each line of the file, warnings, and a sum. It prints nothing itself.
 */
import type { LineResult } from './batch.js';

/** Where lines go; they have no line end. */
export interface Printer {
  out(line: string): void;
  complain(line: string): void;
}

/** The results of one run. */
export class Results {
  readonly #file: string;
  readonly #printer: Printer;
  readonly #counts = { done: 0, 'was so': 0, wrong: 0 };
  #warnings = 0;

  /** @param file as it is called in front of each line */
  constructor(file: string, printer: Printer) {
    this.#file = file;
    this.#printer = printer;
  }

  tell({ line, name, said, outcome }: LineResult): void {
    this.#counts[outcome] += 1;
    const what = outcome === 'wrong' ? `error: ${said}` : said;
    this.#printer.out([`${this.#file}:${line}`, ...(name === '' ? [] : [name]), what].join(': '));
  }

  /** Tells of something that concerns no single line. */
  warn(text: string): void {
    this.#warnings += 1;
    this.#printer.complain(`authaccounts: ${text}`);
  }

  /** Tells the sum, and gives the exit code. */
  finish(): number {
    const { done, wrong, 'was so': before } = this.#counts;
    this.#printer.complain(`authaccounts: ${done} done, ${before} as they should be already, ${wrong} wrong`);
    return wrong === 0 && this.#warnings === 0 ? 0 : 1;
  }
}
