/**
 * SqlPool: the connections to a database: opened when they are needed, kept for a while, replaced when they break.
 *
 * There are never more than lookups at once. They are opened one after the other, each on the first server that lets us
 * in, so that a server that is down is knocked at by one and not by all. A connection that turns out to be dead (the
 * server was restarted) costs its user nothing: the statement is sent once more, on a new one. Statements are therefore
 * such that running one twice does no harm.
 */
import { clauseProblems, fillClause } from './clause.js';
import { withDeadline } from './deadline.js';
import type { SqlDatabase, SqlResult, SqlRow, SqlServer, SqlSession, SqlStatement } from './sql-database.js';
import { SqlFailure } from './sql-database.js';

/** A connection that was unused for so long is not trusted: firewalls on the way forget it without a word. */
const MAX_IDLE_MS = 60_000;
/** A server that could not be reached comes last for so long, and one that is not the first is left after it. */
const SKIP_SERVER_MS = 60_000;
/** What asks us waits for 30 seconds; connecting and a statement have their own, shorter limits. */
const MAX_WAIT_MS = 20_000;

interface Pooled {
  readonly session: SqlSession;
  readonly server: SqlServer;
  readonly openedAt: number;
  usedAt: number;
}

interface Waiter {
  take(pooled: Pooled): void;
  fail(failure: SqlFailure): void;
}

/** How a pool is made. */
export interface SqlPoolOptions {
  /** In the order of preference; at least one. */
  readonly servers: readonly SqlServer[];
  readonly maxConnections: number;
  /** Milliseconds from any moment on, rising. */
  readonly clock: () => number;
}

/** A database behind a bounded number of connections. */
export class SqlPool implements SqlDatabase {
  readonly #servers: readonly SqlServer[];
  readonly #maxConnections: number;
  readonly #clock: () => number;
  readonly #idle: Pooled[] = [];
  readonly #failedAt = new Map<SqlServer, number>();
  #waiters: Waiter[] = [];
  /** Connections in use and idle ones. */
  #open = 0;
  #isConnecting = false;
  #isClosed = false;

  constructor({ servers, maxConnections, clock }: SqlPoolOptions) {
    this.#servers = servers;
    this.#maxConnections = maxConnections;
    this.#clock = clock;
  }

  async query(statement: SqlStatement): Promise<SqlResult> {
    // The one repetition for a connection that had died meanwhile; every other failure is the caller's.
    try {
      return await this.#queryOnce(statement);
    } catch (error) {
      if (!(error instanceof SqlFailure) || error.kind !== 'lost') throw error;
      // They were opened before it and may have died with it.
      this.closeIdle();
      return this.#queryOnce(statement);
    }
  }

  async *stream(statement: SqlStatement): AsyncIterable<readonly SqlRow[]> {
    const pooled = await this.#acquire();
    let isWhole = false;
    // Whoever stops listening leaves a connection in the middle of a result.
    try {
      const { text, values } = render(statement, pooled.session);
      yield* pooled.session.stream(text, values);
      isWhole = true;
    } finally {
      if (!isWhole) pooled.session.destroy();
      this.#release(pooled);
    }
  }

  closeIdle(): void {
    for (const { session } of this.#idle.splice(0)) {
      this.#open -= 1;
      session.destroy();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.closeIdle();
    for (const waiter of this.#waiters.splice(0)) waiter.fail(closed());
  }

  async #queryOnce(statement: SqlStatement): Promise<SqlResult> {
    const pooled = await this.#acquire();
    // Whatever happens, others may have the connection, or its place.
    try {
      const { text, values } = render(statement, pooled.session);
      return await pooled.session.query(text, values);
    } finally {
      this.#release(pooled);
    }
  }

  async #acquire(): Promise<Pooled> {
    if (this.#isClosed) throw closed();
    const kept = this.#takeIdle();
    if (kept !== undefined) return kept;
    let waiter: Waiter | undefined;
    const turn = new Promise<Pooled>((take, fail) => {
      waiter = { take, fail };
      this.#waiters.push(waiter);
    });
    this.#connectIfWanted();
    return withDeadline(turn, MAX_WAIT_MS, () => {
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
      return new SqlFailure('slow', 'all connections to the database are busy');
    });
  }

  #takeIdle(): Pooled | undefined {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      if (!this.#isStale(kept)) return kept;
      this.#discard(kept);
    }
    return undefined;
  }

  #isStale({ session, server, openedAt, usedAt }: Pooled): boolean {
    const now = this.#clock();
    if (session.isLost || now - usedAt > MAX_IDLE_MS) return true;
    return server !== this.#servers[0] && now - openedAt > SKIP_SERVER_MS;
  }

  #release(pooled: Pooled): void {
    pooled.usedAt = this.#clock();
    if (this.#isClosed || this.#isStale(pooled)) {
      this.#discard(pooled);
      this.#connectIfWanted();
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#idle.push(pooled);
    else waiter.take(pooled);
  }

  #discard({ session }: Pooled): void {
    this.#open -= 1;
    session.destroy();
  }

  #connectIfWanted(): void {
    if (this.#isConnecting || this.#waiters.length === 0 || this.#open >= this.#maxConnections) return;
    this.#isConnecting = true;
    void this.#connectForWaiters([...this.#waiters]);
  }

  /** Opens a connection and gives it to whoever is first; a failure is the answer to those who waited from the start. */
  async #connectForWaiters(waiting: readonly Waiter[]): Promise<void> {
    try {
      const pooled = await this.#connect();
      this.#open += 1;
      this.#isConnecting = false;
      this.#release(pooled);
    } catch (error) {
      this.#isConnecting = false;
      // As long as there are connections in use, one of them will be free.
      if (this.#open > 0) return;
      const failure = error instanceof SqlFailure ? error : new SqlFailure('unreachable', String(error));
      this.#waiters = this.#waiters.filter((waiter) => !waiting.includes(waiter));
      for (const waiter of waiting) waiter.fail(failure);
    }
    this.#connectIfWanted();
  }

  /** @throws {SqlFailure} with what each server said. */
  async #connect(): Promise<Pooled> {
    const reasons: string[] = [];
    let code = '';
    for (const server of this.#serversInTurn()) {
      // A server that does not let us in is what the next one is there for.
      try {
        const session = await server.connect();
        this.#failedAt.delete(server);
        const now = this.#clock();
        return { session, server, openedAt: now, usedAt: now };
      } catch (error) {
        this.#failedAt.set(server, this.#clock());
        reasons.push(`${server.name}: ${error instanceof Error ? error.message : error}`);
        if (error instanceof SqlFailure) code = error.code;
      }
    }
    throw new SqlFailure('unreachable', reasons.join('; '), code);
  }

  /** Those that failed a short while ago come last. */
  #serversInTurn(): readonly SqlServer[] {
    const now = this.#clock();
    const isDown = (server: SqlServer): boolean => {
      const failedAt = this.#failedAt.get(server);
      return failedAt !== undefined && now - failedAt < SKIP_SERVER_MS;
    };
    return [...this.#servers.filter((each) => !isDown(each)), ...this.#servers.filter(isDown)];
  }
}

function render(statement: SqlStatement, { quoting }: SqlSession): { text: string; values?: readonly string[] } {
  if (statement.kind === 'parameters') return { text: statement.text, values: statement.values };
  const text = fillClause(statement.clause, statement.macros, quoting);
  if (text !== undefined) return { text };
  const [problem] = clauseProblems(statement.clause, quoting);
  throw new SqlFailure('refused', `the clause ${problem ?? 'cannot be used for a service of this name'}`);
}

function closed(): SqlFailure {
  return new SqlFailure('unreachable', 'the settings have changed');
}
