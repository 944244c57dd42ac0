/**
 * What a mail server asks authdaemond about a login, ours or Courier's, and whether somebody may act as somebody else.
 *
 * An account with the option `group=administrators` may: he proves who he is, and the other one is looked up. Knows no
 * protocol and no process; the supervisor of a mail service is given it.
 */
import { addressList } from '../init/runtime/limits/access-file.js';
import { logValue } from '../init/runtime/log/log.js';
import type { ExchangeAnswer, Proof } from '../init/runtime/login/before-login.js';
import type { Authentication, AuthenticationQuestion, Authenticator } from '../init/runtime/service/session-broker.js';
import {
  type Account,
  type AccountOptions,
  mergeDefaultOptions,
  optionNumber,
  optionsRecord,
  optionValues,
} from './account.js';
import type { AuthAnswer, AuthClient } from './client.js';

/** Members of this group (option `group`) have all rights to folders in Courier, too. */
const ADMINISTRATORS = 'administrators';

/** The option that says where an account may be used: `allowfrom=127.0.0.1 10.0.0.0/8`, as often as one likes. */
const ALLOW_FROM = 'allowfrom';

/** What the check needs to know of the site. */
export interface LoginCheckOptions {
  readonly client: AuthClient;
  /** DEFAULTOPTIONS, for an authdaemond that does not add them. */
  readonly defaultOptions: AccountOptions;
  /** The option that closes this service to an account: `disableimap`. */
  readonly disabledBy: string;
  /** Clients are asked for certificates, and a name in one is a login name (TLS_EXTERNAL). */
  readonly certificates: boolean;
}

/** Asks authdaemond for a mail service. */
export class LoginCheck implements Authenticator {
  readonly #options: LoginCheckOptions;

  constructor(options: LoginCheckOptions) {
    this.#options = options;
  }

  async authenticate(question: AuthenticationQuestion): Promise<Authentication> {
    const answer = await this.#prove(question);
    if (answer.kind !== 'account') return answer;
    const own = this.#withDefaults(answer.account);
    const closed = closedTo(question.remoteIp, own);
    if (closed !== undefined) return { kind: 'rejected', reason: closed };
    const { authorisationName, loginName } = question;
    if (authorisationName === undefined || [loginName, own.address].includes(authorisationName)) {
      return withExtras({ kind: 'account', account: sessionAccount(own) }, answer);
    }
    return withExtras(await this.#actAs(own, authorisationName, question.service), answer);
  }

  beginExchange(
    { authType, data }: Proof,
    from: { readonly service: string; readonly remoteIp: string },
  ): Promise<ExchangeAnswer> {
    return this.#options.client.beginExchange({ ...from, authType, data });
  }

  #prove({ service, loginName, proof, remoteIp }: AuthenticationQuestion): Promise<AuthAnswer> {
    const { client, certificates } = this.#options;
    if (proof.authType === 'external') {
      // The login process has verified a certificate, and nobody else could. Where the site wants none, it has not.
      return certificates ? client.lookup(service, loginName) : Promise.resolve({ kind: 'rejected' });
    }
    if (proof.authType === 'login') return client.authenticate({ service, loginName, password: proof.data, remoteIp });
    return client.prove({ service, authType: proof.authType, data: proof.data, remoteIp });
  }

  async #actAs(administrator: Account, name: string, service: string): Promise<Authentication> {
    const { client, disabledBy } = this.#options;
    if (!optionValues(administrator.options, 'group').includes(ADMINISTRATORS)) {
      return { kind: 'not authorised', reason: `the account has no option group=${ADMINISTRATORS}` };
    }
    if (optionNumber(administrator.options, disabledBy) !== 0) {
      return { kind: 'not authorised', reason: `the administrator's own account has ${disabledBy}` };
    }
    const answer = await client.lookup(service, name);
    if (answer.kind === 'rejected') return { kind: 'not authorised', reason: 'the other account is not known' };
    if (answer.kind === 'temporary failure') return answer;
    const account = sessionAccount(this.#withDefaults(answer.account));
    return { kind: 'account', account, administrator: administrator.address };
  }

  #withDefaults(account: Account): Account {
    return { ...account, options: mergeDefaultOptions(account.options, this.#options.defaultOptions) };
  }
}

/**
 * Why an account may not be used from an address: its option `allowfrom` names others. The client only hears that the
 * login failed, so that nobody learns that a stolen password is right.
 */
function closedTo(address: string, { options }: Account): string | undefined {
  const allowed = optionValues(options, ALLOW_FROM);
  if (allowed.length === 0) return undefined;
  const isAllowed = addressList(allowed.join(' '));
  if (typeof isAllowed === 'object')
    return `the account's option ${ALLOW_FROM}: ${logValue(isAllowed.wrong)} is no address`;
  return isAllowed(address) ? undefined : `the account's option ${ALLOW_FROM} does not name this address`;
}

/** A mechanism's last word belongs to the answer, and so does the password behind the proof, whoever's mailbox it is. */
function withExtras(answer: Authentication, proof: Extract<AuthAnswer, { kind: 'account' }>): Authentication {
  if (answer.kind !== 'account') return answer;
  const { lastWord } = proof;
  const { clearPassword } = proof.account;
  return {
    ...answer,
    ...(lastWord === undefined ? {} : { lastWord }),
    ...(clearPassword === undefined ? {} : { clearPassword }),
  };
}

/** An account as sessions know it: without its passwords. */
function sessionAccount({ encryptedPassword: _, clearPassword: __, ...account }: Account) {
  return { ...account, options: optionsRecord(account.options) };
}
