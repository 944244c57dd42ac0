/**
 * What LOGIN and AUTHENTICATE do alike once they have a name and a password: ask, and answer a refusal slowly.
 *
 * It knows no syntax.
 */
import { withDefaultDomain } from '../../authdaemon/login-name.js';
import { logValue } from '../../init/runtime/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import { mayLogin } from '../capability.js';
import { CommandFailure, type Completion, no } from '../completion.js';
import type { LoginSession } from './login-session.js';

/** What is asked on every port that AUTHSERVICEport does not name. */
const DEFAULT_SERVICE = 'imap';

/** One attempt to log in. */
export interface LoginAttempt {
  readonly tag: string;
  readonly loginName: string;
  readonly password: Secret;
  /** Of AUTHENTICATE; LOGIN has none. */
  readonly mechanism?: string;
}

/** Refuses to hear a password that anybody on the way could read, if the administrator wants that. */
export function requireTls(session: LoginSession): void {
  if (mayLogin(session.capabilityContext)) return;
  throw new CommandFailure('STARTTLS required', 'PRIVACYREQUIRED');
}

/** Asks whether the password is right; if it is, the mail worker answers and the conversation here is over. */
export async function attemptLogin(session: LoginSession, attempt: LoginAttempt): Promise<Completion> {
  const { client, settings } = session;
  const outcome = await client.authenticate({
    loginName: withDefaultDomain(attempt.loginName, settings.defaultDomain, settings.domainSeparators),
    password: attempt.password,
    service: settings.authServices[String(client.local.port)] ?? DEFAULT_SERVICE,
    tag: attempt.tag,
    unread: () => session.commands.takeUnread(),
  });
  switch (outcome.kind) {
    case 'handed over':
      session.handedOver();
      return no('The session is elsewhere.');
    case 'rejected':
      return refuseLogin(session, attempt);
    case 'temporary failure':
      session.log.write('error', `authentication error: ${outcome.reason}`);
      session.sayBye('Temporary problem, please try again later', 'UNAVAILABLE');
      return no('Temporary problem, please try again later', 'UNAVAILABLE');
    case 'refused':
      return no(outcome.text, 'UNAVAILABLE');
  }
}

/** Logs a failed login in the words that fail2ban looks for, waits, and says no. */
export async function refuseLogin(
  session: LoginSession,
  { loginName, mechanism }: Partial<LoginAttempt>,
  code = 'AUTHENTICATIONFAILED',
): Promise<Completion> {
  const what = mechanism === undefined ? `user=${logValue(loginName ?? '')}` : `method=${logValue(mechanism)}`;
  session.log.write('info', `LOGIN FAILED, ${what}, ${session.whoForLog}`);
  await session.delay(session.settings.loginDelaySeconds);
  return no('Login failed.', code);
}
