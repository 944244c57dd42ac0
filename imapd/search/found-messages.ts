/**
 * Goes over the messages that a search found, to collect what SORT and THREAD compare. Messages that vanish meanwhile are
 * left out, and others get their turn in between.
 */
import { falseIfGone } from '../cache/message-reading.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { Candidate, MESSAGES_PER_LOOK_AT_CLOCK } from './candidate.js';

/** What is collected of each message, and whether RFC822.SIZE is a part of it. */
export interface Collector {
  readonly needsSize: boolean;
  /** Takes what it needs. What is asked of the message first may say that it is gone. */
  take(candidate: Candidate, sizeOctets: number): void;
}

/** Shows each message to the collector, by its sequence number. */
export async function collect(session: Session, numbers: readonly number[], collector: Collector): Promise<void> {
  const facts = await session.facts.ready(session.selected.folder);
  const candidate = new Candidate(session.selected, facts);
  for (const [at, number] of numbers.entries()) {
    if (collector.needsSize) await takeWithSize(session, candidate, number, collector);
    else take(candidate, number, collector);
    if (number % MESSAGES_PER_LOOK_AT_CLOCK !== 0 && !candidate.opened) continue;
    const turn = session.pace();
    if (turn === undefined) continue;
    await turn;
    await session.tellProgress(at + 1, numbers.length);
  }
}

function take(candidate: Candidate, number: number, collector: Collector): void {
  try {
    if (candidate.moveTo(number)) collector.take(candidate, 0);
  } catch (error) {
    falseIfGone(error);
  } finally {
    candidate.close();
  }
}

async function takeWithSize(
  session: Session,
  candidate: Candidate,
  number: number,
  collector: Collector,
): Promise<void> {
  try {
    if (!candidate.moveTo(number)) return;
    const size = await paced(session, candidate.reading.wireOctets());
    if (candidate.relocate()) collector.take(candidate, size);
  } catch (error) {
    falseIfGone(error);
  } finally {
    candidate.close();
  }
}
