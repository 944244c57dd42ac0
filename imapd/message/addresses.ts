/**
 * Address lists of RFC 5322 section 3.4, with what section 4.4 and sloppy programs write instead.
 *
 * Strings are octets as Latin-1; encoded words stay as they are. Nothing is refused: what cannot be understood becomes
 * a mailbox name, so that a client can show it.
 */
import { MAX_ADDRESS_FIELD_OCTETS, MAX_ADDRESSES, MAX_COMMENT_DEPTH } from './limits.js';

/** An address as an envelope has it (RFC 9051 section 7.5.2); undefined is NIL. */
export interface Address {
  readonly name: string | undefined;
  readonly route: string | undefined;
  /** Local part, or the name of a group at its start; undefined at a group's end. */
  readonly mailbox: string | undefined;
  /** Undefined at the start and the end of a group. */
  readonly host: string | undefined;
}

/** Reads an address field: at most `most` addresses, markers of groups counted. Linear in its length. */
export function parseAddresses(field: string, most = MAX_ADDRESSES): Address[] {
  return new AddressReader(field.slice(0, MAX_ADDRESS_FIELD_OCTETS), most).read();
}

const groupEnd: Address = { name: undefined, route: undefined, mailbox: undefined, host: undefined };

type Token =
  | { readonly kind: 'word' | 'quoted' | 'comment' | 'literal'; readonly text: string; readonly spaced: boolean }
  | { readonly kind: 'special'; readonly text: string; readonly spaced: boolean };

class AddressReader {
  readonly #text: string;
  readonly #most: number;
  readonly #addresses: Address[] = [];
  #position = 0;
  #inGroup = false;
  /** Tokens of the present address that are not yet understood. */
  #phrase: Token[] = [];
  #comment: string | undefined;
  #angle: Token[] | undefined;
  #inAngle = false;

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  read(): Address[] {
    for (let token = this.#token(); token !== undefined; token = this.#token()) {
      if (this.#addresses.length >= this.#most) break;
      this.#take(token);
    }
    this.#finishAddress();
    if (this.#inGroup) this.#addresses.push(groupEnd);
    return this.#addresses;
  }

  #take(token: Token): void {
    if (token.kind === 'comment') {
      this.#comment ??= token.text;
      return;
    }
    if (token.kind !== 'special') {
      (this.#inAngle ? (this.#angle ?? this.#phrase) : this.#phrase).push(token);
      return;
    }
    if (this.#inAngle) {
      if (token.text === '>') this.#inAngle = false;
      else this.#angle?.push(token);
      return;
    }
    switch (token.text) {
      case '<':
        this.#angle = [];
        this.#inAngle = true;
        return;
      case ',':
        this.#finishAddress();
        return;
      case ':':
        this.#startGroup();
        return;
      case ';':
        this.#finishAddress();
        if (this.#inGroup) this.#addresses.push(groupEnd);
        this.#inGroup = false;
        return;
      case '>':
        return;
      default:
        this.#phrase.push(token);
    }
  }

  #startGroup(): void {
    if (this.#inGroup || this.#phrase.length === 0 || this.#angle !== undefined) return;
    this.#addresses.push({ name: undefined, route: undefined, mailbox: phraseText(this.#phrase), host: undefined });
    this.#inGroup = true;
    this.#clear();
  }

  #finishAddress(): void {
    const phrase = phraseText(this.#phrase);
    if (this.#angle !== undefined) {
      const name = phrase === '' ? this.#comment : phrase;
      this.#push(name, this.#angle);
    } else if (this.#phrase.length > 0) {
      this.#push(this.#comment, this.#phrase);
    }
    this.#clear();
  }

  #push(name: string | undefined, spec: readonly Token[]): void {
    const { route, rest } = splitRoute(spec);
    const at = rest.findLastIndex((token) => token.kind === 'special' && token.text === '@');
    const local = at === -1 ? rest : rest.slice(0, at);
    const host = at === -1 ? undefined : plainText(rest.slice(at + 1));
    const mailbox = at === -1 ? phraseText(local) : plainText(local);
    if (mailbox === '' && (host ?? '') === '' && name === undefined) return;
    // Without a host the address would look like a group's start; an empty one says "not known".
    this.#addresses.push({ name, route, mailbox, host: host ?? '' });
  }

  #clear(): void {
    this.#phrase = [];
    this.#comment = undefined;
    this.#angle = undefined;
    this.#inAngle = false;
  }

  #token(): Token | undefined {
    const text = this.#text;
    const start = this.#position;
    let at = start;
    while (at < text.length && isBlank(text.charCodeAt(at))) at += 1;
    if (at >= text.length) return undefined;
    const spaced = at > start;
    const character = text.charAt(at);
    if (character === '"') return this.#enclosed('quoted', at, spaced);
    if (character === '(') return this.#enclosed('comment', at, spaced);
    if (character === '[') return this.#enclosed('literal', at, spaced);
    if (specials.includes(character)) {
      this.#position = at + 1;
      return { kind: 'special', text: character, spaced };
    }
    let end = at + 1;
    while (end < text.length && !isBlank(text.charCodeAt(end)) && !stops.includes(text.charAt(end))) end += 1;
    this.#position = end;
    return { kind: 'word', text: text.slice(at, end), spaced };
  }

  /** Reads a quoted string, a comment or a domain literal; the end may be missing. */
  #enclosed(kind: 'quoted' | 'comment' | 'literal', start: number, spaced: boolean): Token {
    const text = this.#text;
    let content = '';
    let depth = 1;
    let at = start + 1;
    for (; at < text.length; at += 1) {
      const character = text.charAt(at);
      if (character === '\\') {
        at += 1;
        content += text.charAt(at);
        continue;
      }
      if (kind === 'comment' && character === '(' && depth < MAX_COMMENT_DEPTH) depth += 1;
      if (character === closers[kind]) depth -= 1;
      if (depth === 0) break;
      content += character;
    }
    this.#position = at + 1;
    return { kind, text: kind === 'literal' ? `[${content}]` : kind === 'comment' ? content.trim() : content, spaced };
  }
}

const specials = '<>@,;:';
const stops = `${specials}"([`;
const closers = { quoted: '"', comment: ')', literal: ']' } as const;

/** `<@a,@b:user@host>`: the source route of RFC 5322 section 4.4. */
function splitRoute(spec: readonly Token[]): { route: string | undefined; rest: readonly Token[] } {
  const [first] = spec;
  if (first?.kind !== 'special' || first.text !== '@') return { route: undefined, rest: spec };
  const colon = spec.findIndex((token) => token.kind === 'special' && token.text === ':');
  if (colon === -1) return { route: undefined, rest: spec };
  return { route: plainText(spec.slice(0, colon)), rest: spec.slice(colon + 1) };
}

/** Words with the spaces that stood between them, one for many. */
function phraseText(tokens: readonly Token[]): string {
  return tokens.map((token, index) => (token.spaced && index > 0 ? ` ${token.text}` : token.text)).join('');
}

function plainText(tokens: readonly Token[]): string {
  return tokens.map((token) => token.text).join('');
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0;
}
