/**
 * Reads the arguments of one complete command, production by production.
 *
 * The octets are as received, with literals inline: ` {3}\r\nbob {6}\r\nsecret`. `take` may fail, everything else must
 * succeed or throws SyntaxFailure. It knows no command and no session. Texts name a position and one octet, never
 * more, because the octets may be a password.
 */
import { ASTRING_CHAR, ATOM_CHAR, DIGIT, endOfRun, isIn, LIST_CHAR, TAG_CHAR } from './characters.js';
import { type CalendarDate, type DateTime, parseDate, parseDateTime } from './date-time.js';
import { nameOctet, nameWord, SyntaxFailure } from './failures.js';
import { MAX_PARENTHESES_DEPTH, MAX_TAG_OCTETS } from './limits.js';
import { encodedFromUtf8 } from './modified-utf7.js';
import type { SequenceSet, SetNumber, SetRange } from './sequence-set.js';

/** The flags that a client can set. `\Recent` is the server's. */
export type SystemFlag = '\\Answered' | '\\Flagged' | '\\Deleted' | '\\Seen' | '\\Draft';

/** Flags as a client names them: system flags in their usual spelling, keywords as typed. */
export interface FlagList {
  readonly system: readonly SystemFlag[];
  readonly keywords: readonly string[];
}

const systemFlags = new Map<string, SystemFlag>(
  (['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const).map((flag) => [flag.toLowerCase(), flag]),
);

const MAX_32_BIT = 4_294_967_295;
const MAX_63_BIT = 9_223_372_036_854_775_807n;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const TILDE = 0x7e;
const OPENING_BRACE = 0x7b;

/** How long a parenthesised list may be. */
export interface ListLimits {
  /** More elements than this are refused. */
  readonly most?: number;
}

/** A place in the arguments of a command, which moves forward as they are read. */
export class Cursor {
  readonly #octets: Buffer;
  readonly #utf8Names: boolean;
  #position: number;
  #depth = 0;

  /** `utf8Names`: mailbox names are in UTF-8 (RFC 6855 section 3). */
  constructor(octets: Buffer, position = 0, utf8Names = false) {
    this.#octets = octets;
    this.#position = position;
    this.#utf8Names = utf8Names;
  }

  /** Octets read so far. */
  get position(): number {
    return this.#position;
  }

  get atEnd(): boolean {
    return this.#position >= this.#octets.length;
  }

  /** The next octet, or one further on, which stays unread; undefined at the end. */
  peekOctet(ahead = 0): number | undefined {
    return this.#octets[this.#position + ahead];
  }

  /** Makes the failure that says what should have stood here. */
  failure(expected: string): SyntaxFailure {
    return new SyntaxFailure(
      `Expected ${expected} at octet ${this.#position + 1} of the arguments, found ${nameOctet(this.peekOctet())}.`,
    );
  }

  /** Nothing more may follow, except spaces, which some clients leave before CRLF. */
  end(): void {
    while (this.peekOctet() === SPACE) this.#position += 1;
    if (!this.atEnd) throw this.failure('the end of the command');
  }

  /** `SP` */
  sp(): void {
    if (this.peekOctet() !== SPACE) throw this.failure('a space');
    this.#position += 1;
  }

  /** A space stands here, and something other than spaces and the end behind it. */
  spaceBeforeMore(): boolean {
    let at = this.#position;
    while (this.#octets[at] === SPACE) at += 1;
    return at > this.#position && at < this.#octets.length;
  }

  /** Reads `word` if it stands here, in whatever case; what follows it is not looked at. */
  take(word: string): boolean {
    const end = this.#position + word.length;
    if (end > this.#octets.length) return false;
    const found = this.#octets.toString('latin1', this.#position, end);
    if (found !== word && found.toUpperCase() !== word.toUpperCase()) return false;
    this.#position = end;
    return true;
  }

  /** Reads `word`, which must stand here, in whatever case. */
  expect(word: string): void {
    if (!this.take(word)) throw this.failure(`"${word}"`);
  }

  /** `atom = 1*ATOM-CHAR` */
  atom(): string {
    return this.#run(ATOM_CHAR, 'an atom');
  }

  /** An atom that ends before any of `stops` as well: the name of a FETCH item before its bracket. */
  atomBefore(stops: string): string {
    const start = this.#position;
    const word = this.atom();
    const length = [...word].findIndex((character) => stops.includes(character));
    if (length === -1) return word;
    this.#position = start;
    if (length === 0) throw this.failure('an atom');
    this.#position += length;
    return word.slice(0, length);
  }

  /** `tag = 1*<any ASTRING-CHAR except "+">` */
  tag(): string {
    const tag = this.#run(TAG_CHAR, 'a tag');
    if (tag.length > MAX_TAG_OCTETS) throw new SyntaxFailure('The tag is too long.');
    return tag;
  }

  /** `astring = 1*ASTRING-CHAR / string` */
  astring(): Buffer {
    return isIn(this.peekOctet(), ASTRING_CHAR) ? this.#runOctets(ASTRING_CHAR) : this.#string('a string or an atom');
  }

  /** `string = quoted / literal` */
  string(): Buffer {
    return this.#string('a string');
  }

  /** `nstring = string / nil` */
  nstring(): Buffer | null {
    if (this.take('NIL')) return null;
    return this.#string('a string or NIL');
  }

  /** `mailbox = "INBOX" / astring`; INBOX in whatever case is `INBOX`. The name is in modified UTF-7. */
  mailbox(): Buffer {
    const name = this.#encoded(this.astring());
    return name.length === 5 && name.toString('latin1').toUpperCase() === 'INBOX' ? Buffer.from('INBOX') : name;
  }

  /** `list-mailbox = 1*list-char / string`, in modified UTF-7. */
  listMailbox(): Buffer {
    const isAtom = isIn(this.peekOctet(), LIST_CHAR);
    return this.#encoded(isAtom ? this.#runOctets(LIST_CHAR) : this.#string('a mailbox pattern'));
  }

  /** `number = 1*DIGIT`, up to 4294967295 */
  number(): number {
    const number = Number(this.#digits('a number'));
    if (number > MAX_32_BIT) throw new SyntaxFailure('A number is larger than 4294967295.');
    return number;
  }

  /** `nz-number = digit-nz *DIGIT`, up to 4294967295 */
  nzNumber(): number {
    if (this.peekOctet() === 0x30) throw this.failure('a number that does not begin with 0');
    return this.number();
  }

  /** `number64 = 1*DIGIT`, up to 9223372036854775807; beyond 2^53 it is rounded, which no size or MODSEQ reaches. */
  number64(): number {
    const digits = this.#digits('a number');
    if (digits.length > 15 && BigInt(digits) > MAX_63_BIT) throw new SyntaxFailure('A number is too large.');
    return Number(digits);
  }

  /** `sequence-set = (seq-number / seq-range) ["," sequence-set]`, `sequence-set =/ "$"` (RFC 5182) */
  sequenceSet(): SequenceSet {
    if (this.take('$')) return '$';
    const set: SetRange[] = [];
    do {
      const first = this.#setNumber();
      set.push({ first, last: this.take(':') ? this.#setNumber() : first });
    } while (this.take(','));
    return set;
  }

  /** `flag-list = "(" [flag *(SP flag)] ")"`, or flags without parentheses, as RFC 9051 allows in STORE. */
  flagList(): FlagList {
    const system = new Set<SystemFlag>();
    const keywords = new Set<string>();
    const read = () => {
      const flag = this.flag();
      const known = systemFlags.get(flag.toLowerCase());
      if (known === undefined) keywords.add(flag);
      else system.add(known);
    };
    if (this.peekOctet() === 0x28) this.parenthesised(read);
    else {
      do read();
      while (this.spaceBeforeMore() && this.take(' '));
    }
    return { system: [...system], keywords: [...keywords] };
  }

  /** `flag = "\Answered" / … / flag-keyword`; an unknown flag that begins with a backslash, or `\Recent`, is refused. */
  flag(): string {
    const backslash = this.take('\\');
    const name = this.atom();
    if (!backslash) return name;
    const flag = systemFlags.get(`\\${name.toLowerCase()}`);
    if (flag === undefined) throw new SyntaxFailure(`\\${nameWord(name)} is not a flag that can be set.`);
    return flag;
  }

  /** `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE` */
  dateTime(): DateTime {
    if (this.peekOctet() !== QUOTE) throw this.failure('a date and time in quotes');
    const text = this.#quoted().toString('latin1');
    const dateTime = parseDateTime(text);
    if (dateTime === undefined) throw new SyntaxFailure(`"${nameWord(text)}" is not a date and time.`);
    return dateTime;
  }

  /** `date = date-text / DQUOTE date-text DQUOTE` */
  date(): CalendarDate {
    const text = this.peekOctet() === QUOTE ? this.#quoted().toString('latin1') : this.#run(ATOM_CHAR, 'a date');
    const date = parseDate(text);
    if (date === undefined) throw new SyntaxFailure(`"${nameWord(text)}" is not a date.`);
    return date;
  }

  /** `"(" [element *(SP element)] ")"` */
  parenthesised<T>(element: () => T, limits: ListLimits = {}): T[] {
    const elements: T[] = [];
    this.nested(() => {
      if (this.peekOctet() === 0x29) return;
      do {
        if (elements.length === limits.most) throw new SyntaxFailure(`A list has more than ${limits.most} elements.`);
        elements.push(element());
      } while (this.take(' '));
    });
    return elements;
  }

  /** `"(" content ")"`; refuses to go too deep. */
  nested<T>(content: () => T): T {
    this.expect('(');
    this.#depth += 1;
    if (this.#depth > MAX_PARENTHESES_DEPTH) throw new SyntaxFailure('Parentheses are nested too deep.');
    const value = content();
    this.expect(')');
    this.#depth -= 1;
    return value;
  }

  #run(characterClass: number, expected: string): string {
    if (!isIn(this.peekOctet(), characterClass)) throw this.failure(expected);
    return this.#runOctets(characterClass).toString('latin1');
  }

  #runOctets(characterClass: number): Buffer {
    const start = this.#position;
    this.#position = endOfRun(this.#octets, start, characterClass);
    return this.#octets.subarray(start, this.#position);
  }

  #encoded(name: Buffer): Buffer {
    if (!this.#utf8Names) return name;
    const encoded = encodedFromUtf8(name);
    if (encoded === undefined) throw new SyntaxFailure('The name of a mailbox is not in UTF-8.');
    return encoded;
  }

  #digits(expected: string): string {
    const digits = this.#run(DIGIT, expected);
    if (isIn(this.peekOctet(), ATOM_CHAR) && /[A-Za-z]/.test(String.fromCharCode(this.peekOctet() ?? 0)))
      throw this.failure('the end of a number');
    // Leading zeros are legal in `number`, so the length says nothing before they are gone.
    return digits.replace(/^0+(?=\d)/, '');
  }

  #setNumber(): SetNumber {
    return this.take('*') ? '*' : this.nzNumber();
  }

  #string(expected: string): Buffer {
    const next = this.peekOctet();
    if (next === QUOTE) return this.#quoted();
    if (next === OPENING_BRACE || (next === TILDE && this.#octets[this.#position + 1] === OPENING_BRACE))
      return this.#literal();
    throw this.failure(expected);
  }

  /** `quoted = DQUOTE *QUOTED-CHAR DQUOTE`; 8-bit octets pass, and a backslash may stand before any character. */
  #quoted(): Buffer {
    const start = this.#position + 1;
    let escapes = 0;
    for (let at = start; ; at += 1) {
      const octet = this.#octets[at];
      if (octet === QUOTE) {
        this.#position = at + 1;
        const content = this.#octets.subarray(start, at);
        return escapes === 0 ? content : withoutEscapes(content, escapes);
      }
      if (octet === BACKSLASH) {
        escapes += 1;
        at += 1;
      }
      const octetMeant = this.#octets[at];
      if (octetMeant === undefined || octetMeant === 0 || octetMeant === 0x0a || octetMeant === 0x0d) {
        this.#position = Math.min(at, this.#octets.length);
        throw this.failure('the closing quote of a string');
      }
    }
  }

  /** `literal = "{" number64 ["+"] "}" CRLF *CHAR8`; `~{` allows NUL (literal8). */
  #literal(): Buffer {
    const binary = this.take('~');
    this.expect('{');
    const sizeOctets = this.number64();
    this.take('+');
    this.expect('}');
    this.take('\r');
    if (!this.take('\n')) throw this.failure('a line end');
    const end = this.#position + sizeOctets;
    if (end > this.#octets.length) throw new SyntaxFailure('A literal is shorter than announced.');
    const content = this.#octets.subarray(this.#position, end);
    if (!binary && content.includes(0)) throw new SyntaxFailure('A literal contains NUL.');
    this.#position = end;
    return content;
  }
}

function withoutEscapes(content: Buffer, escapes: number): Buffer {
  const plain = Buffer.allocUnsafe(content.length - escapes);
  let to = 0;
  for (let from = 0; from < content.length; from += 1) {
    if (content[from] === BACKSLASH) from += 1;
    plain[to] = content[from] ?? 0;
    to += 1;
  }
  return plain;
}
