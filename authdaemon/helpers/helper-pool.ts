/**
 * HelperPool: a few processes that answer one question at a time each. A question that blocks, hangs or crashes hurts
 * nobody but itself: the process is given up, and the next question gets a new one.
 *
 * Knows neither what is asked nor how a helper is reached.
 */

/** Libraries that helpers load may lose memory: after so many questions a helper is replaced. */
const MAX_QUESTIONS_PER_HELPER = 10_000;

/** There is no answer; the text says why, for the log. */
export class HelperFailure extends Error {}

/** One process of a pool. */
export interface Helper<Question, Answer> {
  /** Settles when the process can be asked no more, whoever ended it. Never rejects. */
  readonly over: Promise<void>;
  /** Asks one thing; called again only after the answer. @throws {HelperFailure} and is then over, or soon will be */
  ask(question: Question): Promise<Answer>;
  /** Lets it end in good order, and sees to it that it does. */
  end(): Promise<void>;
}

/** How a pool is made. */
export interface HelperPoolOptions<Question, Answer> {
  /** Helpers at once; further questions wait. */
  readonly atMost: number;
  /** Starts one. @throws {HelperFailure} */
  readonly start: () => Helper<Question, Answer>;
  /** After such a question the helper is ended. */
  readonly isLast?: (question: Question) => boolean;
}

/** Helpers that are started when they are wanted. */
export class HelperPool<Question, Answer> {
  readonly #options: HelperPoolOptions<Question, Answer>;
  readonly #all = new Map<Helper<Question, Answer>, { questions: number }>();
  /** The one that was free last is asked first, so that the others can be ended when little is going on. */
  readonly #free: Helper<Question, Answer>[] = [];
  readonly #waiting: (() => void)[] = [];
  /** Helpers that were told to end. */
  readonly #ending = new Set<Promise<void>>();
  #retired = false;
  #stopped = false;

  constructor(options: HelperPoolOptions<Question, Answer>) {
    this.#options = options;
  }

  /** Asks a free helper, or a new one, or the first to become free. @throws {HelperFailure} */
  async ask(question: Question): Promise<Answer> {
    const helper = await this.#take();
    const use = this.#all.get(helper);
    if (use !== undefined) use.questions += 1;
    // One that failed once is not asked again.
    try {
      const answer = await helper.ask(question);
      if (this.#options.isLast?.(question) === true) this.#drop(helper);
      else this.#giveBack(helper);
      return answer;
    } catch (error) {
      this.#drop(helper);
      throw error;
    }
  }

  /** Starts a helper, if there is none, so that the first question need not wait for it. @throws {HelperFailure} */
  warm(): void {
    if (this.#all.size === 0 && !this.#stopped) this.#free.push(this.#start());
  }

  /** Ends all that are free but one. */
  idle(): void {
    for (const helper of this.#free.slice(1)) this.#drop(helper);
  }

  /** Ends all in good order: those that are asked something now when they have answered. For a pool with a successor. */
  async retire(): Promise<void> {
    this.#retired = true;
    for (const helper of [...this.#free]) this.#drop(helper);
    await Promise.all([...this.#all.keys()].map(({ over }) => over));
    await Promise.all(this.#ending);
  }

  /** Ends all; those that are asked something now are ended, too. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const helper of [...this.#all.keys()]) this.#drop(helper);
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all(this.#ending);
  }

  async #take(): Promise<Helper<Question, Answer>> {
    for (;;) {
      if (this.#stopped) throw new HelperFailure('the module is being stopped');
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#all.size < this.#options.atMost) return this.#start();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #start(): Helper<Question, Answer> {
    const helper = this.#options.start();
    this.#all.set(helper, { questions: 0 });
    helper.over.then(
      () => this.#forget(helper),
      () => this.#forget(helper),
    );
    return helper;
  }

  #giveBack(helper: Helper<Question, Answer>): void {
    const use = this.#all.get(helper);
    if (use === undefined) return;
    if (this.#retired || use.questions >= MAX_QUESTIONS_PER_HELPER) {
      this.#drop(helper);
      return;
    }
    this.#free.push(helper);
    this.#waiting.shift()?.();
  }

  /** Lets a helper end on its own time, while others work. */
  #drop(helper: Helper<Question, Answer>): void {
    const end = helper.end();
    this.#ending.add(end);
    const ended = (): void => {
      this.#ending.delete(end);
    };
    end.then(ended, ended);
    this.#forget(helper);
  }

  #forget(helper: Helper<Question, Answer>): void {
    if (!this.#all.delete(helper)) return;
    const index = this.#free.indexOf(helper);
    if (index >= 0) this.#free.splice(index, 1);
    this.#waiting.shift()?.();
  }
}
