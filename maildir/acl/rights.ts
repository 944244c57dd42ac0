/**
 * The rights that an ACL gives, as letters and as the bits of one number.
 *
 * They are the letters of RFC 4314 section 2.1, which are those of Courier's files: `aceilrstwx`. Other letters (Courier
 * writes no `p`, RFC 2086 had a `d`) are no rights of this table; who keeps files keeps their letters beside it.
 */

/** One right. */
export type Right = 'a' | 'c' | 'e' | 'i' | 'l' | 'r' | 's' | 't' | 'w' | 'x';

/** A set of rights: the sum of their bits. */
export type Rights = number;

/** The bit of each right; in the order in which Courier writes them. */
export const RIGHT_BITS: Readonly<Record<Right, Rights>> = {
  a: 1,
  c: 2,
  e: 4,
  i: 8,
  l: 16,
  r: 32,
  s: 64,
  t: 128,
  w: 256,
  x: 512,
};

/** Nothing is allowed. */
export const NO_RIGHTS: Rights = 0;

/** All ten rights. */
export const ALL_RIGHTS: Rights = 1023;

/** The same, as Courier writes them. */
export const ALL_LETTERS = 'aceilrstwx';

const bitsByLetter: ReadonlyMap<string, Rights> = new Map(Object.entries(RIGHT_BITS));

/** The rights that stand in a text; what is no right is passed over. */
export function rightsFromLetters(letters: string): Rights {
  let rights = NO_RIGHTS;
  for (const letter of letters) rights |= bitsByLetter.get(letter) ?? 0;
  return rights;
}

/** `lrs`, in the order of the alphabet, as Courier writes them. */
export function lettersFromRights(rights: Rights): string {
  let letters = '';
  for (const [letter, bit] of bitsByLetter) if ((rights & bit) !== 0) letters += letter;
  return letters;
}

/** Whether a set has a right. */
export function hasRight(rights: Rights, right: Right): boolean {
  return (rights & RIGHT_BITS[right]) !== 0;
}
