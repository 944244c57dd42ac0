/**
 * SORT's keys: where in a message's record, or in which field, each of them stands.
 */
import type { SortCriterion } from '../wire/sort-thread.js';
import { SECTION, type Section } from './search-facts.js';

/** What messages can be sorted by (RFC 5256 section 3). */
export type SortKey = SortCriterion['key'];

/** The keys that are names of addresses as clients show them, by the field they stand in. */
export const displayFields: Readonly<Partial<Record<SortKey, 'from' | 'to'>>> = {
  DISPLAYFROM: 'from',
  DISPLAYTO: 'to',
};

/** The other keys that are texts, by the section of the record that they stand in. */
export const textSections: Readonly<Partial<Record<SortKey, Section>>> = {
  CC: SECTION.firstCc,
  FROM: SECTION.firstFrom,
  SUBJECT: SECTION.baseSubject,
  TO: SECTION.firstTo,
};
