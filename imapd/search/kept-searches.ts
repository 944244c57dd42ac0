/**
 * KeptSearches: the searches of a selected mailbox whose results are kept up to date for the client, with RETURN (UPDATE)
 * (RFC 5267 section 4.3).
 *
 * When the mailbox has changed, only messages that are new or have changed are asked again. What was expunged leaves a
 * result before the EXPUNGE is told, and what has arrived comes into it after the EXISTS.
 */
import type { MessageTable } from '../../maildir/message-table.js';
import { tellNewMessages } from '../fetch/new-messages.js';
import type { SelectedMailbox, UpdateFollower } from '../mailbox/selected-mailbox.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { type ContextUpdate, encodeContextUpdate } from '../wire/context-updates.js';
import { SyntaxFailure } from '../wire/failures.js';
import type { FetchItem } from '../wire/fetch-items.js';
import { encodeUntagged } from '../wire/responses.js';
import type { ReturnOptions } from '../wire/return-options.js';
import type { SortCriterion } from '../wire/sort-thread.js';
import { type SearchRequest, searchAmong } from './search-run.js';
import { sortMessages } from './sort-messages.js';

/** Each costs a look at every change; clients have one for each list that they show. */
const MAX_KEPT_SEARCHES = 16;

/** A search of a client. */
export interface KeptSearch {
  readonly tag: string;
  readonly by: 'uid' | 'sequence number';
  readonly request: SearchRequest;
  /** The folder's change number when it began: what changed while it went on may not be in its result. */
  readonly since: number;
  /** What is told of messages that arrive and come into the result. */
  readonly items?: readonly FetchItem[] | undefined;
  /** Of SORT. */
  readonly criteria?: readonly SortCriterion[];
}

/** Refuses a tag that a search which is kept up to date has already. @throws {SyntaxFailure} */
export function checkTag(session: Session, options: ReturnOptions | undefined, tag: string): void {
  if (options?.words.includes('UPDATE') !== true) return;
  if (session.selected.keptSearches?.has(tag) === true) throw new SyntaxFailure('Tag reuse.');
}

/** Begins to keep a result up to date, if the client wants that. Where there are too many already, it hears NOUPDATE. */
export async function keepUpToDate(
  session: Session,
  options: ReturnOptions | undefined,
  search: KeptSearch,
  found: readonly number[],
): Promise<void> {
  if (options?.words.includes('UPDATE') !== true) return;
  const mailbox = session.selected;
  const present = mailbox.keptSearches;
  const kept = present instanceof KeptSearches ? present : new KeptSearches(session, mailbox);
  const uids = await paced(session, mailbox.uidsOf(found));
  const items = options.updateItems;
  // Relevancy is that of one search.
  const canBeKept = search.criteria?.some(({ key }) => key === 'RELEVANCY') !== true;
  if (canBeKept && kept.begin({ ...search, items }, uids)) mailbox.keptSearches = kept;
  else session.write(encodeUntagged({ status: 'NO', code: `NOUPDATE "${search.tag}"`, text: 'Too many contexts' }));
}

interface Result extends KeptSearch {
  /** UIDs, in the order of SORT or of the mailbox. */
  uids: readonly number[];
  members: Set<number>;
  /** What has changed since is not in it. */
  changeNumber: number;
  /** Messages with higher UIDs are new to it. */
  highestUid: number;
}

class KeptSearches implements UpdateFollower {
  readonly #session: Session;
  readonly #mailbox: SelectedMailbox;
  readonly #results = new Map<string, Result>();
  /** Nothing of any result has left this one. */
  #checkedTable: MessageTable | undefined;

  constructor(session: Session, mailbox: SelectedMailbox) {
    this.#session = session;
    this.#mailbox = mailbox;
  }

  has(tag: string): boolean {
    return this.#results.has(tag);
  }

  begin(search: KeptSearch, uids: readonly number[]): boolean {
    if (this.#results.size >= MAX_KEPT_SEARCHES) return false;
    const { tag, since: changeNumber } = search;
    const highestUid = this.#mailbox.highestUid;
    this.#results.set(tag, { ...search, uids, members: new Set(uids), changeNumber, highestUid });
    this.#checkedTable = undefined;
    return true;
  }

  end(tag: string): void {
    this.#results.delete(tag);
  }

  /** Before EXPUNGE: what has left. While the client is told of some, others may leave. */
  beforeChanges({ expunges }: { readonly expunges: boolean }): Promise<void> | undefined {
    if (!expunges || this.#checkedTable === this.#mailbox.folder.table) return undefined;
    return this.#removeGone();
  }

  async #removeGone(): Promise<void> {
    const { table } = this.#mailbox.folder;
    for (const result of this.#results.values()) await this.#remove(result, (uid) => table.rowOf(uid) < 0);
    this.#checkedTable = table;
  }

  /** After everything else: what belongs to a result now, or does so no more. */
  async afterChanges(): Promise<void> {
    for (const result of this.#results.values()) await this.#renew(result);
  }

  async #renew(result: Result): Promise<void> {
    const { folder } = this.#mailbox;
    const { changeNumber } = folder;
    if (changeNumber === result.changeNumber && this.#mailbox.highestUid <= result.highestUid) return;
    const asked = this.#changedSince(result);
    const { highestUid } = result;
    result.changeNumber = changeNumber;
    result.highestUid = Math.max(result.highestUid, this.#mailbox.highestUid);
    if (asked.length === 0) return;
    const holds = new Set(await searchAmong(this.#session, result.request, asked));
    const changed = asked.flatMap((number) => {
      const uid: number = this.#mailbox.uidOf(number);
      // What has left meanwhile leaves the result when its EXPUNGE is told.
      return folder.table.rowOf(uid) < 0 || holds.has(number) === result.members.has(uid) ? [] : [uid];
    });
    const leaving = new Set(changed.filter((uid) => result.members.has(uid)));
    await this.#remove(result, (uid) => leaving.has(uid));
    const coming = changed.filter((uid) => !leaving.has(uid));
    // RFC 5465 section 7: not of those that come in because their flags have changed.
    const arrived = coming.filter((uid) => uid > highestUid);
    if (result.items !== undefined && arrived.length > 0) await tellNewMessages(this.#session, result.items, arrived);
    await this.#add(result, coming);
  }

  /** Sequence numbers of messages that are new, or whose flags have changed. */
  #changedSince({ changeNumber, highestUid }: Result): number[] {
    const { folder, count } = this.#mailbox;
    const numbers = new Set<number>();
    for (const row of folder.rowsChangedAfter(changeNumber)) {
      const number = this.#mailbox.sequenceNumberOf(folder.table.uidAt(row));
      if (number !== undefined) numbers.add(number);
    }
    for (let number = count; number > 0 && this.#mailbox.uidOf(number) > highestUid; number -= 1) numbers.add(number);
    return [...numbers].sort((one, other) => one - other);
  }

  async #remove(result: Result, leaves: (uid: number) => boolean): Promise<void> {
    const left: number[] = [];
    const stay: number[] = [];
    const positions: number[] = [];
    for (const [at, uid] of result.uids.entries()) {
      if (!leaves(uid)) stay.push(uid);
      else {
        left.push(uid);
        positions.push(at + 1);
      }
    }
    if (left.length === 0) return;
    // From the end, so that the positions before stay what they are.
    if (result.criteria === undefined) await this.#tell(result, 'REMOVEFROM', left);
    else await this.#tell(result, 'REMOVEFROM', left.reverse(), positions.reverse());
    result.uids = stay;
    result.members = new Set(stay);
  }

  async #add(result: Result, uids: readonly number[]): Promise<void> {
    if (uids.length === 0) return;
    const added = new Set(uids);
    const all = Array.from(new Set([...result.uids, ...uids])).sort((one, other) => one - other);
    if (result.criteria === undefined) {
      result.uids = all;
      result.members = new Set(all);
      return this.#tell(result, 'ADDTO', uids);
    }
    const numbers = all.flatMap((uid) => this.#mailbox.sequenceNumberOf(uid) ?? []);
    const order = await sortMessages(this.#session, numbers, result.criteria);
    const inOrder = order.map((number): number => this.#mailbox.uidOf(number));
    const members = new Set(inOrder);
    // What has left meanwhile has no place in the order any more.
    await this.#remove(result, (uid) => !members.has(uid));
    result.uids = inOrder;
    result.members = members;
    const places = result.uids.flatMap((uid, at) => (added.has(uid) ? [{ uid, position: at + 1 }] : []));
    return this.#tell(
      result,
      'ADDTO',
      places.map(({ uid }) => uid),
      places.map(({ position }) => position),
    );
  }

  async #tell(
    { tag, by }: Result,
    kind: ContextUpdate['kind'],
    uids: readonly number[],
    positions?: readonly number[],
  ): Promise<void> {
    const uid = by === 'uid';
    const numbers = uid ? uids : uids.map((each) => this.#mailbox.sequenceNumberOf(each) ?? 0);
    const update = { tag, uid, kind, numbers, ...(positions === undefined ? {} : { positions }) };
    await this.#session.respond(await paced(this.#session, encodeContextUpdate(update)));
  }
}
