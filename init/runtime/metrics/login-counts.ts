/**
 * Figures of logins, as the supervisor sees them: refused connections, answers of authdaemond, and results.
 */
import { count, durationsOf } from './counts.js';

/** Words that may become labels; a login process that says more than these says nothing good. */
const METHOD = /^[a-z][a-z0-9-]{0,19}$/;
const MAX_METHODS = 30;

const results: Readonly<Record<string, string>> = {
  rejected: 'failed',
  'not authorised': 'not authorised',
  'temporary failure': 'temporary failure',
  refused: 'refused',
  'pass on': 'passed on',
  'send socket': 'ok',
  relay: 'ok',
};

const methods = new Set<string>();
const answers = durationsOf('auth_duration_seconds');

/** A login got its answer. */
export function countLogin(authType: string, outcome: string): void {
  const method = authType.toLowerCase();
  const isKnown = methods.has(method) || (METHOD.test(method) && methods.size < MAX_METHODS);
  if (isKnown) methods.add(method);
  count('logins_total', { method: isKnown ? method : 'other', result: results[outcome] ?? 'other' }).value += 1;
}

/** A connection was refused; the text for the client ends with the name of the limit, if it was one. */
export function countRefusal(text: string): void {
  const [, limit = 'access file'] = /\((-?[A-Za-z]+)\)$/.exec(text) ?? [];
  count('connections_refused_total', { reason: limit }).value += 1;
}

/** Waits for an answer of authdaemond, and counts how long that took. */
export async function timedAnswer<T>(answer: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await answer;
  } finally {
    answers.add((performance.now() - startedAt) / 1000);
  }
}
