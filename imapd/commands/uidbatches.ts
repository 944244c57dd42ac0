/** UIDBATCHES: ranges of UIDs, from the newest messages on, each with so many messages (RFC 9978). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';
import { encodeUidBatches } from '../wire/responses.js';

/** RFC 9978 lets a server refuse batches that are smaller. */
const MIN_BATCH_MESSAGES = 500;

interface BatchesArguments {
  readonly size: number;
  /** Which of the batches, counted from 1; undefined for all. */
  readonly wanted: { readonly first: number; readonly last: number } | undefined;
  readonly tag: string;
}

/** `uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]` */
export function parseUidBatches(cursor: Cursor, { tag }: ReceivedCommand): BatchesArguments {
  cursor.sp();
  const size = cursor.nzNumber();
  if (!cursor.spaceBeforeMore()) {
    cursor.end();
    return { size, wanted: undefined, tag };
  }
  cursor.sp();
  const first = cursor.nzNumber();
  cursor.expect(':');
  const last = cursor.nzNumber();
  cursor.end();
  if (last < first) throw new SyntaxFailure('The first batch comes after the last one.');
  return { size, wanted: { first, last }, tag };
}

/** Ranges go from the highest UID down to 1 and leave none out, so that messages that have left make no difference. */
export async function uidBatches(session: Session, { size, wanted, tag }: BatchesArguments): Promise<Completion> {
  if (size < MIN_BATCH_MESSAGES) {
    throw new CommandFailure(`A batch has at least ${MIN_BATCH_MESSAGES} messages.`, 'TOOSMALL');
  }
  const mailbox = session.selected;
  const { count } = mailbox;
  const batches = Math.ceil(count / size);
  const ranges: { readonly high: number; readonly low: number }[] = [];
  for (let batch = wanted?.first ?? 1; batch <= Math.min(batches, wanted?.last ?? batches); batch += 1) {
    const newest = count - (batch - 1) * size;
    // A range ends where the one above it begins.
    const high = batch === 1 ? mailbox.uidOf(newest) : mailbox.uidOf(newest + 1) - 1;
    ranges.push({ high, low: batch === batches ? 1 : mailbox.uidOf(newest - size + 1) });
  }
  session.write(encodeUidBatches(tag, ranges));
  return ok('UIDBATCHES completed');
}
