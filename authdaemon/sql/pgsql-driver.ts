/**
 * PostgreSQL through pg.
 *
 * Sessions speak UTF-8 and give every column as the text the server writes. Lists of accounts come through a cursor.
 */
import { Client, type ClientConfig, Query } from 'pg';
import type { SqlQuoting } from './clause.js';
import { withDeadline } from './deadline.js';
import { MAX_STRAY_ROWS, type SqlPatience, STREAM_ROWS } from './limits.js';
import type { PgsqlAddress, PgsqlSettings, SslMode } from './pgsql-settings.js';
import { SqlFailure, type SqlResult, type SqlRow, type SqlServer, type SqlSession } from './sql-database.js';
import { readTlsFiles } from './tls-files.js';

/** Texts as they come. */
const TEXT_ONLY = { getTypeParser: () => (text: string) => text };
/** The server ends a statement that we no longer wait for. */
const prepareSession = (milliseconds: number): string =>
  `SELECT set_config('statement_timeout', '${milliseconds}', false), current_setting('standard_conforming_strings')`;

/** What is tried for each mode, in this order; `checked` says how far the server's certificate is. */
type Attempt = 'plain' | 'tls' | 'chain checked' | 'name checked';
const attemptsByMode: Readonly<Record<SslMode, readonly Attempt[]>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
  require: ['tls'],
  'verify-ca': ['chain checked'],
  'verify-full': ['name checked'],
};

/** The servers of the settings, in their order. */
export function pgsqlServers(settings: PgsqlSettings, patience: SqlPatience): SqlServer[] {
  return settings.addresses.map((address) => ({
    name: `${address.certifiedName ?? address.host}:${address.port}`,
    connect: () => connect(settings, address, patience),
  }));
}

async function connect(settings: PgsqlSettings, address: PgsqlAddress, patience: SqlPatience): Promise<SqlSession> {
  // A socket on this machine has no use for TLS.
  const attempts = address.host.startsWith('/') ? (['plain'] as const) : attemptsByMode[settings.sslMode];
  let failure: SqlFailure | undefined;
  for (const attempt of attempts) {
    // The second way is there for when the first one is not taken by the server; for one that is not there, it is none.
    try {
      return await connectOnce(clientConfig(settings, address, attempt), patience);
    } catch (error) {
      failure = failureOf(error as Error, 'unreachable');
      if (/^(E[A-Z]+|slow)$/.test(failure.code)) break;
    }
  }
  throw failure ?? new SqlFailure('unreachable', 'no way to connect');
}

async function connectOnce(config: ClientConfig, patience: SqlPatience): Promise<SqlSession> {
  const session = new PgsqlSession(new Client(config), patience);
  // Whatever goes wrong before the session can be used leaves nothing open.
  try {
    await withDeadline(session.open(), patience.connectMs, () => {
      return new SqlFailure('unreachable', `no answer within ${patience.connectMs} ms`, 'slow');
    });
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

function clientConfig(settings: PgsqlSettings, address: PgsqlAddress, attempt: Attempt): ClientConfig {
  const { user, password, database, options, applicationName } = settings;
  return {
    host: address.host,
    port: address.port,
    user,
    database,
    application_name: applicationName,
    keepAlive: true,
    ssl: attempt === 'plain' ? false : tlsOptions(settings, address, attempt),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(options === undefined ? {} : { options }),
  };
}

function tlsOptions({ tls }: PgsqlSettings, { certifiedName }: PgsqlAddress, attempt: Attempt) {
  return {
    ...readTlsFiles(tls),
    rejectUnauthorized: attempt !== 'tls',
    ...(certifiedName === undefined ? {} : { servername: certifiedName }),
    ...(attempt === 'name checked' ? {} : { checkServerIdentity: () => undefined }),
  };
}

class PgsqlSession implements SqlSession {
  readonly #client: Client;
  readonly #patience: SqlPatience;
  #quoting: SqlQuoting = { language: 'pgsql', backslashEscapes: false, doubleQuotedStrings: false };
  #isLost = false;

  constructor(client: Client, patience: SqlPatience) {
    this.#client = client;
    this.#patience = patience;
    const lost = (): void => {
      this.#isLost = true;
    };
    client.on('error', lost);
    client.on('end', lost);
  }

  get quoting(): SqlQuoting {
    return this.#quoting;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Connects, sets the limit of the session, and learns how it reads quotes. */
  async open(): Promise<void> {
    await this.#client.connect();
    const { rows } = await this.#run(prepareSession(this.#patience.queryMs), undefined);
    this.#quoting = { language: 'pgsql', backslashEscapes: rows[0]?.[1] === 'off', doubleQuotedStrings: false };
  }

  async query(text: string, values?: readonly string[]): Promise<SqlResult> {
    return this.#inTime(this.#run(text, values));
  }

  async *stream(text: string, values: readonly string[] = []): AsyncIterable<readonly SqlRow[]> {
    await this.query('BEGIN');
    await this.query(`DECLARE accounts NO SCROLL CURSOR FOR ${text}`, values);
    for (;;) {
      const piece = await this.#inTime(this.#all(`FETCH ${STREAM_ROWS} FROM accounts`));
      if (piece.length > 0) yield piece;
      if (piece.length < STREAM_ROWS) break;
    }
    await this.query('COMMIT');
  }

  destroy(): void {
    this.#isLost = true;
    // Says good-bye where that is possible, and does not wait for the other side.
    this.#client.end().catch(() => undefined);
    (this.#client as Client & { readonly connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, this.#patience.queryMs, () => {
      this.destroy();
      return new SqlFailure('slow', `no answer from the database within ${this.#patience.queryMs} ms`);
    });
  }

  async #all(text: string): Promise<SqlRow[]> {
    const rows: SqlRow[] = [];
    await this.#send(text, undefined, (row) => {
      rows.push(row);
      return false;
    });
    return rows;
  }

  async #run(text: string, values: readonly string[] | undefined): Promise<SqlResult> {
    const rows: SqlRow[] = [];
    let count = 0;
    const affected = await this.#send(text, values, (row) => {
      count += 1;
      if (rows.length < 2) rows.push(row);
      // The clause names a whole table; there is no sense in reading it to its end.
      if (count === MAX_STRAY_ROWS) this.destroy();
      return count === MAX_STRAY_ROWS;
    });
    return { rows, affected };
  }

  /** Runs a statement; `take` says whether it has had enough. */
  #send(text: string, values: readonly string[] | undefined, take: (row: SqlRow) => boolean) {
    return new Promise<number>((resolve, reject) => {
      if (this.#isLost) {
        reject(new SqlFailure('lost', 'the connection was closed'));
        return;
      }
      const config = { text, values: [...(values ?? [])], rowMode: 'array', types: TEXT_ONLY };
      const query = new Query<(string | null)[]>(config);
      query.on('row', (row) => {
        if (take(row.map((cell) => cell ?? undefined))) resolve(0);
      });
      query.on('error', (error) => reject(failureOf(error, 'refused')));
      query.on('end', (result) => {
        const results = [result].flat();
        resolve(results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0));
      });
      this.#client.query(query);
    });
  }
}

/** The driver's errors: those that end the connection, and those of a server that ends it. */
function failureOf(error: Error, kind: 'refused' | 'unreachable'): SqlFailure {
  if (error instanceof SqlFailure) return error;
  const { code = '', severity } = error as Error & { code?: string; severity?: string };
  const isLost = severity === 'FATAL' || severity === 'PANIC' || code === '' || /^E[A-Z]+$/.test(code);
  return new SqlFailure(kind === 'refused' && isLost ? 'lost' : kind, error.message || code, code);
}
