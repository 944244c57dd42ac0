/**
 * SORT: collects the keys of the messages that a search found, column by column, and puts the messages in order.
 */
import { orderOf, SortColumns, TextColumn } from '../message/sort-columns.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { SortCriterion } from '../wire/sort-thread.js';
import type { Candidate } from './candidate.js';
import { type Collector, collect } from './found-messages.js';
import { findSection, SECTION, type Section, sentMs } from './search-facts.js';

/** Gives sequence numbers in the order of the criteria; messages that are gone are left out. */
export async function sortMessages(
  session: Session,
  numbers: readonly number[],
  criteria: readonly SortCriterion[],
): Promise<number[]> {
  const keys = new SortKeys(numbers.length, criteria);
  await collect(session, numbers, keys);
  const order = await paced(session, orderOf(keys.columns()));
  return Array.from(order, (row) => keys.numbers[row] ?? 0);
}

/** The keys that are texts, by the section of the record that they stand in. */
const textSections: Readonly<Partial<Record<SortCriterion['key'], Section>>> = {
  CC: SECTION.firstCc,
  FROM: SECTION.firstFrom,
  SUBJECT: SECTION.baseSubject,
  TO: SECTION.firstTo,
};

interface NumberKey {
  readonly key: 'ARRIVAL' | 'DATE' | 'SIZE';
  readonly column: Float64Array;
  readonly reverse: boolean;
}

interface TextKey {
  readonly section: Section;
  readonly column: TextColumn;
  readonly reverse: boolean;
}

const place = { start: 0, end: 0 };

class SortKeys implements Collector {
  readonly needsSize: boolean;
  /** Sequence numbers of those that are kept. */
  readonly numbers: number[] = [];
  readonly #keys: readonly (NumberKey | TextKey)[];

  constructor(count: number, criteria: readonly SortCriterion[]) {
    this.needsSize = criteria.some(({ key }) => key === 'SIZE');
    this.#keys = criteria.map(({ key, reverse }) => {
      const section = textSections[key];
      if (section !== undefined) return { section, reverse, column: new TextColumn(count) };
      return { key: key === 'ARRIVAL' || key === 'SIZE' ? key : 'DATE', reverse, column: new Float64Array(count) };
    });
  }

  take(candidate: Candidate, sizeOctets: number): void {
    const row = this.numbers.length;
    for (const key of this.#keys) {
      if ('section' in key) {
        const { facts } = candidate;
        findSection(facts, key.section, place);
        key.column.set(row, facts.octets, place.start, place.end);
      } else {
        key.column[row] = numberOf(key.key, candidate, sizeOctets);
      }
    }
    this.numbers.push(candidate.sequenceNumber);
  }

  columns(): SortColumns {
    const columns = new SortColumns(this.numbers.length);
    for (const key of this.#keys) {
      if ('section' in key) columns.addTexts(key.column, key.reverse);
      else columns.addNumbers(key.column, key.reverse);
    }
    return columns;
  }
}

/** Without a valid Date, DATE is the arrival (RFC 5256 section 2.2). */
function numberOf(key: NumberKey['key'], candidate: Candidate, sizeOctets: number): number {
  if (key === 'SIZE') return sizeOctets;
  if (key === 'ARRIVAL') return candidate.mailbox.folder.internalDateAt(candidate.row);
  return sentMs(candidate.facts) ?? candidate.facts.internalDate;
}
