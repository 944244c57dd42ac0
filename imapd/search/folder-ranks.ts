/**
 * The ranks of all messages of a folder by one of SORT's keys, as they are kept from one SORT to the next. Messages that
 * leave take their ranks with them, and those that arrive get theirs by a few comparisons.
 */
import type { Folder } from '../../maildir/folder.js';
import { emptyView, type FolderFacts } from '../cache/folder-facts.js';
import type { KeptColumn } from '../cache/kept-columns.js';
import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import { capitalise } from '../message/sort-columns.js';
import { type Ranks, rankFurther } from '../message/sort-ranks.js';
import { displayName } from './display-names.js';
import { findSection, type Section, sentMs } from './search-facts.js';
import { showSearchFacts } from './search-facts-reading.js';
import { displayFields, type SortKey, textSections } from './sort-keys.js';

/** When more than this share of the messages is new, sorting all of them is not much dearer. */
const MAX_SHARE_OF_NEW = 1 / 16;

/** Keeps ranks if they are of all messages of the folder; the last ones may have come meanwhile. */
export function keepRanks(
  { facts, files }: { readonly facts: FolderFacts; readonly files: number },
  key: SortKey,
  uids: readonly number[],
  { ranks, below }: Ranks,
): void {
  const { table } = facts.folder;
  if (table.count - uids.length > table.count * MAX_SHARE_OF_NEW) return;
  if (uids.some((uid, row) => row >= table.count || table.uidAt(row) !== uid)) return;
  facts.keepColumn(`sort ${key}`, { table, numbers: ranks, below }, files);
}

/** Gives the ranks of the folder's messages as they are now; undefined when they have to be made anew. */
export function* keptRanks(facts: FolderFacts, key: SortKey): Generator<void, KeptColumn | undefined, void> {
  const { files, folder } = facts;
  const { table } = folder;
  const kept = facts.keptColumn(`sort ${key}`);
  if (kept === undefined || (kept.table === table && kept.numbers.length === table.count)) return kept;
  const known = followed(kept, table);
  let all: Ranks | undefined = { ranks: known, below: kept.below };
  if (known.length < table.count) {
    const compare = comparisonWith(facts, key);
    if (compare === undefined || table.count - known.length > table.count * MAX_SHARE_OF_NEW) return undefined;
    all = yield* whileNoneLeave(folder, rankFurther(all, table.count, compare));
  }
  // Records may have turned out to be of other files, and messages may have come meanwhile.
  if (all === undefined || facts.files !== files || table.count !== all.ranks.length) return undefined;
  const column = { table, numbers: all.ranks, below: all.below };
  facts.keepColumn(`sort ${key}`, column, files);
  return column;
}

/**
 * Goes on with work on the rows of a folder's table as long as they are what they were when it began. When a message has
 * left in a pause, or its file is gone, the numbers of rows mean nothing any more: undefined.
 */
function* whileNoneLeave<T>(folder: Folder, steps: Generator<void, T>): Generator<void, T | undefined, void> {
  const { table } = folder;
  for (;;) {
    try {
      const step = steps.next();
      if (step.done === true) return step.value;
    } catch (error) {
      falseIfGone(error);
      return undefined;
    }
    yield;
    if (folder.table !== table) return undefined;
  }
}

/** Takes the ranks along to another table: those of as many messages at its beginning as have them. */
function followed({ table: before, numbers }: KeptColumn, table: KeptColumn['table']): Uint32Array {
  const ranks = new Uint32Array(table.count);
  let row = 0;
  for (let from = 0; from < numbers.length && row < table.count; from += 1) {
    if (before.uidAt(from) !== table.uidAt(row)) continue;
    ranks[row] = numbers[from] ?? 0;
    row += 1;
  }
  return ranks.subarray(0, row);
}

/** Compares two messages by their rows; undefined where sorting anew is the only way. */
function comparisonWith(facts: FolderFacts, key: SortKey): ((one: number, other: number) => number) | undefined {
  const section = textSections[key];
  if (section !== undefined) {
    const text = (row: number): Buffer => textOf(facts, row, section);
    return (one, other) => text(one).compare(text(other));
  }
  const field = displayFields[key];
  if (field !== undefined) {
    return (one, other) => shownName(facts, one, field).compare(shownName(facts, other, field));
  }
  const number = key === 'DATE' ? sentDate : key === 'ARRIVAL' ? arrival : undefined;
  return number && ((one, other) => number(facts, one) - number(facts, other));
}

const view = emptyView();
const place = { start: 0, end: 0 };

/** A copy, since the next record may be put where this one is. */
function textOf(facts: FolderFacts, row: number, section: Section): Buffer {
  showSearchFacts(facts, row, view);
  findSection(view, section, place);
  const text = Buffer.from(view.octets.subarray(place.start, place.end));
  capitalise(text, 0, text.length);
  return text;
}

function shownName(facts: FolderFacts, row: number, field: 'from' | 'to'): Buffer {
  const reading = new MessageReading(facts, row);
  try {
    const name = displayName(reading, field);
    capitalise(name, 0, name.length);
    return name;
  } finally {
    reading.close();
  }
}

function sentDate(facts: FolderFacts, row: number): number {
  showSearchFacts(facts, row, view);
  return sentMs(view) ?? view.internalDate;
}

function arrival({ folder }: FolderFacts, row: number): number {
  return folder.internalDateAt(row);
}
