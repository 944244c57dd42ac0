/**
 * Which mechanisms a server offers on a connection: by what the site names, and by what the connection can do.
 */
import { SASL_MECHANISMS } from './mechanisms.js';

/** Any stored password will do for them. */
const ALWAYS_ON: ReadonlySet<string> = new Set(['PLAIN', 'LOGIN']);

/** Switched on by authoauthrc, and not for everybody on the way to read (RFC 7628 section 4). */
const TOKENS: ReadonlySet<string> = new Set(['OAUTHBEARER', 'XOAUTH2']);

/** What the site says of mechanisms. */
export interface MechanismSettings {
  /** Names that were switched on, in upper case: PLAIN and LOGIN need not be named. */
  readonly mechanisms: readonly string[];
  /** The same for connections with TLS. */
  readonly mechanismsTls: readonly string[];
  /** OAUTHBEARER and XOAUTH2 are offered: authoauthrc says whose tokens are believed. */
  readonly oauth: boolean;
}

/** On which connection they are asked for. */
export interface MechanismContext {
  readonly settings: MechanismSettings;
  readonly tls: boolean;
  /** Channel binding is possible; asked only where a mechanism needs it. */
  readonly bindsChannel?: () => boolean;
  /** The name in the client's certificate, where EXTERNAL may be used. */
  readonly certificateName?: string;
}

/** Mechanisms that may be used on this connection, the strongest first. A site switches on all but those that need nothing. */
export function offeredMechanisms({ settings, tls, bindsChannel, certificateName }: MechanismContext): string[] {
  const named = tls ? settings.mechanismsTls : settings.mechanisms;
  return SASL_MECHANISMS.filter((name) => {
    if (ALWAYS_ON.has(name)) return true;
    if (name === 'EXTERNAL') return certificateName !== undefined;
    if (TOKENS.has(name)) return settings.oauth && tls;
    if (!name.endsWith('-PLUS')) return named.includes(name);
    const isOn = named.includes(name) || named.includes(name.slice(0, -'-PLUS'.length));
    return isOn && bindsChannel?.() === true;
  });
}
