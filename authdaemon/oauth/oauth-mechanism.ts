/**
 * authdaemond's half of OAUTHBEARER (RFC 7628) and XOAUTH2: is the token good, and whose is it? The account then comes
 * from the modules.
 */
import type { Log } from '../../init/runtime/log/log.js';
import { logValue } from '../../init/runtime/log/log.js';
import type { AskModules, Mechanism, MechanismAnswer, MechanismVerdict } from '../mechanisms.js';
import type { AuthenticateRequest, TemporaryFailure } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import { type BearerData, readBearerData } from '../sasl/bearer-data.js';
import { type ClaimsVerdict, checkClaims } from './claims.js';
import { introspect } from './introspection.js';
import { isSigned, type Jwt, readJwt } from './jwt.js';
import { KeyFiles } from './key-files.js';
import { isOauthOn, type OauthSettings, readOauthSettings } from './oauth-settings.js';
import { ProviderKeys } from './provider-keys.js';

/** What the daemon gives to OAuth. */
export interface OauthParts {
  /** authoauthrc; it need not be there. */
  readonly path: string;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

type Refused = Extract<ClaimsVerdict, { kind: 'refused' }>;

/** Tokens of one provider. */
export class OauthMechanism implements Mechanism {
  readonly #parts: OauthParts;
  readonly #file: RcFile<OauthSettings>;
  #keys: KeyFiles | undefined;
  #providerKeys: ProviderKeys | undefined;

  constructor(parts: OauthParts) {
    this.#parts = parts;
    this.#file = new RcFile(parts.path, readOauthSettings, parts.log);
  }

  async answer(request: AuthenticateRequest, modules: AskModules): Promise<MechanismVerdict> {
    const asked = readBearerData(request.authData);
    const settings = this.#settings();
    if ('reason' in settings) return verdict('', settings);
    if (!isOauthOn(settings)) return verdict('', { kind: 'rejected', reason: 'OAuth is not set up' });
    if (asked === undefined) return verdict('', refusal(request, settings, invalid('damaged data of OAuth')));
    const checked = await this.#check(asked.token, settings);
    if (checked.kind === 'temporary failure') return verdict('', checked);
    if (checked.kind === 'refused') return verdict(asked.wanted, refusal(request, settings, checked));
    return this.#find(request, { settings, modules, asked, claimed: checked.loginName });
  }

  async #find(
    request: AuthenticateRequest,
    found: { settings: OauthSettings; modules: AskModules; asked: BearerData; claimed: string },
  ): Promise<MechanismVerdict> {
    const { settings, modules, asked, claimed } = found;
    // The site's default domain belongs to a name as its owner types it.
    const loginName = claimed === asked.typed ? asked.wanted : claimed;
    if (hasControls(loginName)) return verdict('', refusal(request, settings, invalid('its login name has controls')));
    const { answer, steps } = await modules.lookup('.', { service: request.service, loginName });
    if (answer.kind !== 'rejected') return { loginName, answer, steps };
    const reason = `the token is good, and nobody is called ${logValue(loginName)}: ${answer.reason}`;
    return { loginName, answer: refusal(request, settings, invalid(reason)), steps };
  }

  async #check(token: string, settings: OauthSettings): Promise<ClaimsVerdict | TemporaryFailure> {
    const { keys, jwksUrl, introspection } = settings;
    const nowSeconds = this.#parts.wallClock() / 1000;
    const jwt = keys === undefined && jwksUrl === undefined ? undefined : readJwt(token);
    if (jwt !== undefined) {
      const signed = await this.#isSigned(jwt, settings);
      if (typeof signed !== 'boolean') return signed;
      if (signed) return checkClaims(jwt.claims, settings, { nowSeconds, isAllThereIs: true });
      return invalid('no known key has signed it in an allowed way');
    }
    if (introspection === undefined) return invalid('it is no JSON Web Token');
    const said = await introspect(token, introspection);
    if (said.kind === 'not active') return invalid('its issuer says that it is not active');
    if (said.kind === 'temporary failure') return said;
    return checkClaims(said.claims, settings, { nowSeconds, isAllThereIs: false });
  }

  /** Files first: a key that is at hand needs nobody's server. */
  async #isSigned(jwt: Jwt, settings: OauthSettings): Promise<boolean | TemporaryFailure> {
    const { keys, jwksUrl, algorithms } = settings;
    const inFiles = keys === undefined ? [] : this.#keysIn(keys);
    if (!('reason' in inFiles) && isSigned(jwt, inFiles, algorithms)) return true;
    // Nobody asks the provider for tokens of another, or of no algorithm that counts.
    if (jwksUrl === undefined || jwt.claims['iss'] !== settings.issuer || !algorithms.includes(jwt.algorithm)) {
      return 'reason' in inFiles ? inFiles : false;
    }
    const fetched = await this.#providerKeysAt(jwksUrl, settings.timeoutMs).keysFor(jwt.keyId);
    if ('reason' in fetched) return fetched;
    return isSigned(jwt, fetched, algorithms) || ('reason' in inFiles ? inFiles : false);
  }

  #providerKeysAt(url: string, timeoutMs: number): ProviderKeys {
    const { log, wallClock } = this.#parts;
    if (this.#providerKeys?.url !== url) {
      this.#providerKeys = new ProviderKeys({ url, timeoutMs, wallClock, warn: (text) => log.write('warning', text) });
    }
    return this.#providerKeys;
  }

  #settings(): OauthSettings | TemporaryFailure | Extract<MechanismAnswer, { kind: 'rejected' }> {
    try {
      return this.#file.current();
    } catch (error) {
      if (!(error instanceof UnusableRcFile)) throw error;
      if (/ENOENT/.test(error.message)) return { kind: 'rejected', reason: 'OAuth is not set up' };
      return { kind: 'temporary failure', reason: error.message.replaceAll('\n', '; ') };
    }
  }

  #keysIn(path: string) {
    const { log } = this.#parts;
    if (this.#keys?.path !== path) this.#keys = new KeyFiles(path, (text) => log.write('warning', text));
    // The files may be out of reach for the moment.
    try {
      return this.#keys.current();
    } catch (error) {
      return { kind: 'temporary failure', reason: `OAUTH_KEYS: ${messageOf(error)}` } as const;
    }
  }
}

/** A no, with the document that the client is told (RFC 7628 section 3.2.2; XOAUTH2 has one of its own). */
function refusal(
  { authType }: AuthenticateRequest,
  { scopes, configurationUrl }: OauthSettings,
  { status, reason, expired }: Refused,
): MechanismAnswer {
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  const configuration = configurationUrl === undefined ? {} : { 'openid-configuration': configurationUrl };
  const document =
    authType === 'xoauth2'
      ? { status: status === 'invalid_token' ? '401' : '403', schemes: 'bearer', ...scope }
      : { status, ...scope, ...configuration };
  const lastWord = Buffer.from(JSON.stringify(document)).toString('base64');
  return { kind: 'rejected', reason: `token: ${reason}`, lastWord, ...(expired === true ? { expired } : {}) };
}

function invalid(reason: string): Refused {
  return { kind: 'refused', status: 'invalid_token', reason };
}

function verdict(loginName: string, answer: MechanismAnswer): MechanismVerdict {
  return { loginName, answer, steps: [] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
