/**
 * Numbers as the digits that stand in lists and in answers, written without making strings.
 */

const DIGIT_0 = 0x30;

/** Writes a whole number of at most 15 digits; gives where what follows is to be written. */
export function putDecimal(octets: Uint8Array, start: number, number: number): number {
  let digits = 1;
  for (let limit = 10; number >= limit; limit *= 10) digits += 1;
  let rest = number;
  for (let at = start + digits - 1; at >= start; at -= 1) {
    const next = Math.floor(rest / 10);
    octets[at] = DIGIT_0 + rest - next * 10;
    rest = next;
  }
  return start + digits;
}

/** The number that these octets are, of at most so many digits; -1 if they are none. */
export function decimalIn(octets: Uint8Array, start: number, end: number, maxDigits: number): number {
  if (end <= start || end - start > maxDigits) return -1;
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (octets[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
