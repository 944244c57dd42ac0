/**
 * SqlDatabase: a database as the accounts see it, and what a driver has to offer for it.
 *
 * Text in, text out: a row is a list of texts, whatever the columns' types are. Knows neither accounts nor a driver.
 */
import type { Macros, SqlQuoting } from './clause.js';

/** One row; undefined for NULL. */
export type SqlRow = readonly (string | undefined)[];

/** A statement with parameters, or a clause of the administrator's, whose macros each session escapes by its own rules. */
export type SqlStatement =
  | { readonly kind: 'parameters'; readonly text: string; readonly values: readonly string[] }
  | { readonly kind: 'clause'; readonly clause: string; readonly macros: Macros };

/** What a statement gave. */
export interface SqlResult {
  /** At most two: who asks for one row wants to know of a second one, not of a thousandth. */
  readonly rows: readonly SqlRow[];
  /** Rows that a change found. */
  readonly affected: number;
}

/**
 * `lost`: the connection is gone, another one may work. `unreachable`: there is none to be had. `refused`: the server
 * understood and said no. `slow`: no answer in time.
 */
export type SqlFailureKind = 'lost' | 'unreachable' | 'refused' | 'slow';

/** A statement or a connection came to nothing. The message is one line for the administrator. */
export class SqlFailure extends Error {
  readonly kind: SqlFailureKind;
  /** The server's code for it (ER_NO_SUCH_TABLE, 42P01), where it gave one. It holds nothing of the statement. */
  readonly code: string;

  constructor(kind: SqlFailureKind, message: string, code = '') {
    super(message.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, MAX_MESSAGE_CHARACTERS));
    this.kind = kind;
    this.code = code;
  }
}

/** Servers quote the statement in their messages, which may be long. */
const MAX_MESSAGE_CHARACTERS = 400;

/** A connection to a server. One statement at a time. */
export interface SqlSession {
  readonly quoting: SqlQuoting;
  /** The connection cannot be used any more. */
  readonly isLost: boolean;
  /** Runs a statement, with parameters when there are `values`. @throws {SqlFailure} */
  query(text: string, values?: readonly string[]): Promise<SqlResult>;
  /** Gives all rows of a statement, some at a time, no faster than they are taken. @throws {SqlFailure} */
  stream(text: string, values?: readonly string[]): AsyncIterable<readonly SqlRow[]>;
  /** Closes the connection, whatever it is doing. */
  destroy(): void;
}

/** One server of those that hold the accounts. */
export interface SqlServer {
  /** As the settings name it: `db1.example.com:3306`. */
  readonly name: string;
  /** Opens a connection. @throws {SqlFailure} */
  connect(): Promise<SqlSession>;
}

/** The accounts' database. */
export interface SqlDatabase {
  /** Runs a statement on a connection of its own. @throws {SqlFailure} */
  query(statement: SqlStatement): Promise<SqlResult>;
  /** Gives all rows of a statement. @throws {SqlFailure} */
  stream(statement: SqlStatement): AsyncIterable<readonly SqlRow[]>;
  /** Closes connections that nobody uses at the moment. */
  closeIdle(): void;
  /** Closes everything; statements under way are finished. */
  close(): void;
}
