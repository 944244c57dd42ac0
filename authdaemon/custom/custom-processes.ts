/**
 * The processes that run the site's module: as many as lookups at once, exchanged when the settings or the module's file
 * have changed, given up when they hang or crash.
 */
import { ForkedHelper } from '../helpers/forked-helper.js';
import { HelperFailure, HelperPool } from '../helpers/helper-pool.js';
import type { ModuleContext, TemporaryFailure } from '../modules/module.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import type { CustomAnswer, CustomQuestion } from './questions.js';
import { type CustomSettings, customSettingsPath, interpretCustomSettings, moduleStamp } from './settings.js';

/** A caller of ENUMERATE waits 60 s for a line. */
const ENUMERATE_LIMIT_MS = 55_000;

type Pool = HelperPool<CustomQuestion, CustomAnswer>;

/** Asks the site's module. */
export class CustomProcesses {
  readonly #context: ModuleContext;
  readonly #settings: RcFile<CustomSettings>;
  #pool: Pool | undefined;
  /** What the pool was made for. */
  #made = '';
  /** Those made for what is no longer so; questions under way there still get their answers. */
  readonly #retired = new Set<Pool>();

  constructor(context: ModuleContext) {
    this.#context = context;
    this.#settings = new RcFile(customSettingsPath(context.configDirectory), interpretCustomSettings, context.log);
  }

  /** Has one process ready; a mistake in the settings is told, and may be mended later. */
  start(): void {
    const pool = this.#currentPool();
    if (typeof pool === 'string') this.#context.log.write('error', `authcustom: ${pool}`);
    else pool.warm();
  }

  async stop(): Promise<void> {
    const pools = [...this.#retired, ...(this.#pool === undefined ? [] : [this.#pool])];
    await Promise.all(pools.map((pool) => pool.stop()));
  }

  idle(): void {
    this.#pool?.idle();
  }

  /** Calls a function of the module; an exception there, or a process that failed, is a temporary failure. */
  async ask(question: CustomQuestion): Promise<Exclude<CustomAnswer, { kind: 'failed' }> | TemporaryFailure> {
    const pool = this.#currentPool();
    if (typeof pool === 'string') return { kind: 'temporary failure', reason: pool };
    try {
      const answer = await pool.ask(question);
      if (answer.kind !== 'failed') return answer;
      return { kind: 'temporary failure', reason: `the custom module, ${question.call}: ${answer.reason}` };
    } catch (error) {
      if (!(error instanceof HelperFailure)) throw error;
      return { kind: 'temporary failure', reason: `the custom module, ${question.call}: ${error.message}` };
    }
  }

  /** The pool for the settings and the file of now, or why there is none. */
  #currentPool(): Pool | string {
    // Until the file is right for the first time.
    try {
      const settings = this.#settings.current();
      const wanted = `${settings.modulePath} ${settings.limitMs} ${moduleStamp(settings.modulePath)}`;
      if (this.#pool !== undefined && wanted === this.#made) return this.#pool;
      this.#retirePool();
      this.#made = wanted;
      this.#pool = this.#makePool(settings);
      return this.#pool;
    } catch (error) {
      if (error instanceof UnusableRcFile) return error.message;
      throw error;
    }
  }

  #makePool({ modulePath, limitMs }: CustomSettings): Pool {
    const options = {
      name: 'authcustom',
      program: new URL('./worker.js', import.meta.url),
      words: [modulePath],
      limitMs: ({ call }: CustomQuestion) => (call === 'enumerate' ? ENUMERATE_LIMIT_MS : limitMs),
      log: this.#context.log,
    };
    return new HelperPool({ atMost: this.#context.lookupsAtOnce, start: () => new ForkedHelper(options) });
  }

  #retirePool(): void {
    const pool = this.#pool;
    if (pool === undefined) return;
    this.#retired.add(pool);
    const gone = (): void => {
      this.#retired.delete(pool);
    };
    pool.retire().then(gone, gone);
  }
}
