/**
 * Patterns of LIST and LSUB: `*` is anything, `%` is anything without the delimiter.
 *
 * A pattern is run as a set of places in it that a name's characters move forward, so the time is bounded by the
 * product of their lengths whatever the pattern is. Nothing is ever turned into a regular expression. It knows no
 * folders.
 */
import { CommandFailure } from '../completion.js';
import { decodeMailboxName } from '../wire/modified-utf7.js';
import { belowInbox, DELIMITER, type PersonalNames } from './mailbox-name.js';

/** As Courier. No client has a use for more. */
const MAX_WILDCARDS = 10;

const STAR = '*';
const PERCENT = '%';

/** A pattern that names can be compared with. */
export interface MailboxPattern {
  matches(name: string): boolean;
  /** Whether it may match names below this one; only whoever asks them all knows. */
  mayMatchBelow(name: string): boolean;
  /** What all names that it matches begin with. */
  readonly prefix: string;
}

/**
 * Makes a pattern of a reference and what a client asked for, both as on the wire.
 *
 *     mailboxPattern(Buffer.from('INBOX'), Buffer.from('%'))    // matches 'INBOX.Sent', not 'INBOX.Sent.2024'
 *
 * @throws {CommandFailure} when there are too many wildcards.
 */
export function mailboxPattern(reference: Buffer, pattern: Buffer, names: PersonalNames = belowInbox): MailboxPattern {
  const decoded = decodeMailboxName(joined(reference.toString('latin1'), pattern.toString('latin1')));
  if (decoded === undefined) return nothing;
  const asked = simplified(decoded).replace(/^shared(?=\.|$)/i, 'shared');
  const text = caselessInbox(asked);
  if ([...text].filter(isWildcard).length > MAX_WILDCARDS)
    throw new CommandFailure(`A mailbox pattern may have ${MAX_WILDCARDS} wildcards.`, 'LIMIT');
  if (names === belowInbox || text === asked) return compiled(text);
  // Only INBOX is caseless, and there are names beside it.
  const [ofInbox, ofOthers] = [compiled(text), compiled(asked)];
  return { ...ofOthers, matches: (name) => (/^INBOX(\.|$)/.test(name) ? ofInbox : ofOthers).matches(name) };
}

/** The pattern that one name matches, decoded as it is. */
export function exactPattern(name: string): MailboxPattern {
  return {
    prefix: name,
    matches: (other) => other === name,
    mayMatchBelow: (other) => name.startsWith(other + DELIMITER),
  };
}

const nothing: MailboxPattern = { matches: () => false, mayMatchBelow: () => false, prefix: '\0' };

/** Courier puts a delimiter between reference and pattern where the reference does not end in one. */
function joined(reference: string, pattern: string): string {
  return reference === '' || reference.endsWith(DELIMITER) ? reference + pattern : reference + DELIMITER + pattern;
}

/** A run of wildcards means what the widest of them means. A trailing delimiter asks for the folder before it. */
function simplified(pattern: string): string {
  const runs = pattern.replace(/[*%]+/g, (run) => (run.includes(STAR) ? STAR : PERCENT));
  return runs.length > 1 && runs.endsWith(DELIMITER) ? runs.slice(0, -1) : runs;
}

/** INBOX is caseless: what stands for its letters at the beginning, up to a wildcard, becomes capitals. */
function caselessInbox(pattern: string): string {
  const wildcard = pattern.search(/[*%]/);
  const literal = wildcard < 0 ? pattern : pattern.slice(0, wildcard);
  const length = Math.min(literal.length, 5);
  const beginning = literal.slice(0, length).toUpperCase();
  return 'INBOX'.startsWith(beginning) ? beginning + pattern.slice(length) : pattern;
}

function isWildcard(character: string): boolean {
  return character === STAR || character === PERCENT;
}

function compiled(pattern: string): MailboxPattern {
  const wildcard = pattern.search(/[*%]/);
  const prefix = wildcard < 0 ? pattern : pattern.slice(0, wildcard);
  const mayMatchBelow = (name: string): boolean => mayBegin(pattern, name + DELIMITER, prefix);
  if (wildcard < 0) return { prefix, matches: (name) => name === pattern, mayMatchBelow };
  const rest = pattern.slice(wildcard);
  if (rest === STAR) return { prefix, matches: (name) => name.startsWith(prefix), mayMatchBelow };
  if (rest === PERCENT) {
    return {
      prefix,
      matches: (name) => name.startsWith(prefix) && !name.includes(DELIMITER, prefix.length),
      mayMatchBelow,
    };
  }
  const literals = [...rest].filter((character) => !isWildcard(character)).join('').length;
  return {
    prefix,
    matches: (name) =>
      name.length >= prefix.length + literals &&
      name.startsWith(prefix) &&
      placesAfter(rest, name, prefix.length)?.[rest.length] === 1,
    mayMatchBelow,
  };
}

/** Whether a name that the pattern stands for may begin so. */
function mayBegin(pattern: string, beginning: string, prefix: string): boolean {
  if (beginning.length <= prefix.length) return prefix.startsWith(beginning);
  return beginning.startsWith(prefix) && placesAfter(pattern, beginning, 0) !== undefined;
}

/** The places in the pattern that `name` may have led to, from a position on; undefined if it can stand for none such. */
function placesAfter(pattern: string, name: string, from: number): Uint8Array | undefined {
  // places[i]: the first i characters of the pattern can stand for the part of the name that was read.
  let places = new Uint8Array(pattern.length + 1);
  let next = new Uint8Array(pattern.length + 1);
  places[0] = 1;
  passWildcards(pattern, places);
  for (let position = from; position < name.length; position += 1) {
    const character = name.charAt(position);
    next.fill(0);
    let alive = false;
    for (let place = 0; place < pattern.length; place += 1) {
      if (places[place] === 0) continue;
      const wanted = pattern.charAt(place);
      if (wanted === STAR || (wanted === PERCENT && character !== DELIMITER)) next[place] = 1;
      else if (wanted === character && !isWildcard(wanted)) next[place + 1] = 1;
      else continue;
      alive = true;
    }
    if (!alive) return undefined;
    passWildcards(pattern, next);
    [places, next] = [next, places];
  }
  return places;
}

/** A wildcard may stand for nothing at all. */
function passWildcards(pattern: string, places: Uint8Array): void {
  for (let place = 0; place < pattern.length; place += 1) {
    if (places[place] === 1 && isWildcard(pattern.charAt(place))) places[place + 1] = 1;
  }
}
