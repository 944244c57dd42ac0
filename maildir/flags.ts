/**
 * Message flags as bits, and as the letters at the end of a filename in `cur`.
 *
 * It knows nothing of keywords, which are kept elsewhere.
 */

/** \Draft, letter `D`. */
export const DRAFT = 1;
/** \Flagged, letter `F`. */
export const FLAGGED = 2;
/** \Answered, letter `R` ("replied"). */
export const ANSWERED = 4;
/** \Seen, letter `S`. */
export const SEEN = 8;
/** \Deleted, letter `T` ("trashed"). */
export const DELETED = 16;

/** All five. */
export const ALL_FLAGS = 31;

/** Any sum of DRAFT, FLAGGED, ANSWERED, SEEN and DELETED. */
export type FlagBits = number;

/** What somebody may set and remove; the rest stays as it is, and copies of his do not have it. */
export interface FlagLimits {
  readonly flags: FlagBits;
  readonly keywords: boolean;
}

/** A change that a client asks for. `replace` sets flags and keywords to exactly those given. */
export interface FlagChange {
  readonly operation: 'add' | 'remove' | 'replace';
  readonly flags: FlagBits;
  readonly keywords: readonly string[];
  /** Absent: everything may be changed. */
  readonly within?: FlagLimits | undefined;
}

const bitsByLetter: ReadonlyMap<string, FlagBits> = new Map([
  ['D', DRAFT],
  ['F', FLAGGED],
  ['R', ANSWERED],
  ['S', SEEN],
  ['T', DELETED],
]);

/** The flags that the letters mean. Letters of other programs mean none. */
export function flagsFromLetters(letters: string): FlagBits {
  let flags = 0;
  for (const letter of letters) flags |= bitsByLetter.get(letter) ?? 0;
  return flags;
}

/**
 * The letters for these flags, together with those of `former` that are not ours, in ASCII order.
 *
 * Courier drops `P` and the letters of other programs whenever it changes a flag; we keep them.
 */
export function lettersFromFlags(flags: FlagBits, former = ''): string {
  const letters = new Set<string>();
  for (const letter of former) if (!bitsByLetter.has(letter)) letters.add(letter);
  for (const [letter, bit] of bitsByLetter) if ((flags & bit) !== 0) letters.add(letter);
  return [...letters].sort().join('');
}

/** The flags after a change. */
export function changedFlags(flags: FlagBits, change: FlagChange): FlagBits {
  const wanted = wantedFlags(flags, change);
  return change.within === undefined ? wanted : flags ^ ((flags ^ wanted) & change.within.flags);
}

function wantedFlags(flags: FlagBits, change: FlagChange): FlagBits {
  switch (change.operation) {
    case 'add':
      return flags | change.flags;
    case 'remove':
      return flags & ~change.flags;
    case 'replace':
      return change.flags;
  }
}
