/**
 * What LOGIN and AUTHENTICATE do alike once a client has said who it is: ask, and answer a refusal slowly.
 *
 * It knows no syntax.
 */
import type { SaslClaim } from '../../authdaemon/sasl/conversation.js';
import { type Attempted, noteFailedLogin, noteTemporaryFailure } from '../../init/runtime/limits/failed-login.js';
import type { LoginRequest, RefusedLogin } from '../../init/runtime/login/before-login.js';
import { mayLogin } from '../capability.js';
import { CommandFailure, type Completion, no } from '../completion.js';
import type { LoginSession } from './login-session.js';

/** What is asked on every port that AUTHSERVICEport does not name. */
const DEFAULT_SERVICE = 'imap';

/** Where a client goes that is told no port. */
const IMAP_PORT = 143;

/** One attempt to log in. */
export interface LoginAttempt extends Pick<LoginRequest, 'tag' | 'sayLastWord'> {
  readonly attempted: Attempted;
  readonly claim: SaslClaim;
}

/** Refuses to hear a password that anybody on the way could read, if the administrator wants that. */
export function requireTls(session: LoginSession): void {
  if (mayLogin(session.capabilityContext)) return;
  throw new CommandFailure('STARTTLS required', 'PRIVACYREQUIRED');
}

/** The service that authdaemond is asked for. */
export function authService({ client, settings }: LoginSession): string {
  return settings.authServices[String(client.local.port)] ?? DEFAULT_SERVICE;
}

/** Asks whether the claim is true; if it is, the mail worker answers and the conversation here is over. */
export async function attemptLogin(session: LoginSession, attempt: LoginAttempt): Promise<Completion> {
  const { claim, attempted, ...request } = attempt;
  const { kind: _, ...who } = claim;
  const outcome = await session.client.authenticate({
    ...request,
    ...who,
    ...(session.hopsLeft === undefined ? {} : { hopsLeft: session.hopsLeft }),
    service: authService(session),
    unread: () => session.commands.takeUnread(),
  });
  switch (outcome.kind) {
    case 'handed over':
      session.handedOver();
      return no('The session is elsewhere.');
    case 'rejected':
      if (outcome.lastWord !== undefined) await attempt.sayLastWord?.(outcome.lastWord);
      return refuseLogin(
        session,
        attempted,
        outcome.expired === true ? 'EXPIRED' : 'AUTHENTICATIONFAILED',
        outcome.delaySeconds,
      );
    case 'not authorised':
      return refuseLogin(session, attempted, 'AUTHORIZATIONFAILED');
    case 'broken off':
      session.sayBye('Authentication was broken off.');
      return no('Authentication was broken off.');
    case 'temporary failure':
      return failForNow(session, outcome.reason);
    case 'refused':
      return no(outcome.text, refusalCode(outcome));
  }
}

/** A referral says where the client may log in itself (RFC 2221 section 4.1). */
function refusalCode({ referral, code }: RefusedLogin): string {
  if (referral === undefined) return code ?? 'UNAVAILABLE';
  const { loginName, host, port } = referral;
  const name = host.includes(':') ? `[${host}]` : host;
  const place = port === IMAP_PORT ? name : `${name}:${port}`;
  return `REFERRAL imap://${encodeURIComponent(loginName)};AUTH=*@${place}/`;
}

/** Says that nobody can tell now, so that no client asks its user for another password. */
export function failForNow(session: LoginSession, reason: string): Completion {
  noteTemporaryFailure(session, reason);
  session.sayBye('Temporary problem, please try again later', 'UNAVAILABLE');
  return no('Temporary problem, please try again later', 'UNAVAILABLE');
}

/** Logs a failed login, waits, and says no. */
export async function refuseLogin(
  session: LoginSession,
  attempted: Attempted,
  code = 'AUTHENTICATIONFAILED',
  delaySeconds?: number,
): Promise<Completion> {
  await noteFailedLogin(session, attempted, delaySeconds);
  return no('Login failed.', code);
}
