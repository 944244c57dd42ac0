/**
 * Which rows of a view a set names, as ranges. Ranges are never expanded beyond the messages that exist.
 *
 * It knows a table and how many of its rows a client knows of.
 */
import { firstRowFrom, type MessageTable } from '../../maildir/message-table.js';
import type { Span } from '../../maildir/spans.js';
import { SyntaxFailure } from '../wire/failures.js';
import type { SequenceSet } from '../wire/sequence-set.js';

type NumberedSet = Exclude<SequenceSet, '$'>;

/** The rows of what a SEARCH saved; UIDs ascending. */
export function rowsSaved(uids: Iterable<number>, table: MessageTable, count: number): Span[] {
  const rows: [number, number][] = [];
  for (const uid of uids) {
    const row = table.rowOf(uid);
    const last = rows.at(-1);
    if (row < 0 || row >= count) continue;
    if (last !== undefined && last[1] === row - 1) last[1] = row;
    else rows.push([row, row]);
  }
  return rows;
}

/** @throws {SyntaxFailure} for numbers above `count`, except in a range that ends in `*` */
export function rowsOfSequenceNumbers(set: NumberedSet, count: number): Span[] {
  const rows: Span[] = [];
  for (const range of set) {
    const open = range.first === '*' || range.last === '*';
    const first = range.first === '*' ? count : range.first;
    const last = range.last === '*' ? count : range.last;
    const low = Math.min(first, last);
    const high = open ? count : Math.max(first, last);
    if (high > count) throw new SyntaxFailure(`There is no message ${high}.`);
    if (high > 0) rows.push([Math.min(low, high) - 1, high - 1]);
  }
  return rows;
}

/** UIDs that do not exist are passed over. */
export function rowsOfUids(set: NumberedSet, table: MessageTable, count: number): Span[] {
  if (count === 0) return [];
  const highest = table.uidAt(count - 1);
  const rows: Span[] = [];
  for (const range of set) {
    const first = range.first === '*' ? highest : range.first;
    const last = range.last === '*' ? highest : range.last;
    const low = Math.min(firstRowFrom(table, Math.min(first, last)), count);
    const high = Math.min(firstRowFrom(table, Math.max(first, last) + 1), count) - 1;
    if (low <= high) rows.push([low, high]);
  }
  return rows;
}
