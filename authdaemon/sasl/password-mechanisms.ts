/** PLAIN (RFC 4616) and LOGIN: mechanisms that send a password as it is. */
import type { LoginNames } from '../login-name.js';
import { failed, passwordClaim, type SaslContext, type SaslConversation, type SaslStep } from './conversation.js';

/** One message with everything in it. */
export class PlainConversation implements SaslConversation {
  readonly #names: LoginNames;

  constructor({ names }: Pick<SaslContext, 'names'>) {
    this.#names = names;
  }

  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer(initial);
  }

  /** message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 section 2) */
  answer(octets: Buffer): SaslStep {
    const first = octets.indexOf(0);
    const second = first < 0 ? -1 : octets.indexOf(0, first + 1);
    if (second < 0 || octets.indexOf(0, second + 1) >= 0) return failed('Not a PLAIN message.');
    return passwordClaim(this.#names, {
      authorisationName: octets.subarray(0, first),
      loginName: octets.subarray(first + 1, second),
      password: octets.subarray(second + 1),
    });
  }
}

/** Two questions. */
export class LoginConversation implements SaslConversation {
  readonly #names: LoginNames;
  #loginName: Buffer | undefined;

  constructor({ names }: Pick<SaslContext, 'names'>) {
    this.#names = names;
  }

  start(initial?: Buffer): SaslStep {
    // An initial response is the user name. Old clients send it; an empty one asks for the first challenge.
    if (initial !== undefined && initial.length > 0) return this.answer(initial);
    return { kind: 'challenge', octets: Buffer.from('Username:') };
  }

  answer(octets: Buffer): SaslStep {
    if (this.#loginName !== undefined)
      return passwordClaim(this.#names, { loginName: this.#loginName, password: octets });
    // A copy: the caller may reuse its buffer while the password is on its way.
    this.#loginName = Buffer.from(octets);
    return { kind: 'challenge', octets: Buffer.from('Password:') };
  }
}
