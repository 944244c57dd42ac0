/**
 * SASL before login: turns the exchange of PLAIN (RFC 4616) or LOGIN into credentials.
 *
 * Knows decoded octets only; how a protocol frames challenges and answers (base64, `+ `, `*` to cancel) is the caller's.
 * Nobody is asked here whether the credentials are good.
 */
import { Secret } from '../init/runtime/secret.js';
import { hasControls, textFromOctets } from './octet-text.js';

/** A user name or password longer than this is refused; authdaemon's request has 8191 octets for both. */
const MAX_FIELD_OCTETS = 2048;

/** What the server does next. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly octets: Buffer }
  | {
      readonly kind: 'credentials';
      readonly loginName: string;
      readonly password: Secret;
      /** Whom the client wants to act as; absent when it named nobody or itself. */
      readonly authorisationName?: string;
    }
  | { readonly kind: 'failed'; readonly text: string };

/** One authentication exchange. It ends with credentials or a failure; then it is thrown away. */
export interface SaslConversation {
  /** Begins; `initial` is the initial response (an empty one is not the same as none). */
  start(initial?: Buffer): SaslStep;
  /** Takes the client's answer to the last challenge. */
  answer(octets: Buffer): SaslStep;
}

/** Names of the mechanisms, in the order in which a capability lists them. */
export const SASL_MECHANISMS = ['PLAIN', 'LOGIN'] as const;

/** Starts nothing yet; gives the exchange of a mechanism by its name in any case, or undefined. */
export function saslConversation(mechanism: string): SaslConversation | undefined {
  switch (mechanism.toUpperCase()) {
    case 'PLAIN':
      return new PlainConversation();
    case 'LOGIN':
      return new LoginConversation();
    default:
      return undefined;
  }
}

/**
 * Decodes base64 as RFC 4648 section 4 writes it: whole quartets, padded, nothing else in between.
 *
 * Undefined for anything else; `Buffer.from` alone would skip what it does not know.
 */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? octets : undefined;
}

class PlainConversation implements SaslConversation {
  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer(initial);
  }

  /** message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 section 2) */
  answer(octets: Buffer): SaslStep {
    const first = octets.indexOf(0);
    const second = first < 0 ? -1 : octets.indexOf(0, first + 1);
    if (second < 0 || octets.indexOf(0, second + 1) >= 0) return failed('Not a PLAIN message.');
    return credentials(octets.subarray(first + 1, second), octets.subarray(second + 1), octets.subarray(0, first));
  }
}

class LoginConversation implements SaslConversation {
  #loginName: Buffer | undefined;

  start(initial?: Buffer): SaslStep {
    // An initial response is the user name. Old clients send it; an empty one asks for the first challenge.
    if (initial !== undefined && initial.length > 0) return this.answer(initial);
    return { kind: 'challenge', octets: Buffer.from('Username:') };
  }

  answer(octets: Buffer): SaslStep {
    if (this.#loginName !== undefined) return credentials(this.#loginName, octets);
    // A copy: the caller may reuse its buffer while the password is on its way.
    this.#loginName = Buffer.from(octets);
    return { kind: 'challenge', octets: Buffer.from('Password:') };
  }
}

function credentials(loginOctets: Buffer, passwordOctets: Buffer, authorisationOctets?: Buffer): SaslStep {
  for (const field of [loginOctets, passwordOctets, authorisationOctets ?? Buffer.alloc(0)]) {
    if (field.length > MAX_FIELD_OCTETS) return failed('User name or password is too long.');
  }
  const loginName = textFromOctets(loginOctets);
  const password = textFromOctets(passwordOctets);
  const authorisationName = textFromOctets(authorisationOctets ?? Buffer.alloc(0));
  if (loginName === '') return failed('The user name is empty.');
  if (hasControls(loginName) || hasControls(password) || hasControls(authorisationName)) {
    return failed('User name or password holds a control character.');
  }
  const found = { kind: 'credentials', loginName, password: new Secret(password) } as const;
  return authorisationName === '' || authorisationName === loginName ? found : { ...found, authorisationName };
}

function failed(text: string): SaslStep {
  return { kind: 'failed', text };
}
