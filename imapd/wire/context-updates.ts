/**
 * What a client with a search that is kept up to date is told: ADDTO and REMOVEFROM (RFC 5267 section 4.3), and how it
 * ends such a search.
 */
import type { Cursor } from './cursor.js';
import { Encoder } from './encoder.js';
import { encodeSet } from './sequence-set.js';

/** A change of a search's result. */
export interface ContextUpdate {
  /** Of the command that searched. */
  readonly tag: string;
  /** The numbers are UIDs. */
  readonly uid: boolean;
  readonly kind: 'ADDTO' | 'REMOVEFROM';
  readonly numbers: readonly number[];
  /** The place of each in the order of SORT, counted from 1; without them the result is in the order of the mailbox. */
  readonly positions?: readonly number[];
}

/** `* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)`, in steps. */
export function* encodeContextUpdate(update: ContextUpdate): Generator<void, Buffer, void> {
  const { tag, uid, kind, numbers, positions } = update;
  const line = new Encoder().atom('* ESEARCH (TAG ').quoted(tag).atom(')');
  if (uid) line.atom(' UID');
  line.sp().atom(kind).atom(' (');
  if (positions === undefined) line.atom('0 ').raw(yield* encodeSet(numbers));
  for (let at = 0; positions !== undefined && at < numbers.length; at += 1) {
    if (at > 0) line.sp();
    line
      .number(positions[at] ?? 0)
      .sp()
      .number(numbers[at] ?? 0);
  }
  return line.atom(')').crlf();
}

/** More tags than a session has searches that are kept up to date make no sense. */
const MAX_TAGS = 100;

/** `cancelupdate-cmd = "CANCELUPDATE" 1*(SP quoted)` */
export function parseCancelUpdate(cursor: Cursor): string[] {
  const tags: string[] = [];
  do {
    cursor.sp();
    tags.push(cursor.string().toString('latin1'));
  } while (!cursor.atEnd && tags.length < MAX_TAGS);
  cursor.end();
  return tags;
}
