/**
 * A helper that is a program of ours: a Node process with a channel. Questions and answers go over the channel, never
 * over the command line, and are what the structured clone algorithm can copy.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Log } from '../../init/runtime/log/log.js';
import { heapOptions } from '../../init/runtime/system/small-heap.js';
import { type Helper, HelperFailure } from './helper-pool.js';
import { logLinesOf } from './log-lines.js';

/** A helper that is told to end, and is not in the middle of something, ends within milliseconds. */
const END_MS = 2000;

/** What a helper is started with. */
export interface ForkedHelperOptions<Question> {
  /** For the log: `authpam`. */
  readonly name: string;
  /** The module it runs. */
  readonly program: URL;
  readonly words?: readonly string[];
  /** How long an answer to this question may take; then the process is killed. */
  readonly limitMs: (question: Question) => number;
  readonly log: Log;
}

/** Nothing of the daemon's own environment: a helper runs code that is not ours. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** A process that answers one question at a time. */
export class ForkedHelper<Question extends object, Answer> implements Helper<Question, Answer> {
  readonly over: Promise<void>;
  readonly #options: ForkedHelperOptions<Question>;
  readonly #child: ChildProcess;
  #how = 'has ended';
  #settle: ((answer: Answer | HelperFailure) => void) | undefined;

  constructor(options: ForkedHelperOptions<Question>) {
    this.#options = options;
    this.#child = fork(options.program, [...(options.words ?? [])], {
      env: ENVIRONMENT,
      execArgv: heapOptions({ semiSpaceMiB: 1, helperThreads: 0, keepsCode: false }),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      cwd: '/',
    });
    this.over = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#how = how;
        this.#answer(new HelperFailure(`the helper process ${how}`));
        resolve();
      };
      this.#child.once('exit', (code, signal) =>
        end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
      // A process that could not be started has no exit.
      this.#child.once('error', (error) => end(`could not be used: ${error.message}`));
    });
    this.#child.on('message', (message) => this.#answer(message as Answer));
    // There is none when the system had no descriptors left.
    if (this.#child.stderr) logLinesOf(this.#child.stderr, options.name, options.log);
  }

  async ask(question: Question): Promise<Answer> {
    const limitMs = this.#options.limitMs(question);
    const answer = new Promise<Answer | HelperFailure>((resolve) => {
      this.#settle = resolve;
    });
    const timer = setTimeout(() => {
      this.#answer(new HelperFailure(`no answer within ${limitMs / 1000} s; the helper process was killed`));
      killFamily(this.#child.pid);
    }, limitMs);
    if (!this.#child.connected) this.#answer(new HelperFailure(`the helper process ${this.#how}`));
    else this.#child.send(question, (error) => this.#sent(error));
    const answered = await answer;
    clearTimeout(timer);
    if (answered instanceof HelperFailure) throw answered;
    return answered;
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => killFamily(this.#child.pid), END_MS);
    await this.over;
    clearTimeout(timer);
  }

  #answer(answer: Answer | HelperFailure): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(answer);
  }

  #sent(error: Error | null): void {
    if (error !== null) this.#answer(new HelperFailure(`the helper process ${this.#how}: ${error.message}`));
  }
}

/** Kills a process and what it started: a script of PAM that hangs would hang for ever after. */
function killFamily(pid: number | undefined): void {
  if (pid === undefined) return;
  const children = childrenOf(pid);
  // It may have ended by itself just now.
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
  for (const child of children) killFamily(child);
}

function childrenOf(pid: number): number[] {
  // Not every kernel tells, and the process may be gone.
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}
