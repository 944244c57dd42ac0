/**
 * What happens when a login fails, the same for all protocols: a line in the log in the words that fail2ban looks for, and
 * a wait. What the client is told then, the protocol says.
 */

import { type Log, logValue } from '../log/log.js';
import { peer } from '../log/session-lines.js';
import type { Clock } from '../system/clock.js';
import type { Endpoint } from '../worker/mail-worker.js';

/** Who tried to log in, as the log names him: by the name that was typed, or by a mechanism. */
export type Attempted = { readonly user: string } | { readonly method: string };

/** Where a login failed. */
export interface FailedLogin {
  readonly log: Log;
  readonly client: { readonly remote: Endpoint };
  readonly clock: Pick<Clock, 'after'>;
  readonly settings: { readonly loginDelaySeconds: number };
}

/** Logs a failed login, and waits: the answer is to come slowly, the more so after others that failed. */
export async function noteFailedLogin(where: FailedLogin, attempted: Attempted, seconds?: number): Promise<void> {
  const { log, client, clock, settings } = where;
  const what = 'user' in attempted ? `user=${logValue(attempted.user)}` : `method=${logValue(attempted.method)}`;
  log.write('info', `LOGIN FAILED, ${what}, ${peer(client.remote)}`);
  await new Promise<void>((resolve) => {
    clock.after((seconds ?? settings.loginDelaySeconds) * 1000, resolve);
  });
}

/** Logs that nobody can tell now whether a login is good. */
export function noteTemporaryFailure({ log }: Pick<FailedLogin, 'log'>, reason: string): void {
  log.write('error', `authentication error: ${reason}`);
}
