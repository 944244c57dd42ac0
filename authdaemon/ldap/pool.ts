/**
 * ConnectionPool: a bounded number of connections, each lent to one request at a time.
 *
 * LDAP could carry many requests on one connection; but a slow one that is given up takes its connection with it, and
 * then only itself.
 */
import type { LdapConnection } from './connection.js';
import { LdapFailure, RESULT } from './ldap-failure.js';

/** Servers and firewalls forget connections that nobody uses; one this old is not tried any more. */
const MAX_IDLE_MS = 300_000;

interface Idle {
  readonly connection: LdapConnection;
  readonly since: number;
}

/** Where a pool gets its connections. */
export interface ConnectionSource {
  /** @throws {LdapFailure} */
  open(): Promise<LdapConnection>;
  /** This server cannot answer now. Is there another? */
  avoid(connection: LdapConnection): boolean;
}

/** Connections of one kind. */
export class ConnectionPool {
  readonly #source: ConnectionSource;
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #idle: Idle[] = [];
  #closed = false;

  constructor(source: ConnectionSource, atMost: number) {
    this.#source = source;
    this.#free = atMost;
  }

  /**
   * Does something with a connection that nobody else has meanwhile; once more with a fresh one when an idle one turns
   * out to have been closed, or this server cannot answer and there is another.
   *
   * @throws {LdapFailure}
   */
  async use<Answer>(task: (connection: LdapConnection) => Promise<Answer>): Promise<Answer> {
    await this.#takeTurn();
    // Nothing to answer here: the turn must be given back.
    try {
      const idle = this.#takeIdle();
      return await this.#attempt(idle ?? (await this.#source.open()), task, {
        wasIdle: idle !== undefined,
        isLast: false,
      });
    } finally {
      this.#releaseTurn();
    }
  }

  /** Closes what is not in use now. */
  closeIdle(): void {
    for (const { connection } of this.#idle) connection.close();
    this.#idle = [];
  }

  /** Lets no connection outlive its request. */
  close(): void {
    this.#closed = true;
    this.closeIdle();
  }

  async #attempt<Answer>(
    connection: LdapConnection,
    task: (connection: LdapConnection) => Promise<Answer>,
    attempt: { readonly wasIdle: boolean; readonly isLast: boolean },
  ): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await task(connection);
    } catch (error) {
      if (!this.#mayTryAgain(connection, error, attempt.wasIdle) || attempt.isLast) throw error;
      return this.#attempt(await this.#source.open(), task, { wasIdle: false, isLast: true });
    }
    this.#giveBack(connection);
    return answer;
  }

  /** Keeps a connection that has only said no, and ends others; tells whether a fresh one may do better. */
  #mayTryAgain(connection: LdapConnection, error: unknown, wasIdle: boolean): boolean {
    const failure = error instanceof LdapFailure ? error : undefined;
    const overloaded = failure?.code === RESULT.busy || failure?.code === RESULT.unavailable;
    if (failure?.kind === 'result' && !overloaded) {
      this.#giveBack(connection);
      return false;
    }
    connection.close();
    // The others have been idle even longer, to a server that has gone or on a path that is dead.
    this.closeIdle();
    if (failure?.kind === 'lost') return wasIdle;
    return failure !== undefined && this.#source.avoid(connection);
  }

  #takeIdle(): LdapConnection | undefined {
    const oldest = performance.now() - MAX_IDLE_MS;
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.connection.closed && idle.since > oldest) return idle.connection;
      idle.connection.close();
    }
    return undefined;
  }

  #giveBack(connection: LdapConnection): void {
    if (this.#closed) connection.close();
    else if (!connection.closed) this.#idle.push({ connection, since: performance.now() });
  }

  async #takeTurn(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #releaseTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
