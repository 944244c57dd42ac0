/**
 * The conditions of SEARCH that compare texts: HEADER and its kin, BODY, TEXT.
 */
import type { FactView } from '../cache/folder-facts.js';
import { CommandFailure } from '../completion.js';
import { isKnownCharset } from '../message/charset.js';
import { compileNeedle, foldedHolds, type Needle } from '../message/needle.js';
import { bodyMatches, headerMatches, type KnownFields, messageMatches } from '../message/search-text.js';
import type { Candidate } from './candidate.js';
import { COST, type TextConditions } from './search-conditions.js';
import { findSection, hasField, isLeftOut, SECTION, type Section } from './search-facts.js';

/**
 * Makes text conditions for a client's character set; without one, texts are UTF-8, of which US-ASCII is a part.
 *
 * @throws {CommandFailure} BADCHARSET, also when no key has a text: the client asked whether we know it.
 */
export function textConditions(charset: string | undefined): TextConditions {
  if (charset !== undefined && !isKnownCharset(charset)) throw badCharset();
  const needleOf = (text: Buffer): Needle => {
    const needle = compileNeedle(text, charset);
    if (needle === undefined) throw badCharset();
    return needle;
  };
  return {
    header(field, text) {
      const needle = needleOf(text);
      const section = sections.get(field);
      if (section !== undefined)
        return { cost: COST.header, holds: (candidate) => inFacts(candidate, section, needle) };
      return { cost: COST.otherHeader, holds: ({ reading }) => headerMatches(reading.header(), field, needle) };
    },
    body(text) {
      const needle = needleOf(text);
      return { cost: COST.text, holds: (candidate) => inBody(candidate, needle) };
    },
    text(text) {
      const needle = needleOf(text);
      return { cost: COST.text, holds: (candidate) => inMessage(candidate, needle) };
    },
    words: (text) => wordsIn(needleOf(text).folded),
    get inUtf8() {
      return textConditions(undefined);
    },
  };
}

function wordsIn(folded: string): string[] {
  return folded.split(/[^\p{L}\p{N}\p{M}]+/u).filter((word) => word !== '');
}

/** The words of a field, folded; none of one that is not kept, or too long to be. */
export function wordsOfField({ facts }: Candidate, field: string): string[] {
  const section = sections.get(field);
  if (section === undefined || isLeftOut(facts, section)) return [];
  findSection(facts, section, place);
  return wordsIn(facts.octets.toString('utf8', place.start, place.end));
}

/** Fields that SEARCH_FACTS have, by their names in capitals. */
const sections = new Map<string, Section>([
  ['SUBJECT', SECTION.subject],
  ['FROM', SECTION.from],
  ['TO', SECTION.to],
  ['CC', SECTION.cc],
  ['BCC', SECTION.bcc],
]);

const place = { start: 0, end: 0 };

/** An empty text asks whether the field is there. */
function inFacts(candidate: Candidate, section: Section, needle: Needle): boolean {
  const { facts } = candidate;
  if (!hasField(facts, section)) return false;
  if (needle.octets.length === 0) return true;
  if (isLeftOut(facts, section)) return headerMatches(candidate.reading.header(), fieldNames[section] ?? '', needle);
  findSection(facts, section, place);
  return foldedHolds(facts.octets, place.start, place.end, needle);
}

const fieldNames = [...sections.keys()];

function* inBody({ reading }: Candidate, needle: Needle): Generator<void, boolean> {
  const index = yield* reading.index();
  return yield* bodyMatches(reading.file, index, needle);
}

function* inMessage(candidate: Candidate, needle: Needle): Generator<void, boolean> {
  const { reading } = candidate;
  const index = yield* reading.index();
  const { knownFacts } = candidate;
  return yield* messageMatches(reading.file, index, needle, knownFacts && knownFields(knownFacts));
}

/** What a record knows of the header. Valid as long as the view. */
export function knownFields(facts: FactView): KnownFields {
  return {
    has(name) {
      const section = sections.get(name);
      return section !== undefined && !isLeftOut(facts, section);
    },
    hold(needle) {
      for (const section of sections.values()) {
        findSection(facts, section, place);
        if (foldedHolds(facts.octets, place.start, place.end, needle)) return true;
      }
      return false;
    },
  };
}

function badCharset(): CommandFailure {
  return new CommandFailure('The requested character set is not supported.', 'BADCHARSET (UTF-8 US-ASCII)');
}
