/**
 * MESSAGELIMIT and SAVELIMIT: how many messages one command may be about, where the site sets a limit (RFC 9738).
 *
 * Of what a command names, the messages with the highest UIDs are taken, and the client is told where to go on. Commands
 * that must do all or nothing are refused. It wraps the doing half of a command, which knows nothing of it.
 */
import { DELETED } from '../../maildir/flags.js';
import type { Span } from '../../maildir/spans.js';
import { CommandFailure, type Completion } from '../completion.js';
import type { Session } from '../session/session.js';
import type { FetchModifiers } from '../wire/fetch-modifiers.js';
import { encodeUntagged } from '../wire/responses.js';
import type { SearchKey } from '../wire/search-keys.js';
import type { SequenceSet, SetRange } from '../wire/sequence-set.js';
import type { SelectedMailbox } from './selected-mailbox.js';

type Run<Arguments> = (session: Session, args: Arguments) => Promise<Completion>;

/** Arguments that name messages. */
interface NamedMessages {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly modifiers?: FetchModifiers;
}

/** Arguments that look for messages. */
interface Looking {
  readonly program: { readonly key: SearchKey };
}

const HIGHEST_UID = 0xff_ff_ff_ff;

/** FETCH, STORE and MOVE: done for as many as are allowed. A piece that the client has chosen itself must be one. */
export function limited<Arguments extends NamedMessages>(run: Run<Arguments>): Run<Arguments> {
  return async (session, args) => {
    const limit = session.settings.messageLimit;
    if (limit === undefined) return run(session, args);
    const { partial } = args.modifiers ?? {};
    if (partial !== undefined) {
      if (partial.last - partial.first >= limit) throw tooMany(limit);
      return run(session, args);
    }
    const mailbox = session.selected;
    const rows = mailbox.pickRows(args.messages, args.by);
    const first = firstAllowed(rows, limit);
    if (first === undefined) return run(session, args);
    const messages = setOf(mailbox, rowsFrom(rows, first), args.by);
    return tellLimit(session, await run(session, { ...args, messages }), mailbox.uidOf(first + 1));
  };
}

/** COPY: all or none. */
export function refused<Arguments extends NamedMessages>(run: Run<Arguments>): Run<Arguments> {
  return (session, args) => {
    const limit = session.settings.messageLimit ?? session.settings.saveLimit;
    if (limit === undefined) return run(session, args);
    const mailbox = session.selected;
    const first = firstAllowed(mailbox.pickRows(args.messages, args.by), limit);
    if (first !== undefined) throw tooMany(limit, mailbox.uidOf(first + 1));
    return run(session, args);
  };
}

/** UID EXPUNGE, of which only what is marked \Deleted counts. EXPUNGE has no limit. */
export function limitedExpunge<Arguments extends { readonly uids: SequenceSet | undefined }>(
  run: Run<Arguments>,
): Run<Arguments> {
  return async (session, args) => {
    const limit = session.settings.messageLimit;
    if (limit === undefined || args.uids === undefined) return run(session, args);
    const mailbox = session.selected;
    const rows = mailbox.pickRows(args.uids, 'uid');
    const first = firstAllowed(rows, limit, (row) => isDeleted(mailbox, row));
    if (first === undefined) return run(session, args);
    const uids = setOf(mailbox, rowsFrom(rows, first), 'uid');
    return tellLimit(session, await run(session, { ...args, uids }), mailbox.uidOf(first + 1));
  };
}

/** SEARCH: of the messages that are asked, not of those that are found. */
export function limitedSearch<Arguments extends Looking>(run: Run<Arguments>): Run<Arguments> {
  return async (session, args) => {
    const limit = session.settings.messageLimit;
    const mailbox = session.selected;
    const first = limit === undefined ? undefined : firstAllowed(askedRows(mailbox, args.program.key), limit);
    if (first === undefined) return run(session, args);
    const lowest = mailbox.uidOf(first + 1);
    const within: SearchKey = { kind: 'uid', set: [{ first: lowest, last: HIGHEST_UID }] };
    const key: SearchKey = { kind: 'and', keys: [args.program.key, within] };
    return tellLimit(session, await run(session, { ...args, program: { ...args.program, key } }), lowest);
  };
}

/** SORT and THREAD: a part of the messages in order is not a part of the order of all. */
export function refusedSearch<Arguments extends Looking>(run: Run<Arguments>): Run<Arguments> {
  return (session, args) => {
    const limit = session.settings.messageLimit;
    if (limit !== undefined && firstAllowed(askedRows(session.selected, args.program.key), limit) !== undefined) {
      throw tooMany(limit);
    }
    return run(session, args);
  };
}

/** Makes the refusal of a command that is about too many. */
export function tooMany(limit: number, lowest?: number): CommandFailure {
  const code = `MESSAGELIMIT ${limit}${lowest === undefined ? '' : ` ${lowest}`}`;
  return new CommandFailure(`No more than ${limit} messages at once.`, code);
}

/** The code stands in the OK, or where that has another one, in a line of its own. */
function tellLimit(session: Session, completion: Completion, lowest: number): Completion {
  const code = `MESSAGELIMIT ${session.settings.messageLimit ?? 0} ${lowest}`;
  if (completion.status === 'OK' && completion.code === undefined) return { ...completion, code };
  session.write(encodeUntagged({ status: 'NO', code, text: 'There are more messages.' }));
  return completion;
}

/** The lowest row that is still allowed, counted from the highest; undefined if all are. */
function firstAllowed(
  rows: readonly Span[],
  limit: number,
  counts: (row: number) => boolean = () => true,
): number | undefined {
  let taken = 0;
  let lowest: number | undefined;
  for (const [first, last] of rows.toReversed()) {
    for (let row = last; row >= first; row -= 1) {
      if (!counts(row)) continue;
      if (taken === limit) return lowest;
      taken += 1;
      lowest = row;
    }
  }
  return undefined;
}

function rowsFrom(rows: readonly Span[], lowest: number): Span[] {
  return rows.flatMap(([first, last]): Span[] => (last < lowest ? [] : [[Math.max(first, lowest), last]]));
}

function setOf(mailbox: SelectedMailbox, rows: readonly Span[], by: NamedMessages['by']): SetRange[] {
  const numberOf = (row: number): number => (by === 'uid' ? mailbox.uidOf(row + 1) : row + 1);
  return rows.map(([first, last]) => ({ first: numberOf(first), last: numberOf(last) }));
}

function isDeleted({ folder, view }: SelectedMailbox, row: number): boolean {
  const current = folder.table.rowOf(view.uidAt(row));
  return current >= 0 && (folder.flagsAt(current) & DELETED) !== 0;
}

/** The messages that a search must look at: those that all its keys allow by their numbers. */
function askedRows(mailbox: SelectedMailbox, key: SearchKey): readonly Span[] {
  if (key.kind === 'and') {
    return key.keys.map((each) => askedRows(mailbox, each)).reduce((some, others) => common(some, others));
  }
  const all: readonly Span[] = mailbox.count === 0 ? [] : [[0, mailbox.count - 1]];
  if (key.kind === 'uid') return mailbox.pickRows(key.set, 'uid');
  if (key.kind !== 'sequence set' || mailbox.uidsOnly) return all;
  if (key.set === '$') return mailbox.pickRows(key.set, 'sequence number');
  // A number that no message has is no mistake here.
  const { count } = mailbox;
  const existing = key.set.filter(({ first, last }) => first === '*' || last === '*' || Math.max(first, last) <= count);
  return existing.length < key.set.length ? all : mailbox.pickRows(existing, 'sequence number');
}

function common(some: readonly Span[], others: readonly Span[]): Span[] {
  const both: Span[] = [];
  for (let one = 0, other = 0; one < some.length && other < others.length; ) {
    const [first, last] = some[one] ?? [0, -1];
    const [otherFirst, otherLast] = others[other] ?? [0, -1];
    const from = Math.max(first, otherFirst);
    const to = Math.min(last, otherLast);
    if (from <= to) both.push([from, to]);
    if (last < otherLast) one += 1;
    else other += 1;
  }
  return both;
}
