/**
 * What CAPA says (RFC 2449), from the settings and the state of the connection, and what LANG says (RFC 6856).
 *
 * A word stands here only if it works.
 */
import { type MechanismContext, offeredMechanisms } from '../authdaemon/sasl/offered-mechanisms.js';
import type { SessionSettings } from './settings/session-settings.js';
import { err, ok, type Reply } from './wire/replies.js';

/** On which connection it is asked. */
export interface CapabilityContext extends MechanismContext {
  readonly settings: SessionSettings;
  readonly loggedIn: boolean;
  /** STLS would work now. */
  readonly tlsAvailable: boolean;
}

/** Whether a password may be sent on this connection. */
export function mayLogin({ settings, tls }: { readonly settings: SessionSettings; readonly tls: boolean }): boolean {
  return tls || !settings.tlsRequired;
}

/** The lines of CAPA, in Courier's order where Courier has them. */
export function capabilities(context: CapabilityContext): string[] {
  const { settings, loggedIn, tlsAvailable } = context;
  const canLogIn = loggedIn || mayLogin(context);
  const { loginIntervalSeconds, expire } = settings;
  return [
    ...(canLogIn ? [`SASL ${offeredMechanisms(context).join(' ')}`] : []),
    ...(tlsAvailable ? ['STLS'] : []),
    'TOP',
    ...(canLogIn ? ['USER'] : []),
    ...(loginIntervalSeconds > 0 ? [`LOGIN-DELAY ${loginIntervalSeconds}`] : []),
    ...(expire === undefined ? [] : [`EXPIRE ${expire}`]),
    'PIPELINING',
    'UIDL',
    'UTF8 USER',
    'LANG',
    'RESP-CODES',
    'AUTH-RESP-CODE',
    ...(settings.proxies && !loggedIn ? ['XCLIENT'] : []),
    'IMPLEMENTATION Angarium',
  ];
}

/** CAPA */
export function capaReply(context: CapabilityContext): Reply {
  return ok("Here's what I can do:", capabilities(context));
}

/** LANG: there is English. */
export function langReply(rest: string): Reply {
  const language = rest.trim().toLowerCase();
  if (language === '') return ok('Language listing follows:', ['en English', 'i-default Default language']);
  if (['en', 'i-default', '*'].includes(language)) return ok('en Language changed');
  return err('Language not available.');
}
