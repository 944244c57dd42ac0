/**
 * The names of message files, taken apart and put together, and new unique names.
 *
 *     1700000001.M5P9V00000000000000FEI000000000026C0B5_0.mx,S=1234:2,FS
 *     \________________________ base name _________________/\ suffix /
 *
 * The base name is what `courierimapuiddb` lists. Two base names that differ in `,S=` only mean the same message; what
 * is left without it is the unique name. Names of any other shape are served as they are.
 */
import { type FlagBits, flagsFromLetters, lettersFromFlags } from './flags.js';

/** Where the base name ends: at the first colon. */
export function baseNameOf(filename: string): string {
  const colon = filename.indexOf(':');
  return colon < 0 ? filename : filename.slice(0, colon);
}

/** The base name without `,S=1234`. It stays the same however often a message is renamed. */
export function uniqueNameOf(baseName: string): string {
  const at = baseName.indexOf(',S=');
  if (at < 0) return baseName;
  // Nearly always the size is the end of the name, and this runs for every file of a scan.
  for (let digit = at + 3; digit < baseName.length; digit += 1) {
    const code = baseName.charCodeAt(digit);
    if (code < 48 || code > 57) return baseName.replace(/,S=\d+/g, '');
  }
  return at + 3 < baseName.length ? baseName.slice(0, at) : baseName;
}

/** The file size that a base name tells, or undefined. The last `,S=` wins, as with Courier. */
export function sizeInName(baseName: string): number | undefined {
  const at = baseName.lastIndexOf(',S=');
  if (at < 0) return undefined;
  const size = Number.parseInt(baseName.slice(at + 3), 10);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** The letters of a suffix: those after the last colon, if `2,` stands before them. */
function lettersIn(suffix: string): string {
  const flags = suffix.slice(suffix.lastIndexOf(':') + 1);
  return flags.startsWith('2,') ? flags.slice(2) : '';
}

const flagsBySuffix = new Map<string, FlagBits>();
/** Suffixes are few; a folder full of made-up ones must not fill the memory. */
const MAX_REMEMBERED_SUFFIXES = 1_024;

/** The flags that a suffix such as `:2,FS` means. */
export function flagsInSuffix(suffix: string): FlagBits {
  const known = flagsBySuffix.get(suffix);
  if (known !== undefined) return known;
  const flags = flagsFromLetters(lettersIn(suffix));
  if (flagsBySuffix.size < MAX_REMEMBERED_SUFFIXES) flagsBySuffix.set(suffix, flags);
  return flags;
}

/** The suffixes that have no letters but ours, by flags. */
const plainSuffixes: readonly string[] = Array.from({ length: 32 }, (_, bits) => `:2,${lettersFromFlags(bits)}`);
const PLAIN_SUFFIX = /^(:2,[DFRST]*)?$/;

/** The suffix in cur for these flags; letters of other programs in the former suffix are kept. */
export function suffixFor(flags: FlagBits, formerSuffix = ''): string {
  const plain = PLAIN_SUFFIX.test(formerSuffix) ? plainSuffixes[flags] : undefined;
  if (plain !== undefined) return plain;
  return `:2,${lettersFromFlags(flags, lettersIn(formerSuffix))}`;
}

/**
 * The order in which messages that came together get their UIDs: by the leading number, then by octets.
 *
 * Comparing UTF-16 units is the same as comparing octets for names that programs make.
 */
export function compareNames(one: string, other: string): number {
  const difference = leadingNumber(one) - leadingNumber(other);
  if (difference !== 0) return difference;
  return one < other ? -1 : one > other ? 1 : 0;
}

function leadingNumber(name: string): number {
  const number = Number.parseInt(name, 10);
  return Number.isNaN(number) || number < 0 ? 0 : number;
}

/** Makes names that nobody else makes: time, process, host, and a part that says what the file is for. */
export class UniqueNames {
  readonly #now: () => number;
  readonly #processId: number;
  readonly #hostName: string;
  #microseconds = 0;
  #counter = 0;

  constructor(options: { now: () => number; processId: number; hostName: string }) {
    this.#now = options.now;
    this.#processId = options.processId;
    // A slash cannot be in a name, a colon would end it; the maildir convention writes both in octal.
    this.#hostName = (options.hostName || 'localhost').replaceAll('/', '\\057').replaceAll(':', '\\072');
  }

  /** For files that are not messages: `1700000000.M123456P4711_courierlock.mx`. */
  forPurpose(purpose: string): string {
    return `${this.#stamp()}_${purpose}.${this.#hostName}`;
  }

  /** For a message in tmp: `1700000000.M123456P4711_0.mx`. */
  forMessage(): string {
    this.#counter += 1;
    return this.forPurpose(String(this.#counter - 1));
  }

  /** Each stamp is later than all before it, even when the clock is set back, so that names never meet. */
  #stamp(): string {
    this.#microseconds = Math.max(Math.floor(this.#now() * 1000), this.#microseconds + 1);
    const seconds = Math.floor(this.#microseconds / 1_000_000);
    return `${seconds}.M${this.#microseconds % 1_000_000}P${this.#processId}`;
  }
}

/**
 * The base name of a message that leaves tmp: device and inode come after the process id, the size at the end.
 *
 * Both numbers have 16 hexadecimal digits, as Courier writes them on 64-bit machines.
 */
export function deliveredName(tmpName: string, file: { device: number; inode: number; sizeOctets: number }): string {
  const place = `V${hexadecimal(file.device)}I${hexadecimal(file.inode)}`;
  return `${tmpName.replace('_', `${place}_`)},S=${file.sizeOctets}`;
}

function hexadecimal(number: number): string {
  return number.toString(16).toUpperCase().padStart(16, '0');
}
