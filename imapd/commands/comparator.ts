/**
 * COMPARATOR: how texts are compared (RFC 5255 section 4.7). There is one comparator, which suits every language.
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';

const UNICODE_CASEMAP = 'i;unicode-casemap';

/** No client knows so many. */
const MAX_COMPARATORS = 100;

/** `comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)` */
export function parseComparator(cursor: Cursor): readonly string[] {
  const wanted: string[] = [];
  while (cursor.spaceBeforeMore() && wanted.length < MAX_COMPARATORS) {
    cursor.sp();
    wanted.push(cursor.astring().toString('latin1'));
  }
  cursor.end();
  return wanted;
}

/** Tells the comparator, and whether it is among those that the client would have. */
export function comparator(session: Session, wanted: readonly string[]): Promise<Completion> {
  if (wanted.length > 0 && !wanted.some(isOurs)) {
    throw new CommandFailure('No such comparator.', 'BADCOMPARATOR');
  }
  session.write(Buffer.from(`* COMPARATOR ${UNICODE_CASEMAP}\r\n`));
  return Promise.resolve(ok('COMPARATOR completed.'));
}

/** A name in whatever case, with `*` for any part of it (RFC 4790 section 3.2). */
function isOurs(wanted: string): boolean {
  if (wanted === 'default') return true;
  const [first = '', ...others] = wanted.toLowerCase().split('*');
  if (others.length === 0) return first === UNICODE_CASEMAP;
  const last = others.pop() ?? '';
  if (!UNICODE_CASEMAP.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = UNICODE_CASEMAP.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return UNICODE_CASEMAP.length - last.length >= at && UNICODE_CASEMAP.endsWith(last);
}
