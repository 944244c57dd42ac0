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

/** The UIDs that a code says messages have been given, and in which mailbox; undefined for other codes. */
export function addedUids(
  code: string | undefined,
): { readonly uidValidity: number; readonly uids: number[] } | undefined {
  const [, uidValidity, set] = /^(?:APPENDUID|COPYUID) (\d+) (?:\S+ )?(\S+)$/.exec(code ?? '') ?? [];
  if (uidValidity === undefined || set === undefined) return undefined;
  const uids = set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number);
    return Array.from({ length: last - first + 1 }, (_uid, at) => first + at);
  });
  return { uidValidity: Number(uidValidity), uids };
}
