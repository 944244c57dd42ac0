/**
 * The helper processes of a module for accounts of the system: how many, how long they may take, and their end.
 */
import { ForkedHelper } from '../helpers/forked-helper.js';
import { HelperFailure, HelperPool } from '../helpers/helper-pool.js';
import type { EnumerateItem, ModuleContext, TemporaryFailure } from '../modules/module.js';
import type { SystemAnswer, SystemQuestion } from './questions.js';
import { enumeratedFromSystem } from './system-account.js';

/** A caller of authdaemond waits 30 s: it should hear of a module of PAM that hangs. */
const LIMIT_MS = 20_000;
/** Name services of a large site; a caller of ENUMERATE waits 60 s for a line. */
const ENUMERATE_LIMIT_MS = 55_000;

/** Processes that run worker.ts. */
export class SystemHelpers {
  readonly #pool: HelperPool<SystemQuestion, SystemAnswer>;

  /** `name` is the module's; `limitMs` is there for tests that cannot wait. */
  constructor(name: string, { log, lookupsAtOnce }: ModuleContext, limitMs = LIMIT_MS) {
    const options = {
      name,
      program: new URL('./worker.js', import.meta.url),
      words: [name],
      limitMs: ({ kind }: SystemQuestion) => (kind === 'enumerate' ? ENUMERATE_LIMIT_MS : limitMs),
      log,
    };
    this.#pool = new HelperPool({
      atMost: lookupsAtOnce,
      start: () => new ForkedHelper(options),
      // It had a real uid of somebody else for a while.
      isLast: ({ kind }) => kind === 'change password',
    });
  }

  /** Has one process ready. */
  start(): void {
    this.#pool.warm();
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  idle(): void {
    this.#pool.idle();
  }

  /** Asks; a process that failed is a temporary failure. */
  async ask(question: SystemQuestion): Promise<Exclude<SystemAnswer, { kind: 'failed' }> | TemporaryFailure> {
    // A helper that hangs or crashes is an answer here.
    try {
      const answer = await this.#pool.ask(question);
      return answer.kind === 'failed' ? { kind: 'temporary failure', reason: answer.reason } : answer;
    } catch (error) {
      if (error instanceof HelperFailure) return { kind: 'temporary failure', reason: error.message };
      throw error;
    }
  }

  /** Tells what is wrong with the libraries, if anything is. */
  async trouble(question: SystemQuestion): Promise<string | undefined> {
    const answer = await this.ask(question);
    return answer.kind === 'temporary failure' ? answer.reason : undefined;
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    const answer = await this.ask({ kind: 'enumerate' });
    if (answer.kind === 'temporary failure') yield answer;
    if (answer.kind !== 'list') return;
    for (const account of answer.accounts) yield { kind: 'account', account: enumeratedFromSystem(account) };
  }
}
