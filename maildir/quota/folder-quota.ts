/**
 * What changes of a folder's messages cost, and paying for it: adding, moving, removing, and \Deleted, which takes a
 * message out of the count.
 *
 * A maildir without a quota costs one look at the disk where messages are added, and none where flags change that do not
 * count.
 */
import { changedFlags, DELETED, type FlagBits, type FlagChange } from '../flags.js';
import { UNKNOWN } from '../folder-rows.js';
import type { FolderState } from '../folder-state.js';
import { pathOfRow } from '../message-file.js';
import { isNothing, type MailAmount, NOTHING, negative, sum } from './quota-limits.js';

/** A message that a folder gets. */
export interface CostingMessage {
  readonly sizeOctets: number;
  readonly flags: FlagBits;
}

/** A message that a folder gets from another one. */
export interface MovingMessage extends CostingMessage {
  /** Its flags where it comes from; it may lose some on the way. */
  readonly formerFlags: FlagBits;
}

/** What these messages count in a folder. */
function amountIn(state: FolderState, messages: readonly CostingMessage[]): MailAmount {
  const { quota, name } = state.place;
  const counting = messages.filter(({ flags }) => quota.counts(name, flags));
  return { octets: counting.reduce((total, { sizeOctets }) => total + sizeOctets, 0), messages: counting.length };
}

/** Adds messages if there is room for them. @throws {MaildirError} 'over quota' */
export function spendOnNew<T>(
  target: FolderState,
  messages: readonly CostingMessage[],
  run: () => Promise<T>,
): Promise<T> {
  const { quota } = target.place;
  return quota.isSet ? quota.spend(amountIn(target, messages), run) : run();
}

/** Looks whether there would be room. Gives undefined where there is no limit. @throws {MaildirError} 'over quota' */
export function checkRoom(target: FolderState, messages: readonly CostingMessage[]): Promise<void> | undefined {
  const { quota } = target.place;
  return quota.isSet ? quota.check(amountIn(target, messages)) : undefined;
}

/** Moves messages between folders, of one maildir or of two. @throws {MaildirError} 'over quota' */
export async function spendOnMove<T>(
  source: FolderState,
  target: FolderState,
  { messages, run }: { readonly messages: readonly MovingMessage[]; readonly run: () => Promise<T> },
): Promise<T> {
  const former = messages.map(({ sizeOctets, formerFlags }) => ({ sizeOctets, flags: formerFlags }));
  const taken = negative(amountIn(source, former));
  if (source.place.quota !== target.place.quota) {
    const result = await spendOnNew(target, messages, run);
    source.place.quota.book(taken);
    return result;
  }
  const change = sum(amountIn(target, messages), taken);
  return isNothing(change) || !target.place.quota.isSet ? run() : target.place.quota.spend(change, run);
}

/** Changes flags of messages if there is room for those that count again. @throws {MaildirError} 'over quota' */
export function spendOnFlags<T>(
  state: FolderState,
  { uids, change }: { readonly uids: readonly number[]; readonly change: FlagChange },
  run: () => Promise<T>,
): Promise<T> {
  const cost = costOfFlags(state, uids, change);
  return isNothing(cost) ? run() : state.place.quota.spend(cost, run);
}

function costOfFlags(state: FolderState, uids: readonly number[], change: FlagChange): MailAmount {
  const { quota, name } = state.place;
  if (change.operation !== 'replace' && (change.flags & DELETED) === 0) return NOTHING;
  const matters = quota.counts(name, 0) && !quota.counts(name, DELETED);
  if (!matters || !quota.isSet) return NOTHING;
  let cost = NOTHING;
  for (const uid of new Set(uids)) {
    const row = state.rows.table.rowOf(uid);
    if (row < 0) continue;
    const before = state.rows.flagsAt(row);
    const turned = (before ^ changedFlags(before, change)) & DELETED;
    if (turned === 0) continue;
    const one = { octets: sizeOctetsOf(state, row), messages: 1 };
    cost = sum(cost, (before & DELETED) === 0 ? negative(one) : one);
  }
  return cost;
}

/** What messages that are about to be removed still count, by UID; undefined when nobody needs to know. */
export function countedMessages(state: FolderState, uids: readonly number[]): Map<number, number> | undefined {
  const { quota, name } = state.place;
  const { rows } = state;
  const counting = uids.filter((uid) => quota.counts(name, rows.flagsAt(rows.table.rowOf(uid))));
  if (counting.length === 0 || !quota.isSet) return undefined;
  return new Map(counting.map((uid) => [uid, sizeOctetsOf(state, rows.table.rowOf(uid))]));
}

/** Writes down that messages are gone. */
export function bookRemoved(state: FolderState, counted: ReadonlyMap<number, number>, gone: ReadonlySet<number>): void {
  const sizes = [...counted].filter(([uid]) => gone.has(uid)).map(([, sizeOctets]) => sizeOctets);
  const octets = sizes.reduce((total, sizeOctets) => total + sizeOctets, 0);
  state.place.quota.book(negative({ octets, messages: sizes.length }));
}

/** As others count it: what the name says, else what the disk says. */
function sizeOctetsOf(state: FolderState, row: number): number {
  const known = state.rows.sizeAt(row);
  return known === UNKNOWN ? (state.disk.status(pathOfRow(state, row))?.sizeOctets ?? 0) : known;
}
