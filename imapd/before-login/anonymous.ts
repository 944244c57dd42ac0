/**
 * ANONYMOUS (RFC 4505): whoever says it comes in as the account that the site has for that, IMAP_ANONYMOUS. What the client
 * says of itself is for the log, and is not believed.
 */

import type { LoginNames } from '../../authdaemon/login-name.js';
import { passwordClaim, type SaslConversation, type SaslStep } from '../../authdaemon/sasl/conversation.js';
import type { AnonymousLogin } from '../settings/session-settings.js';

/** One exchange. */
export class AnonymousConversation implements SaslConversation {
  readonly #names: LoginNames;
  readonly #login: AnonymousLogin;

  constructor(names: LoginNames, login: AnonymousLogin) {
    this.#names = names;
    this.#login = login;
  }

  start(initial?: Buffer): SaslStep {
    return initial === undefined ? { kind: 'challenge', octets: Buffer.alloc(0) } : this.answer();
  }

  answer(): SaslStep {
    const { loginName, password } = this.#login;
    return passwordClaim(this.#names, { loginName: Buffer.from(loginName), password: Buffer.from(password) });
  }
}
