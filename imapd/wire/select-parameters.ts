/**
 * What SELECT and EXAMINE are asked beside the mailbox: `(CONDSTORE)`, `(QRESYNC (67890007 90060115194045000 41:211))`
 * (RFC 4466 section 2.4, RFC 7162 sections 3.1.8 and 3.2.5).
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import type { SequenceSet } from './sequence-set.js';

/** What a client knows of a mailbox from an earlier session. */
export interface ResyncParameters {
  readonly uidValidity: number;
  readonly modSequence: number;
  /** The UIDs that it knows; undefined for all there can be. */
  readonly knownUids: SequenceSet | undefined;
  /** Sequence numbers and UIDs that belonged together. */
  readonly matches: { readonly sequenceNumbers: SequenceSet; readonly uids: SequenceSet } | undefined;
}

/** The parameters of SELECT. */
export interface SelectParameters {
  readonly condstore: boolean;
  readonly resync: ResyncParameters | undefined;
}

const none: SelectParameters = { condstore: false, resync: undefined };

/** `select-params = SP "(" select-param *(SP select-param) ")"`, which may be left out. */
export function parseSelectParameters(cursor: Cursor): SelectParameters {
  if (!cursor.spaceBeforeMore()) return none;
  cursor.sp();
  let { condstore, resync } = none;
  const parameters = cursor.parenthesised(() => {
    const word = cursor.atom();
    const name = word.toUpperCase();
    if (name === 'CONDSTORE') condstore = true;
    else if (name === 'QRESYNC') resync = parseResync(cursor);
    else throw new SyntaxFailure(`Unknown parameter ${nameWord(word)}.`);
  });
  if (parameters.length === 0) throw new SyntaxFailure('Parentheses without a parameter.');
  return { condstore, resync };
}

/** `SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` */
function parseResync(cursor: Cursor): ResyncParameters {
  cursor.sp();
  return cursor.nested(() => {
    const uidValidity = cursor.nzNumber();
    cursor.sp();
    const modSequence = cursor.number64();
    let knownUids: SequenceSet | undefined;
    let matches: ResyncParameters['matches'];
    if (cursor.take(' ') && cursor.peekOctet() !== 0x28) {
      knownUids = plainSet(cursor);
      if (cursor.take(' ')) matches = parseMatches(cursor);
    } else if (cursor.peekOctet() === 0x28) {
      matches = parseMatches(cursor);
    }
    return { uidValidity, modSequence, knownUids, matches };
  });
}

/** `seq-match-data = "(" known-sequence-set SP known-uid-set ")"` */
function parseMatches(cursor: Cursor): ResyncParameters['matches'] {
  return cursor.nested(() => {
    const sequenceNumbers = plainSet(cursor);
    cursor.sp();
    return { sequenceNumbers, uids: plainSet(cursor) };
  });
}

/** `sequence-set`, with "*" not allowed: the client tells what it knows. */
function plainSet(cursor: Cursor): SequenceSet {
  const set = cursor.sequenceSet();
  const hasStar = set === '$' || set.some(({ first, last }) => first === '*' || last === '*');
  if (hasStar) throw new SyntaxFailure('A set of known messages names numbers.');
  return set;
}
