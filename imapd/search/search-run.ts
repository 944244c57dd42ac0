/**
 * Evaluates search keys on the selected mailbox, for SEARCH, SORT and THREAD.
 *
 * Cheap conditions are asked first, so that a file is opened only for a message that passed all the others, and at
 * most once. The work is done in slices with breaks between them, and ends when the client has gone. What each key
 * means is in search-conditions.ts.
 */
import { joinedSpans } from '../../maildir/spans.js';
import { falseIfGone } from '../cache/message-reading.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import { SyntaxFailure } from '../wire/failures.js';
import { asksModSequences, type SearchKey } from '../wire/search-keys.js';
import { Candidate, MESSAGES_PER_LOOK_AT_CLOCK } from './candidate.js';
import { filterNamed } from './filters.js';
import { COST, type Condition, conditionFor, type Verdict } from './search-conditions.js';
import { textConditions } from './search-texts.js';

/** The clock is asked once per so many messages that needed nothing of the disk. */
const NAMES_PER_LOOK_AT_CLOCK = 512;

/** What SEARCH, SORT and THREAD look for. */
export interface SearchRequest {
  /** As the client named it; undefined is US-ASCII, of which UTF-8 is a superset. */
  readonly charset?: string | undefined;
  readonly key: SearchKey;
  /** Where; in the selected mailbox if absent. */
  readonly mailbox?: SelectedMailbox;
}

/** Which of the messages found the client wants to hear of: all, or the first and the last ones only. */
export interface SearchExtent {
  readonly all: boolean;
  readonly first: boolean;
  readonly last: boolean;
}

/** What no FUZZY key has looked at fits exactly. */
const MOST_RELEVANT = 100;

const EVERYTHING: SearchExtent = { all: true, first: true, last: true };

/**
 * Finds the messages that a key describes; gives their sequence numbers, ascending. Messages that have left meanwhile
 * are not found.
 *
 * @param relevancies takes the relevancy of each, by its sequence number
 * @throws {CommandFailure} BADCHARSET
 */
export async function searchMessages(
  session: Session,
  request: SearchRequest,
  extent = EVERYTHING,
  relevancies?: Map<number, number>,
): Promise<number[]> {
  if (asksModSequences(request.key)) await session.useModSequences();
  const search = await Search.begin(session, request);
  search.relevancies = relevancies;
  const { count } = request.mailbox ?? session.selected;
  if (count === 0) return [];
  if (extent.all) return search.go(1, count, Number.POSITIVE_INFINITY);
  const first = extent.first ? await search.go(1, count, 1) : [];
  const [lowest] = first;
  if (!extent.last || (extent.first && lowest === undefined)) return first;
  const last = await search.go(count, lowest ?? 1, 1);
  return lowest !== undefined && last[0] === lowest ? first : [...first, ...last];
}

/** RFC 6855 section 3: whoever says that all is UTF-8 cannot say that this is something else. */
export function checkCharset(session: Session, charset: string | undefined): void {
  if (charset === undefined || !session.isEnabled('UTF8=ACCEPT')) return;
  throw new SyntaxFailure('CHARSET is not to be said after ENABLE UTF8=ACCEPT.');
}

/** Asks some messages only, by their sequence numbers. Gives those that the key describes. */
export async function searchAmong(
  session: Session,
  request: SearchRequest,
  numbers: readonly number[],
): Promise<number[]> {
  const search = await Search.begin(session, request);
  const found: number[][] = [];
  // A STORE of everything changes messages that stand side by side, and nobody should wait once for each.
  for (const [first, last] of joinedSpans(numbers.map((number) => [number, number])))
    found.push(await search.go(first, last, Number.POSITIVE_INFINITY));
  return found.flat();
}

/** A search for what needs nothing of the disk. */
interface NameSearch {
  readonly to: number;
  readonly most: number;
  /** Takes the numbers that are found. */
  readonly found: number[];
}

class Search {
  /** Takes the relevancy of each message that is found. */
  relevancies: Map<number, number> | undefined;
  readonly #session: Session;
  readonly #condition: Condition;
  readonly #candidate: Candidate;

  private constructor(session: Session, condition: Condition, candidate: Candidate) {
    this.#session = session;
    this.#condition = condition;
    this.#candidate = candidate;
  }

  static async begin(session: Session, { charset, key, mailbox: other }: SearchRequest): Promise<Search> {
    const mailbox = other ?? session.selected;
    const condition = conditionFor(key, {
      mailbox,
      texts: textConditions(charset),
      now: session.clock.now(),
      filterNamed: (name) => filterNamed(session, name),
    });
    const facts = condition.cost < COST.header ? session.facts.of(mailbox.folder) : session.facts.ready(mailbox.folder);
    return new Search(session, condition, new Candidate(mailbox, await facts));
  }

  /** Asks from one number to another, upwards or downwards, and ends when it has found `most` messages. */
  async go(from: number, to: number, most: number): Promise<number[]> {
    const session = this.#session;
    const found: number[] = [];
    const step = from <= to ? 1 : -1;
    if (this.#condition.cost === COST.name) {
      for (let number = from; step > 0 ? number <= to : number >= to; ) {
        number = this.#goByNames(number, step, { to, most, found });
        if (found.length >= most) break;
        const turn = session.pace();
        if (turn !== undefined) await turn;
      }
      return found;
    }
    for (let number = from; step > 0 ? number <= to : number >= to; number += step) {
      const verdict = this.#judge(number);
      const holds: boolean = verdict instanceof Promise ? await verdict : verdict;
      if (holds) {
        found.push(number);
        this.relevancies?.set(number, this.#candidate.relevancy ?? MOST_RELEVANT);
      }
      if (found.length >= most) break;
      if (number % MESSAGES_PER_LOOK_AT_CLOCK !== 0 && !this.#candidate.opened) continue;
      const turn = session.pace();
      if (turn === undefined) continue;
      await turn;
      await session.tellProgress(Math.abs(number - from) + 1, Math.abs(to - from) + 1);
    }
    return found;
  }

  /** Asks so many that it takes no time, where all is known that is asked. Gives the number to go on with. */
  #goByNames(from: number, step: number, { to, most, found }: NameSearch): number {
    const candidate = this.#candidate;
    const condition = this.#condition;
    for (let asked = 0, number = from; ; number += step, asked += 1) {
      const isOver = step > 0 ? number > to : number < to;
      if (isOver || asked === NAMES_PER_LOOK_AT_CLOCK) return number;
      if (!candidate.moveTo(number) || condition.holds(candidate) !== true) continue;
      found.push(number);
      this.relevancies?.set(number, candidate.relevancy ?? MOST_RELEVANT);
      if (found.length >= most) return number + step;
    }
  }

  #judge(number: number): boolean | Promise<boolean> {
    const candidate = this.#candidate;
    let waiting = false;
    // The file is closed in any case. Of a message that vanishes while it is read nothing can be said: it is not found.
    try {
      if (!candidate.moveTo(number)) return false;
      const verdict = this.#condition.holds(candidate);
      if (typeof verdict === 'boolean') return verdict;
      const first = verdict.next();
      if (first.done === true) return first.value;
      waiting = true;
      return this.#rest(verdict)
        .catch(falseIfGone)
        .finally(() => candidate.close());
    } catch (error) {
      return falseIfGone(error);
    } finally {
      if (!waiting) candidate.close();
    }
  }

  async #rest(verdict: Exclude<Verdict, boolean>): Promise<boolean> {
    for (;;) {
      const turn = this.#session.pace();
      if (turn !== undefined) {
        await turn;
        if (!this.#candidate.relocate()) return false;
      }
      const step = verdict.next();
      if (step.done === true) return step.value;
    }
  }
}
