/**
 * The ends of filenames, such as `:2,FS`, as small numbers.
 *
 * Nearly all are one of 33: none, or the five flags in their usual order. Those have the same numbers everywhere, and
 * need neither a string nor a table. What other programs write besides is remembered per folder.
 */
import { flagsInSuffix } from './filename.js';
import { type FlagBits, lettersFromFlags } from './flags.js';

/** Number 0 is no suffix at all; number 1 + bits is `:2,` and the letters of these flags. */
const usual: readonly string[] = ['', ...Array.from({ length: 32 }, (_, bits) => `:2,${lettersFromFlags(bits)}`)];
const numbersOfUsual: ReadonlyMap<string, number> = new Map(usual.map((text, number) => [text, number]));

const FIRST_UNUSUAL = usual.length;
const COLON = 0x3a;
const DIGIT_2 = 0x32;
const COMMA = 0x2c;
/** D, F, R, S, T: in the order in which they stand in a name, and with rising bits. */
const LETTERS: readonly number[] = [0x44, 0x46, 0x52, 0x53, 0x54];

/** The suffixes of one folder. */
export class Suffixes {
  #unusual: string[] | undefined;
  #numbers: Map<string, number> | undefined;

  /** The number of the suffix that stands in these octets. */
  numberIn(octets: Buffer, start: number, end: number, asText: (octets: Buffer) => string): number {
    return usualNumber(octets, start, end) ?? this.numberOf(asText(octets.subarray(start, end)));
  }

  numberOf(text: string): number {
    const known = numbersOfUsual.get(text) ?? this.#numbers?.get(text);
    if (known !== undefined) return known;
    this.#unusual ??= [];
    this.#numbers ??= new Map();
    const number = FIRST_UNUSUAL + this.#unusual.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }

  /** The number here of what has a number in another folder. */
  numberAs(other: Suffixes, number: number): number {
    return number < FIRST_UNUSUAL ? number : this.numberOf(other.textOf(number));
  }

  textOf(number: number): string {
    return usual[number] ?? this.#unusual?.[number - FIRST_UNUSUAL] ?? '';
  }

  flagsOf(number: number): FlagBits {
    if (number < FIRST_UNUSUAL) return number === 0 ? 0 : number - 1;
    return flagsInSuffix(this.textOf(number));
  }
}

/** Undefined if the suffix is not a usual one. */
function usualNumber(octets: Buffer, start: number, end: number): number | undefined {
  if (end === start) return 0;
  if (end - start < 3 || octets[start] !== COLON || octets[start + 1] !== DIGIT_2 || octets[start + 2] !== COMMA) {
    return undefined;
  }
  let bits = 0;
  let letter = 0;
  for (let at = start + 3; at < end; at += 1) {
    while (letter < LETTERS.length && LETTERS[letter] !== octets[at]) letter += 1;
    if (letter === LETTERS.length) return undefined;
    bits |= 1 << letter;
    letter += 1;
  }
  return 1 + bits;
}
