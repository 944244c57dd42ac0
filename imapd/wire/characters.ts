/**
 * Character classes of the grammar (RFC 9051 section 9), as tables with one bit per class.
 */

/** ATOM-CHAR: printable ASCII without `( ) { SP % * " \ ]`. */
export const ATOM_CHAR = 1;
/** ASTRING-CHAR: ATOM-CHAR or `]`. */
export const ASTRING_CHAR = 2;
/** tag: ASTRING-CHAR without `+`. */
export const TAG_CHAR = 4;
/** list-char: ATOM-CHAR, `%`, `*` or `]`. */
export const LIST_CHAR = 8;
/** 0 to 9. */
export const DIGIT = 16;

const classes = new Uint8Array(256);
for (let octet = 0x21; octet < 0x7f; octet += 1) {
  const character = String.fromCharCode(octet);
  const atom = !'(){%*"\\]'.includes(character);
  const astring = atom || character === ']';
  const list = astring || character === '%' || character === '*';
  classes[octet] =
    (atom ? ATOM_CHAR : 0) |
    (astring ? ASTRING_CHAR : 0) |
    (astring && character !== '+' ? TAG_CHAR : 0) |
    (list ? LIST_CHAR : 0) |
    (octet >= 0x30 && octet <= 0x39 ? DIGIT : 0);
}

/** Tells whether an octet belongs to a class; the end of the octets (`undefined`) belongs to none. */
export function isIn(octet: number | undefined, characterClass: number): boolean {
  return octet !== undefined && ((classes[octet] ?? 0) & characterClass) !== 0;
}

/** Position after the run of octets of a class that begins at `position`. */
export function endOfRun(octets: Buffer, position: number, characterClass: number): number {
  let end = position;
  while (end < octets.length && isIn(octets[end], characterClass)) end += 1;
  return end;
}
