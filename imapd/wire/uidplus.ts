/**
 * The response codes of UIDPLUS (RFC 4315): which UIDs messages have after APPEND, COPY and MOVE.
 */
import { compactSet } from './sequence-set.js';

/** UIDs before and after, in the same order. */
export interface UidMapping {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** `COPYUID 38505 304,319:320 3956:3958`, or undefined when nothing was copied. */
export function copyUidCode(uidValidity: number, { from, to }: UidMapping): string | undefined {
  return from.length === 0 ? undefined : `COPYUID ${uidValidity} ${compactSet(from)} ${compactSet(to)}`;
}

/** `APPENDUID 38505 3955`, with a set for several messages (RFC 3502). */
export function appendUidCode(uidValidity: number, uids: readonly number[]): string {
  return `APPENDUID ${uidValidity} ${compactSet(uids)}`;
}
