/**
 * Brings a client up to date that knows a mailbox from an earlier session: VANISHED (EARLIER) names the messages that are
 * gone, FETCH responses tell flags that changed (RFC 7162 section 3.2). For SELECT and UID FETCH.
 */
import { firstRowFrom, type MessageTable } from '../../maildir/message-table.js';
import { joinedSpans, type Span } from '../../maildir/spans.js';
import type { Session } from '../session/session.js';
import type { ResyncParameters } from '../wire/select-parameters.js';
import type { SequenceSet } from '../wire/sequence-set.js';

const ALL_UIDS: SequenceSet = [{ first: 1, last: '*' }];

/** Tells what happened since the client was here. The mailbox is selected, and its mod-sequences are kept. */
export async function resynchronise(session: Session, parameters: ResyncParameters): Promise<void> {
  const mailbox = session.selected;
  const known = parameters.knownUids ?? ALL_UIDS;
  const since = credible(session, parameters.modSequence);
  tellVanished(session, { since, uids: known, above: lastMatch(session, parameters.matches) });
  for (const [first, last] of mailbox.pickRows(known, 'uid')) {
    for (let row = first; row <= last; row += 1) {
      const current = mailbox.currentRow(row);
      const changed = current >= 0 && (mailbox.folder.sequences.kept?.at(current) ?? 0) > since;
      const line = changed ? mailbox.flagsLineAt(row, 'uid') : undefined;
      if (line !== undefined) session.write(Buffer.from(line));
      if (session.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
  }
}

/** A number that nobody can have been told means that everything must be told. */
export function credible(session: Session, modSequence: number): number {
  return session.selected.folder.sequences.kept?.isCredible(modSequence) === true ? modSequence : 0;
}

/** Which of the messages that are gone are told. */
export interface VanishedQuestion {
  readonly since: number;
  readonly uids: SequenceSet;
  /** Up to this UID the client surely knows what there is. */
  readonly above?: number;
}

/** `* VANISHED (EARLIER) 41,43:116`, if there are any. */
export function tellVanished(session: Session, { since, uids, above = 0 }: VanishedQuestion): void {
  if (uids === '$') return;
  const { folder, view, count } = session.selected;
  const lastUid = folder.uidNext - 1;
  const gone = folder.sequences.kept?.goneAfter(since) ?? [[above + 1, lastUid] as const];
  const wanted = uids.map(({ first, last }): Span => {
    const [one, other] = [first === '*' ? lastUid : first, last === '*' ? lastUid : last];
    return [Math.min(one, other), Math.max(one, other)];
  });
  const absent = without(without(common(gone, wanted), folder.table, folder.table.count), view, count);
  if (absent.length === 0) return;
  const set = absent.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
  session.write(Buffer.from(`* VANISHED (EARLIER) ${set}\r\n`));
}

/** What two lists of spans have in common, ascending. */
function common(some: readonly Span[], others: readonly Span[]): Span[] {
  const [left, right] = [joinedSpans(some), joinedSpans(others)];
  const result: Span[] = [];
  for (let at = 0, to = 0; at < left.length && to < right.length; ) {
    const [one, other] = [left[at] ?? [0, 0], right[to] ?? [0, 0]];
    const [first, last] = [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
    if (first <= last) result.push([first, last]);
    if (one[1] < other[1]) at += 1;
    else to += 1;
  }
  return result;
}

/** The spans without the UIDs of a table's first `count` rows. */
function without(spans: readonly Span[], table: MessageTable, count: number): Span[] {
  const result: Span[] = [];
  for (const [first, last] of spans) {
    let next = first;
    for (let row = firstRowFrom(table, first); row < count; row += 1) {
      const uid = table.uidAt(row);
      if (uid > last) break;
      if (uid > next) result.push([next, uid - 1]);
      next = uid + 1;
    }
    if (next <= last) result.push([next, last]);
  }
  return result;
}

/** The highest UID that has the sequence number it had: no message below it has left. 0 if there is none. */
function lastMatch(session: Session, matches: ResyncParameters['matches']): number {
  if (matches === undefined) return 0;
  const mailbox = session.selected;
  const [numbers, uids] = [numbersOf(matches.sequenceNumbers), numbersOf(matches.uids)];
  let matched = 0;
  for (;;) {
    const [number, uid] = [numbers.next(), uids.next()];
    if (number.done === true || uid.done === true || number.value > mailbox.count) return matched;
    if (mailbox.uidOf(number.value) !== uid.value) return matched;
    matched = uid.value;
  }
}

function* numbersOf(set: SequenceSet): Generator<number, void> {
  if (set === '$') return;
  for (const { first, last } of set) {
    if (first === '*' || last === '*') return;
    for (let number = first; number <= last; number += 1) yield number;
  }
}
