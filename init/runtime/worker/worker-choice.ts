/**
 * Which of the mail workers of one uid serves the next maildir, or that a further one is needed.
 *
 * A worker costs some 30 MB, and a session hardly anything: what calls for a further one is work, not sessions. It
 * knows no processes; numbers are all it sees.
 */

/** A worker as the choice sees it. */
export interface Candidate {
  readonly sessions: number;
  /** The part of a processor core that it needs, 0 to 1. */
  readonly processorShare: number;
}

/** With more sessions than this, collecting the garbage of a worker keeps them waiting for too long. */
const MAX_SESSIONS_BEFORE_NEXT = 2_000;

/** From here on, the sessions of a worker hold up one another. */
const BUSY_SHARE = 0.7;

/** A maildir without sessions comes back to the same worker, unless another has so many fewer. */
const UNEVEN_SESSIONS = 100;

/**
 * The worker for a maildir that has no session now. Undefined: a further one is to be started, which `mayStart` allows
 * or not. Without candidates it is always undefined.
 */
export function chooseWorker<Worker extends Candidate>(
  candidates: readonly Worker[],
  maildirKey: string,
  mayStart: boolean,
): Worker | undefined {
  const preferred = candidates[spread(maildirKey, candidates.length)];
  if (preferred === undefined) return undefined;
  const free = candidates.filter((candidate) => !isBusy(candidate));
  const among = free.length > 0 ? free : candidates;
  const least = among.reduce((one, other) => (other.sessions < one.sessions ? other : one));
  if (mayStart && (free.length === 0 || least.sessions >= MAX_SESSIONS_BEFORE_NEXT)) return undefined;
  return among.includes(preferred) && preferred.sessions < least.sessions + UNEVEN_SESSIONS ? preferred : least;
}

/** Whether the sessions of a worker hold up one another. */
export function isBusy({ processorShare }: Pick<Candidate, 'processorShare'>): boolean {
  return processorShare >= BUSY_SHARE;
}

/** A number below `count` that is always the same for a text: who comes back finds folders in memory. */
function spread(text: string, count: number): number {
  let sum = 0;
  for (const character of text) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0;
  return count === 0 ? 0 : sum % count;
}
