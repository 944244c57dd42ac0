/**
 * System flags as the grammar reads them, as the bits of the mail store.
 *
 * It knows neither commands nor responses.
 */
import {
  ANSWERED,
  changedFlags,
  DELETED,
  DRAFT,
  FLAGGED,
  type FlagBits,
  type FlagChange,
  SEEN,
} from '../../maildir/flags.js';
import type { SystemFlag } from '../wire/cursor.js';

const bits: Readonly<Record<SystemFlag, FlagBits>> = {
  '\\Draft': DRAFT,
  '\\Flagged': FLAGGED,
  '\\Answered': ANSWERED,
  '\\Seen': SEEN,
  '\\Deleted': DELETED,
};

/** The bits of system flags. */
export function bitsFromFlags(flags: readonly SystemFlag[]): FlagBits {
  return flags.reduce((sum, flag) => sum | bits[flag], 0);
}

/** The bits after a change. */
export function changedBits(before: FlagBits, change: FlagChange): FlagBits {
  return changedFlags(before, change);
}
