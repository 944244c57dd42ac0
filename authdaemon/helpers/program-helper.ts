/**
 * A helper that is a program of the site's own, spoken to over its standard input and output. It may answer many
 * questions, one after the other; what it writes without being asked, or after an answer, breaks the conversation.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Log } from '../../init/runtime/log/log.js';
import { type Helper, HelperFailure } from './helper-pool.js';
import { logLinesOf } from './log-lines.js';

/** Times that Courier gives such a program to end: after its input was closed, and after SIGTERM. */
const CLOSED_MS = 2000;
const TERMINATED_MS = 10_000;

/** What is sent, and how the end of the answer is recognised. */
export interface ProgramQuestion {
  readonly octets: Buffer;
  /** Tells whether this is the whole answer; asked after each piece that ends a line. `too much`: more than one. */
  readonly isWhole: (answer: Buffer) => boolean | 'too much';
  readonly maxOctets: number;
}

/** What a program is started with. */
export interface ProgramHelperOptions {
  /** For the log: `authpipe`. */
  readonly name: string;
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Then the program is given up. */
  readonly limitMs: number;
  readonly log: Log;
  /** CLOSED_MS and TERMINATED_MS where a test cannot wait for them. */
  readonly endMs?: { readonly closed: number; readonly terminated: number };
}

/** A program that runs. */
export class ProgramHelper implements Helper<ProgramQuestion, Buffer> {
  /** Settles as soon as it cannot be asked any more; it may still run. */
  readonly over: Promise<void>;
  readonly #options: ProgramHelperOptions;
  /** Without streams when the system had no descriptors left. */
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #giveUp: () => void = () => {};
  #pieces: Buffer[] = [];
  #octets = 0;
  #question: ProgramQuestion | undefined;
  #settle: ((answer: Buffer | HelperFailure) => void) | undefined;
  #end: Promise<void> | undefined;

  constructor(options: ProgramHelperOptions) {
    this.#options = options;
    this.#child = spawn(options.path, [], { env: options.environment, cwd: '/', stdio: 'pipe' });
    this.over = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    this.#gone = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    this.#child.once('error', (error) => this.#fail(`the program cannot be run: ${error.message}`));
    this.#child.once('exit', (code, signal) => {
      // What it said at last may still be in the pipe.
      this.#child.once('close', () =>
        this.#fail(signal === null ? `the program ended with code ${code}` : `the program was ended by ${signal}`),
      );
    });
    this.#child.stdin?.on('error', () => this.#fail('the program does not read'));
    this.#child.stdout?.on('data', (piece: Buffer) => this.#take(piece));
    this.#child.stdout?.on('end', () => this.#fail('the program closed its output before the answer was whole'));
    if (this.#child.stderr) logLinesOf(this.#child.stderr, options.name, options.log);
  }

  async ask(question: ProgramQuestion): Promise<Buffer> {
    const { limitMs } = this.#options;
    const answer = new Promise<Buffer | HelperFailure>((resolve) => {
      this.#settle = resolve;
    });
    this.#question = question;
    const timer = setTimeout(() => this.#fail(`no whole answer within ${limitMs / 1000} s`), limitMs);
    if (this.#end !== undefined) this.#fail('the program has ended');
    else this.#child.stdin?.write(question.octets);
    const answered = await answer;
    clearTimeout(timer);
    if (answered instanceof HelperFailure) throw answered;
    return answered;
  }

  end(): Promise<void> {
    this.#end ??= this.#endInOrder();
    this.#giveUp();
    return this.#end;
  }

  #take(piece: Buffer): void {
    const question = this.#question;
    if (question === undefined) {
      this.#fail('the program wrote what nobody asked for');
      return;
    }
    this.#pieces.push(piece);
    this.#octets += piece.length;
    if (this.#octets > question.maxOctets) {
      this.#fail(`the answer is longer than ${question.maxOctets} octets`);
      return;
    }
    // Only a piece that ends a line can end an answer.
    if (piece[piece.length - 1] !== 0x0a) return;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    const isWhole = question.isWhole(whole);
    if (isWhole === 'too much') this.#fail('the program wrote more than one answer');
    else if (isWhole) this.#answer(whole);
  }

  #answer(answer: Buffer | HelperFailure): void {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#question = undefined;
    this.#pieces = [];
    this.#octets = 0;
    settle?.(answer);
  }

  /** Nothing it says later could be trusted to belong to the next question: it is not asked again. */
  #fail(reason: string): void {
    this.#answer(new HelperFailure(reason));
    // The pool hears of it by `over`; nobody waits for this end but those who stop the module.
    void this.end();
  }

  async #endInOrder(): Promise<void> {
    const { closed, terminated } = this.#options.endMs ?? { closed: CLOSED_MS, terminated: TERMINATED_MS };
    this.#child.stdin?.end();
    const term = setTimeout(() => this.#child.kill('SIGTERM'), closed);
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), closed + terminated);
    await this.#gone;
    clearTimeout(term);
    clearTimeout(kill);
  }
}
