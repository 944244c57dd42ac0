/**
 * How long a database may take, and how much of its answers is read.
 */

/** How long a driver waits, in milliseconds. */
export interface SqlPatience {
  /** For one server to let us in. */
  readonly connectMs: number;
  /** For a statement about one account, and for the next piece of the list of accounts. */
  readonly queryMs: number;
}

/** Whoever asks authdaemond waits for 30 seconds: all servers of a list, tried in turn, and a statement fit into that. */
export const SQL_PATIENCE: SqlPatience = { connectMs: 4000, queryMs: 10_000 };
/** For the whole list, as fast as its reader takes it. */
export const ENUMERATE_TIMEOUT_MS = 600_000;
/** Rows of the list that are in memory at once. */
export const STREAM_ROWS = 200;
/** Where one row is wanted, more than this are not read: the connection is given up in the middle of them. */
export const MAX_STRAY_ROWS = 100;
