/**
 * SORT: puts the messages that a search found in the order of their ranks (see sort-ranks.ts). The ranks of a folder that
 * was sorted as a whole are kept, and the next SORT looks at no message; otherwise the keys are collected first.
 */
import type { FolderFacts } from '../cache/folder-facts.js';
import type { KeptColumn } from '../cache/kept-columns.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { type SortColumn, TextColumn } from '../message/sort-columns.js';
import { orderByRanks, type Ranks, ranksOf } from '../message/sort-ranks.js';
import { ELEMENTS_PER_STEP } from '../message/steps.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { SortCriterion } from '../wire/sort-thread.js';
import type { Candidate } from './candidate.js';
import { displayName } from './display-names.js';
import { keepRanks, keptRanks } from './folder-ranks.js';
import { type Collector, collect } from './found-messages.js';
import { findSection, sentMs } from './search-facts.js';
import { displayFields, type SortKey, textSections } from './sort-keys.js';

/** Messages by sequence number, and the ranks of each by each key. */
interface RankedMessages {
  readonly numbers: readonly number[];
  readonly ranks: ReadonlyMap<SortKey, Ranks>;
}

const NO_RANKS: Ranks = { ranks: new Uint32Array(0), below: 0 };

/** How near messages come to what a FUZZY key asks for, by their sequence numbers. */
type Relevancies = ReadonlyMap<number, number>;

interface WantedKeys {
  readonly keys: readonly SortKey[];
  readonly relevancies: Relevancies | undefined;
}

/** Gives sequence numbers in the order of the criteria; messages that are gone are left out. */
export async function sortMessages(
  session: Session,
  found: readonly number[],
  criteria: readonly SortCriterion[],
  relevancies?: Relevancies,
): Promise<number[]> {
  const facts = await session.facts.ready(session.selected.folder);
  const keys = [...new Set(criteria.map(({ key }) => key))];
  const ranked =
    (await knownRanks(session, facts, found, keys)) ?? (await newRanks(session, facts, found, { keys, relevancies }));
  const { numbers, ranks } = ranked;
  const rankKeys = criteria.map(({ key, reverse }) => ({ ...(ranks.get(key) ?? NO_RANKS), reverse }));
  const order = await paced(session, orderByRanks(numbers.length, rankKeys));
  return paced(session, numbersInOrder(numbers, order));
}

function* numbersInOrder(numbers: readonly number[], order: Uint32Array): Generator<void, number[], void> {
  const inOrder: number[] = [];
  for (let at = 0; at < order.length; at += 1) {
    if (at % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
    inOrder.push(numbers[order[at] ?? 0] ?? 0);
  }
  return inOrder;
}

/** Ranks that are kept; undefined unless they are of all the keys. */
async function knownRanks(
  session: Session,
  facts: FolderFacts,
  found: readonly number[],
  keys: readonly SortKey[],
): Promise<RankedMessages | undefined> {
  const ranks = new Map<SortKey, Ranks>();
  let numbers = found;
  for (const key of keys) {
    const kept = await paced(session, keptRanks(facts, key));
    if (kept === undefined) return undefined;
    const own = await paced(session, ranksOfFound(session.selected, found, kept));
    // Something left or came between one key and the next.
    if (ranks.size > 0 && own.numbers.length !== numbers.length) return undefined;
    numbers = own.numbers;
    ranks.set(key, { ranks: own.ranks, below: kept.below });
  }
  return { numbers, ranks };
}

/** Of the messages found those that have a rank, and their ranks. */
function* ranksOfFound(
  mailbox: SelectedMailbox,
  found: readonly number[],
  { table, numbers: allRanks }: KeptColumn,
): Generator<void, { readonly numbers: readonly number[]; readonly ranks: Uint32Array }, void> {
  const ranks = new Uint32Array(found.length);
  const numbers: number[] = [];
  for (let at = 0; at < found.length; at += 1) {
    if (at % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
    const number = found[at] ?? 0;
    const uid = mailbox.uidOf(number);
    const row = number <= table.count && table.uidAt(number - 1) === uid ? number - 1 : table.rowOf(uid);
    const rank = row < 0 ? undefined : allRanks[row];
    if (rank === undefined) continue;
    ranks[numbers.length] = rank;
    numbers.push(number);
  }
  return { numbers, ranks };
}

/** The ranks of most of a folder are made of all of it, since they can be kept then: many clients leave out what is deleted. */
async function newRanks(
  session: Session,
  facts: FolderFacts,
  found: readonly number[],
  wanted: WantedKeys,
): Promise<RankedMessages> {
  const { count } = session.selected;
  const { keys } = wanted;
  // Relevancy is that of one search, and is not kept.
  if (found.length < count && found.length * 2 > count && !keys.includes('RELEVANCY')) {
    const all = Array.from({ length: count }, (_, row) => row + 1);
    await collectRanks(session, facts, all, wanted);
    const known = await knownRanks(session, facts, found, keys);
    if (known !== undefined) return known;
  }
  return collectRanks(session, facts, found, wanted);
}

async function collectRanks(
  session: Session,
  facts: FolderFacts,
  found: readonly number[],
  wanted: WantedKeys,
): Promise<RankedMessages> {
  const { files } = facts;
  const collected = new CollectedKeys(found.length, wanted);
  await collect(session, found, collected);
  const { numbers } = collected;
  const ranks = new Map<SortKey, Ranks>();
  for (const [key, column] of collected.columns()) ranks.set(key, await paced(session, ranksOf(column)));
  const uids = await paced(session, session.selected.uidsOf(numbers));
  for (const [key, own] of ranks) if (key !== 'RELEVANCY') keepRanks({ facts, files }, key, uids, own);
  return { numbers, ranks };
}

const place = { start: 0, end: 0 };

/** The keys of messages, column by column. */
class CollectedKeys implements Collector {
  readonly needsSize: boolean;
  /** Sequence numbers of those that are there. */
  readonly numbers: number[] = [];
  readonly #columns = new Map<SortKey, TextColumn | Float64Array>();
  readonly #relevancies: Relevancies | undefined;

  constructor(room: number, { keys, relevancies }: WantedKeys) {
    this.#relevancies = relevancies;
    this.needsSize = keys.includes('SIZE');
    for (const key of keys) {
      const isText = textSections[key] !== undefined || displayFields[key] !== undefined;
      this.#columns.set(key, isText ? new TextColumn(room) : new Float64Array(room));
    }
  }

  take(candidate: Candidate, sizeOctets: number): void {
    this.#forgetHalf();
    for (const [key, column] of this.#columns) {
      const section = textSections[key];
      if (column instanceof TextColumn) {
        if (section === undefined) {
          const name = displayName(candidate.reading, displayFields[key] ?? 'from');
          column.add(name, 0, name.length);
          continue;
        }
        const { facts } = candidate;
        findSection(facts, section, place);
        column.add(facts.octets, place.start, place.end);
      } else {
        column[this.numbers.length] =
          key === 'RELEVANCY' ? this.#rankOf(candidate) : numberOf(key, candidate, sizeOctets);
      }
    }
    this.numbers.push(candidate.sequenceNumber);
  }

  /** Of a message that was gone in the middle, some columns have a key. */
  #forgetHalf(): void {
    for (const column of this.#columns.values()) if (column instanceof TextColumn) column.cutTo(this.numbers.length);
  }

  /** The most relevant come first (RFC 6203 section 6). */
  #rankOf({ sequenceNumber }: Candidate): number {
    return -(this.#relevancies?.get(sequenceNumber) ?? 0);
  }

  *columns(): Generator<readonly [SortKey, SortColumn]> {
    this.#forgetHalf();
    for (const [key, column] of this.#columns) {
      const isText = column instanceof TextColumn;
      yield [key, isText ? column : { count: this.numbers.length, numbers: column }];
    }
  }
}

/** Without a valid Date, DATE is the arrival (RFC 5256 section 2.2). */
function numberOf(key: SortKey, candidate: Candidate, sizeOctets: number): number {
  if (key === 'SIZE') return sizeOctets;
  if (key === 'ARRIVAL') return candidate.mailbox.folder.internalDateAt(candidate.row);
  return sentMs(candidate.facts) ?? candidate.facts.internalDate;
}
