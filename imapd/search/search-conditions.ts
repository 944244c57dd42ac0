/**
 * What each search key means (RFC 9051 section 6.4.4), as a condition on one message.
 *
 * A condition says what it costs, and answers at once or, where a large file must be read, in steps. It knows nothing
 * of the loop over messages.
 */
import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagBits, SEEN } from '../../maildir/flags.js';
import { emailId, type IdentifiedMessage, knownEmailId, threadId } from '../cache/message-ids.js';
import type { MessageReading } from '../cache/message-reading.js';
import { CommandFailure } from '../completion.js';
import { NumberSet } from '../mailbox/number-set.js';
import { saveDate } from '../mailbox/save-date.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { SyntaxFailure } from '../wire/failures.js';
import type { DateComparison, SearchFlag, SearchKey } from '../wire/search-keys.js';
import type { Candidate } from './candidate.js';
import { fuzzyCondition } from './fuzzy-conditions.js';
import { sentDay } from './search-facts.js';

/** What a condition may have to touch, in the order of what it takes. */
export const COST = { name: 0, status: 1, header: 2, otherHeader: 3, size: 4, text: 5 } as const;

/** An answer, or the steps to it. */
export type Verdict = boolean | Generator<void, boolean>;

/** A search key, ready to judge messages. */
export interface Condition {
  /** One of `COST`. */
  readonly cost: number;
  holds(candidate: Candidate): Verdict;
}

/** Matches texts; made by the caller, who knows the client's character set. */
export interface TextConditions {
  header(field: string, text: Buffer): Condition;
  body(text: Buffer): Condition;
  text(text: Buffer): Condition;
  /** The words of a client's text, folded. */
  words(text: Buffer): readonly string[];
  /** The same for texts in UTF-8. */
  readonly inUtf8: TextConditions;
}

/** What is searched, and what its keys are measured by. */
export interface SearchScope {
  readonly mailbox: SelectedMailbox;
  readonly texts: TextConditions;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** @throws {CommandFailure} UNDEFINED-FILTER */
  filterNamed(name: string): SearchKey;
  /** How many filters stand inside one another here. */
  readonly filterDepth?: number;
}

/** Makes a condition of a key. Keywords are those that the client may see. */
export function conditionFor(key: SearchKey, scope: SearchScope): Condition {
  const { mailbox, texts, now } = scope;
  switch (key.kind) {
    case 'all':
      return byName(() => true);
    case 'and':
    case 'or':
      return joined(
        key.keys.map((each) => conditionFor(each, scope)),
        key.kind,
      );
    case 'not':
      return negated(conditionFor(key.key, scope));
    case 'fuzzy':
      return fuzzyCondition(key.key, scope);
    case 'filter':
      return filterCondition(key.name, scope);
    case 'flag':
      return flagIs(flagBits[key.bit], key.set, mailbox);
    case 'keyword':
      return keywordIs(key.keyword, key.set, mailbox);
    case 'recent':
      return byName(({ uid }) => mailbox.isRecent(uid));
    case 'old':
      return byName(({ uid }) => !mailbox.isRecent(uid));
    case 'new':
      return byName(({ uid, row }) => mailbox.isRecent(uid) && (mailbox.folder.flagsAt(row) & SEEN) === 0);
    case 'older':
    case 'younger':
      return ageIs(key.kind, now - key.seconds * 1_000);
    case 'sequence set':
      if (key.set === '$') return isSaved(mailbox);
      if (mailbox.uidsOnly) throw new SyntaxFailure('Messages have no numbers.', 'UIDREQUIRED');
      return inSet(new NumberSet(key.set, mailbox.count), ({ sequenceNumber }) => sequenceNumber);
    case 'uid':
      if (key.set === '$') return isSaved(mailbox);
      return inSet(new NumberSet(key.set, mailbox.count === 0 ? 0 : mailbox.uidOf(mailbox.count)), ({ uid }) => uid);
    case 'larger':
    case 'smaller':
      return sizeIs(key.kind, key.octets);
    case 'email id':
      return emailIdIs(key.id);
    case 'thread id':
      return { cost: COST.header, holds: ({ facts }) => threadId(facts) === key.id };
    case 'save date':
      return saveDateIs(key.compare, key.day);
    case 'modseq':
      return byName(({ row }) => (mailbox.folder.sequences.kept?.at(row) ?? 0) >= key.least);
    case 'internal date':
      return internalDateIs(key.compare, key.day);
    case 'sent date':
      return sentDateIs(key.compare, key.day);
    case 'header':
      return texts.header(key.field, key.text);
    case 'body':
      return texts.body(key.text);
    case 'text':
      return texts.text(key.text);
  }
}

/** A filter may name others, and by mistake itself. */
const MAX_FILTER_DEPTH = 10;

/** Filters are in UTF-8, whatever character set the client has for this search. */
function filterCondition(name: string, scope: SearchScope): Condition {
  const { texts, filterDepth = 0 } = scope;
  if (filterDepth === MAX_FILTER_DEPTH) throw new CommandFailure('Filters lead too deep.', `UNDEFINED-FILTER ${name}`);
  const inner = { ...scope, texts: texts.inUtf8, filterDepth: filterDepth + 1 };
  return conditionFor(scope.filterNamed(name), inner);
}

const flagBits: Readonly<Record<SearchFlag, FlagBits>> = {
  answered: ANSWERED,
  deleted: DELETED,
  draft: DRAFT,
  flagged: FLAGGED,
  seen: SEEN,
};

function byName(holds: (candidate: Candidate) => boolean): Condition {
  return { cost: COST.name, holds };
}

/** AND asks until one says no, OR until one says yes; the cheapest is asked first. */
function joined(conditions: readonly Condition[], kind: 'and' | 'or'): Condition {
  const ordered = [...conditions].sort((a, b) => a.cost - b.cost);
  const deciding = kind === 'or';
  return {
    cost: ordered.at(-1)?.cost ?? COST.name,
    holds(candidate) {
      for (let index = 0; index < ordered.length; index += 1) {
        const verdict = ordered[index]?.holds(candidate);
        if (verdict === deciding) return deciding;
        if (typeof verdict === 'object') return joinedFrom(ordered.slice(index + 1), deciding, verdict, candidate);
      }
      return !deciding;
    },
  };
}

function* joinedFrom(
  others: readonly Condition[],
  deciding: boolean,
  pending: Generator<void, boolean>,
  candidate: Candidate,
): Generator<void, boolean> {
  if ((yield* pending) === deciding) return deciding;
  for (const condition of others) {
    const verdict = condition.holds(candidate);
    if ((typeof verdict === 'object' ? yield* verdict : verdict) === deciding) return deciding;
  }
  return !deciding;
}

function negated(condition: Condition): Condition {
  return {
    cost: condition.cost,
    holds(candidate) {
      const verdict = condition.holds(candidate);
      return typeof verdict === 'object' ? opposite(verdict) : !verdict;
    },
  };
}

function* opposite(pending: Generator<void, boolean>): Generator<void, boolean> {
  return !(yield* pending);
}

function flagIs(bit: FlagBits, set: boolean, { folder }: SelectedMailbox): Condition {
  return byName(({ row }) => ((folder.flagsAt(row) & bit) !== 0) === set);
}

/** Keywords are compared without regard to case, as flags are. */
function keywordIs(keyword: string, set: boolean, mailbox: SelectedMailbox): Condition {
  const wanted = keyword.toLowerCase();
  return byName(({ uid }) => {
    const keywords = mailbox.flagsOf(uid)?.keywords ?? [];
    return keywords.some((each) => each.toLowerCase() === wanted) === set;
  });
}

function inSet(set: NumberSet, numberOf: (candidate: Candidate) => number): Condition {
  return byName((candidate) => set.has(numberOf(candidate)));
}

/** Whatever a later command saves, this one means what was saved when it began. */
function isSaved({ savedResult }: SelectedMailbox): Condition {
  return byName(({ uid }) => savedResult.has(uid));
}

/** RFC 5032: OLDER has what is exactly as old, YOUNGER as well. */
function ageIs(kind: 'older' | 'younger', moment: number): Condition {
  return {
    cost: COST.status,
    holds({ mailbox, row }) {
      const date = mailbox.folder.internalDateAt(row);
      return kind === 'older' ? date <= moment : date >= moment;
    },
  };
}

/** The file is read where nobody asked for its EMAILID before. */
function emailIdIs(wanted: string): Condition {
  return {
    cost: COST.text,
    holds({ folderFacts: facts, row, reading, ownView }) {
      const known = knownEmailId(facts, row, ownView);
      return known === undefined ? isEmailId({ facts, row, reading }, wanted) : known === wanted;
    },
  };
}

function* isEmailId(message: IdentifiedMessage, wanted: string): Generator<void, boolean> {
  return (yield* emailId(message)) === wanted;
}

/** RFC 8514 section 4.3: without a save date, the internal date counts. */
function saveDateIs(compare: DateComparison, day: number): Condition {
  return {
    cost: COST.status,
    holds({ mailbox: { folder }, row }) {
      return daysCompare(compare, localDay(saveDate(folder, row) ?? folder.internalDateAt(row)), day);
    },
  };
}

/**
 * RFC822.SIZE counts CRLF where the file has LF, so it is between the size of the file and twice that. Where this
 * leaves no doubt, the file is not read.
 */
function sizeIs(kind: 'larger' | 'smaller', octets: number): Condition {
  const compare = kind === 'larger' ? (size: number) => size > octets : (size: number) => size < octets;
  return {
    cost: COST.size,
    holds(candidate) {
      const fileOctets = candidate.mailbox.folder.sizeOctetsAt(candidate.row);
      if (compare(fileOctets) === compare(fileOctets * 2)) return compare(fileOctets);
      return comparedSize(candidate.reading, compare);
    },
  };
}

function* comparedSize(reading: MessageReading, compare: (size: number) => boolean): Generator<void, boolean> {
  return compare(yield* reading.wireOctets());
}

const MILLISECONDS_OF_DAY = 86_400_000;

/**
 * BEFORE, ON and SINCE look at the calendar day of the server's own zone, as Courier does, and not at the time. No zone
 * is a day away from UTC, so the zone is asked for only near the day in question.
 */
function internalDateIs(compare: DateComparison, day: number): Condition {
  const surelyBefore = (day - 1) * MILLISECONDS_OF_DAY;
  const surelyAfter = (day + 2) * MILLISECONDS_OF_DAY;
  return {
    cost: COST.status,
    holds({ mailbox, row }) {
      const moment = mailbox.folder.internalDateAt(row);
      if (moment < surelyBefore) return compare === 'before';
      if (moment >= surelyAfter) return compare === 'since';
      return daysCompare(compare, localDay(moment), day);
    },
  };
}

/** The day, counted from 1 January 1970, that the server's calendar shows at a moment. */
export function localDay(moment: number): number {
  const zoneMinutes = new Date(moment).getTimezoneOffset();
  return Math.floor((moment - zoneMinutes * 60_000) / MILLISECONDS_OF_DAY);
}

/** SENTBEFORE, SENTON and SENTSINCE take the day as it is written in the Date field, without regard to its zone. */
function sentDateIs(compare: DateComparison, day: number): Condition {
  return {
    cost: COST.header,
    holds({ facts, mailbox, row }) {
      return daysCompare(compare, sentDay(facts) ?? localDay(mailbox.folder.internalDateAt(row)), day);
    },
  };
}

function daysCompare(compare: DateComparison, day: number, wanted: number): boolean {
  switch (compare) {
    case 'before':
      return day < wanted;
    case 'on':
      return day === wanted;
    case 'since':
      return day >= wanted;
  }
}
