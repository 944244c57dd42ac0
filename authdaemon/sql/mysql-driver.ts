/**
 * MariaDB and MySQL through mysql2.
 *
 * The session speaks utf8mb4 and gives everything as text. No code is made of column names: a clause may have the
 * client's words in them.
 */
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import { textFromOctets } from '../octet-text.js';
import type { SqlQuoting } from './clause.js';
import { withDeadline } from './deadline.js';
import { ENUMERATE_TIMEOUT_MS, MAX_STRAY_ROWS, type SqlPatience, STREAM_ROWS } from './limits.js';
import type { MysqlAddress, MysqlSettings } from './mysql-settings.js';
import { SqlFailure, type SqlResult, type SqlRow, type SqlServer, type SqlSession } from './sql-database.js';
import { isThere, readTlsFiles } from './tls-files.js';

/** A few statements of ours; the driver would keep 16,000. */
const MAX_PREPARED_STATEMENTS = 16;
/** The server's own limits end a statement that we no longer wait for: MariaDB's in seconds, MySQL's in milliseconds. */
const PREPARE_SESSION = (milliseconds: number): string =>
  `SET SESSION net_write_timeout = ${Math.ceil(milliseconds / 1000)}` +
  ` /*M!100101 , SESSION max_statement_time = ${milliseconds / 1000} */` +
  ` /*!50708 , SESSION max_execution_time = ${milliseconds} */`;

/** The connection has ended, or has forgotten what it had prepared. */
const LOST =
  /^(ECONN|EPIPE|PROTOCOL_CONNECTION_LOST|ER_(SERVER_SHUTDOWN|CONNECTION_KILLED|NEED_REPREPARE|UNKNOWN_STMT_HANDLER))/;

/** The servers of the settings, in their order. */
export function mysqlServers(settings: MysqlSettings, patience: SqlPatience): SqlServer[] {
  return settings.addresses.map((address) => ({
    name: 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`,
    connect: () => connect(settings, address, patience),
  }));
}

async function connect(settings: MysqlSettings, address: MysqlAddress, patience: SqlPatience): Promise<SqlSession> {
  const connection = createConnection({ ...connectionOptions(settings, address), connectTimeout: patience.connectMs });
  const session = new MysqlSession(connection, patience);
  // Whatever goes wrong before the session can be used leaves nothing open.
  try {
    await withDeadline(
      session.open(),
      patience.connectMs,
      () => new Error(`no answer within ${patience.connectMs} ms`),
    );
    return session;
  } catch (error) {
    session.destroy();
    throw failureOf(error as Error, 'unreachable');
  }
}

function connectionOptions(settings: MysqlSettings, address: MysqlAddress): ConnectionOptions {
  const { tls } = settings;
  const material = tls === undefined ? undefined : readTlsFiles(tls);
  const ssl =
    material === undefined
      ? undefined
      : // As Courier: the chain is checked, the name in the certificate is not.
        { ...material, rejectUnauthorized: true, ...(tls?.ciphers === undefined ? {} : { ciphers: tls.ciphers }) };
  return {
    ...placeOf(address),
    user: settings.user,
    password: settings.password.reveal(),
    database: settings.database,
    charset: 'utf8mb4',
    // LOCAL_FILES would let the server read our files; the others change what SQL means.
    flags: ['-LOCAL_FILES', '-ODBC', '-IGNORE_SPACE', ...settings.flags],
    rowsAsArray: true,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    jsonStrings: true,
    disableEval: true,
    enableKeepAlive: true,
    maxPreparedStatements: MAX_PREPARED_STATEMENTS,
    ...(ssl === undefined ? {} : { ssl: ssl as NonNullable<ConnectionOptions['ssl']> }),
  };
}

function placeOf(address: MysqlAddress): { socketPath: string } | { host: string; port: number } {
  if (!('socketPath' in address)) return address;
  return address.otherwise === undefined || isThere(address.socketPath)
    ? { socketPath: address.socketPath }
    : address.otherwise;
}

class MysqlSession implements SqlSession {
  readonly #connection: Connection;
  readonly #patience: SqlPatience;
  #quoting: SqlQuoting = { language: 'mysql', backslashEscapes: true, doubleQuotedStrings: true };
  #isLost = false;
  /** Told when the connection breaks: the driver does not tell the statement under way. */
  #interrupt: ((error: Error) => void) | undefined;

  constructor(connection: Connection, patience: SqlPatience) {
    this.#connection = connection;
    this.#patience = patience;
    const lost = (error?: Error): void => {
      this.#isLost = true;
      this.#interrupt?.(new SqlFailure('lost', error?.message ?? 'the server closed the connection'));
    };
    connection.on('error', lost);
    connection.on('end', () => lost());
  }

  get quoting(): SqlQuoting {
    return this.#quoting;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Connects, sets the limits of the session, and learns how it reads quotes. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#connection.connect((error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
    await this.query(PREPARE_SESSION(this.#patience.queryMs));
    const { rows } = await this.query('SELECT @@SESSION.sql_mode');
    const modes = (rows[0]?.[0] ?? '').split(',');
    this.#quoting = {
      language: 'mysql',
      backslashEscapes: !modes.includes('NO_BACKSLASH_ESCAPES'),
      doubleQuotedStrings: !modes.includes('ANSI_QUOTES'),
    };
  }

  async query(text: string, values?: readonly string[]): Promise<SqlResult> {
    return this.#inTime(this.#run(text, values));
  }

  async *stream(text: string, values?: readonly string[]): AsyncIterable<readonly SqlRow[]> {
    await this.query(PREPARE_SESSION(ENUMERATE_TIMEOUT_MS));
    const stream = this.#connection
      .query({ sql: text, values: [...(values ?? [])] })
      .stream({ highWaterMark: STREAM_ROWS });
    this.#interrupt = (error) => stream.destroy(error);
    const pieces = stream[Symbol.asyncIterator]();
    let batch: SqlRow[] = [];
    // The driver's errors are not ours.
    try {
      for (;;) {
        const next = await this.#inTime(pieces.next());
        if (next.done === true) break;
        if (!Array.isArray(next.value)) continue;
        batch.push(textRow(next.value));
        if (batch.length < STREAM_ROWS) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
      await this.query(PREPARE_SESSION(this.#patience.queryMs));
    } catch (error) {
      throw failureOf(error as Error, 'refused');
    }
  }

  destroy(): void {
    this.#isLost = true;
    this.#connection.destroy();
    // destroy() says good-bye and waits for the other side, which may never answer.
    (this.#connection as Connection & { readonly stream?: { destroy(): void } }).stream?.destroy();
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return withDeadline(work, this.#patience.queryMs, () => {
      this.destroy();
      return new SqlFailure('slow', `no answer from the database within ${this.#patience.queryMs} ms`);
    });
  }

  #run(text: string, values: readonly string[] | undefined): Promise<SqlResult> {
    return new Promise((resolve, reject) => {
      if (this.#isLost) {
        reject(new SqlFailure('lost', 'the connection was closed'));
        return;
      }
      const rows: SqlRow[] = [];
      let count = 0;
      let affected = 0;
      let failure: Error | undefined;
      this.#interrupt = reject;
      const command =
        values === undefined
          ? this.#connection.query({ sql: text })
          : this.#connection.execute({ sql: text, values: [...values] });
      command.on('result', (result: unknown) => {
        if (!Array.isArray(result)) {
          affected += (result as { affectedRows?: number } | null)?.affectedRows ?? 0;
          return;
        }
        count += 1;
        if (rows.length < 2) rows.push(textRow(result));
        // The clause names a whole table; there is no sense in reading it to its end.
        if (count === MAX_STRAY_ROWS) {
          this.destroy();
          resolve({ rows, affected });
        }
      });
      command.on('error', (error: Error) => {
        failure = error;
        reject(failureOf(error, 'refused'));
      });
      command.on('end', () => {
        if (failure === undefined) resolve({ rows, affected });
      });
    });
  }
}

function textRow(row: readonly unknown[]): SqlRow {
  return row.map((cell) => {
    if (cell === null || cell === undefined) return undefined;
    return Buffer.isBuffer(cell) ? textFromOctets(cell) : String(cell);
  });
}

/** The driver's errors: those that end the connection are marked; a server that is going down says so by its code. */
function failureOf(error: Error, kind: 'refused' | 'unreachable'): SqlFailure {
  if (error instanceof SqlFailure) return error;
  const { code = '', fatal } = error as Error & { code?: string; fatal?: boolean };
  const isLost = fatal === true || LOST.test(code);
  return new SqlFailure(kind === 'refused' && isLost ? 'lost' : kind, error.message || code, code);
}
