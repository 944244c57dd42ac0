/**
 * When a message was put into its mailbox (RFC 8514): the time that its file's name begins with. Every program that
 * delivers names a file so, and a copy gets a name of its own.
 */
import type { Folder } from '../../maildir/folder.js';

/** Names of other shapes may begin with a number that is no time: these are times from 1985 to 2286. */
const TIME_IN_NAME = /^(\d{9,10})\./;
const EARLIEST_SECONDS = 473_385_600;

/** Milliseconds since 1970; undefined if the name tells no time. */
export function saveDate(folder: Folder, row: number): number | undefined {
  const seconds = Number(TIME_IN_NAME.exec(folder.uniqueNameAt(row))?.[1] ?? 0);
  return seconds < EARLIEST_SECONDS ? undefined : seconds * 1_000;
}
