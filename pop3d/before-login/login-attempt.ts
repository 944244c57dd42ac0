/**
 * What PASS, AUTH and APOP do alike once a client has said who it is: ask, and answer a refusal slowly.
 *
 * It knows no syntax.
 */
import type { SaslClaim } from '../../authdaemon/sasl/conversation.js';
import { type Attempted, noteFailedLogin, noteTemporaryFailure } from '../../init/runtime/limits/failed-login.js';
import type { LoginOutcome, LoginRequest, RefusedLogin } from '../../init/runtime/login/before-login.js';
import { err, type Reply, type ResponseCode } from '../wire/replies.js';
import type { LoginSession } from './login-session.js';

/** What is asked on every port that AUTHSERVICEport does not name. */
const DEFAULT_SERVICE = 'pop3';

/** What the mail worker is told of what was said before login. */
export const UTF8_TAG = 'UTF8';
const PLAIN_TAG = 'ASCII';

/** One attempt to log in. */
export interface LoginAttempt extends Pick<LoginRequest, 'sayLastWord'> {
  readonly attempted: Attempted;
  readonly claim: SaslClaim;
}

/** The service that authdaemond is asked for. */
export function authService({ client, settings }: LoginSession): string {
  return settings.authServices[String(client.local.port)] ?? DEFAULT_SERVICE;
}

/** Asks whether the claim is true; if it is, the mail worker answers and the conversation here is over. */
export async function attemptLogin(session: LoginSession, attempt: LoginAttempt): Promise<Reply> {
  const { claim, attempted, ...request } = attempt;
  const { kind: _, ...who } = claim;
  const outcome = await session.client.authenticate({
    ...request,
    ...who,
    ...(session.hopsLeft === undefined ? {} : { hopsLeft: session.hopsLeft }),
    tag: session.utf8 ? UTF8_TAG : PLAIN_TAG,
    service: authService(session),
    unread: () => session.lines.takeUnread(),
  });
  return answerTo(session, outcome, attempt);
}

async function answerTo(session: LoginSession, outcome: LoginOutcome, attempt: LoginAttempt): Promise<Reply> {
  switch (outcome.kind) {
    case 'handed over':
      session.end('handed over');
      return err('The session is elsewhere.');
    case 'rejected':
      if (outcome.lastWord !== undefined) await attempt.sayLastWord?.(outcome.lastWord);
      return refuseLogin(session, attempt.attempted, outcome.delaySeconds);
    case 'not authorised':
      return refuseLogin(session, attempt.attempted);
    case 'broken off':
      session.end('closed');
      return err('Authentication was broken off.');
    case 'temporary failure':
      return failForNow(session, outcome.reason);
    case 'refused':
      return err(outcome.text, refusalCode(outcome));
  }
}

function refusalCode({ code }: RefusedLogin): ResponseCode {
  if (code === 'LIMIT') return 'IN-USE';
  return code === undefined ? 'SYS/TEMP' : 'SYS/PERM';
}

/** Says that nobody can tell now, so that no client asks its user for another password. */
export function failForNow(session: LoginSession, reason: string): Reply {
  noteTemporaryFailure(session, reason);
  session.end('closed');
  return err('Temporary problem, please try again later', 'SYS/TEMP');
}

/** Logs a failed login, waits, and says no. */
export async function refuseLogin(session: LoginSession, attempted: Attempted, seconds?: number): Promise<Reply> {
  await noteFailedLogin(session, attempted, seconds);
  return err('user' in attempted ? 'Login failed.' : 'Authentication failed.', 'AUTH');
}
