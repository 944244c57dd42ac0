/**
 * authdaemond's half of SCRAM (RFC 5802, RFC 7677). It keeps nothing between the two steps: the caller brings back a
 * sealed token.
 *
 * An account has what SCRAM needs as a verifier in its password field, or as a password in the clear. For all other
 * names, known or not, the first step looks the same: a salt that never changes, as many iterations, the same work.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { Secret } from '../../init/runtime/secret.js';
import type { Account } from '../account.js';
import type { ModuleStep } from '../authenticate.js';
import type { AskModules, Mechanism, MechanismAnswer, MechanismVerdict } from '../mechanisms.js';
import type { AuthenticateRequest, TemporaryFailure } from '../modules/module.js';
import {
  checkProof,
  DEFAULT_ITERATIONS,
  deriveVerifier,
  readVerifier,
  SALT_OCTETS,
  type ScramHash,
  type ScramVerifier,
  scramHashOf,
  serverSignature,
} from '../passwords/scram.js';
import { readScramData, type ScramFinal, type ScramFirst } from '../sasl/scram-data.js';
import { readClientFinal, readClientFirst } from '../sasl/scram-messages.js';
import { TokenSeal } from './sealed-token.js';

/** Random octets that the server adds to the client's nonce. */
const NONCE_OCTETS = 18;
/** A client answers at once; its user typed the password before. */
const TOKEN_MS = 120_000;
const NO_SECRET = 'no password is stored that SCRAM can be checked with';

/** What the daemon gives to SCRAM. */
export interface ScramParts {
  /** Of this installation; see seed.ts. */
  readonly seed: Buffer;
  /** Milliseconds that no correction of the clock changes. */
  readonly now: () => number;
}

/** What is known again at the second step; verifier in base64. */
interface Remembered {
  readonly loginName: string;
  readonly module: string;
  readonly gs2Header: string;
  readonly bare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly storedKey: string;
  readonly serverKey: string;
  readonly at: number;
  /** Nobody can get in: why, for the log. */
  readonly refusal?: string;
}

interface Found {
  readonly verifier: ScramVerifier;
  readonly module: string;
  readonly refusal?: string;
}

/** SCRAM-SHA-1 or SCRAM-SHA-256, with and without channel binding. */
export class ScramMechanism implements Mechanism {
  readonly #hash: ScramHash;
  readonly #parts: ScramParts;
  readonly #seal = new TokenSeal();
  /** What accounts here are like, as the last one showed: those that do not exist look the same. */
  #typical = { iterations: DEFAULT_ITERATIONS, saltOctets: SALT_OCTETS, derived: false };

  constructor(hash: ScramHash, parts: ScramParts) {
    this.#hash = hash;
    this.#parts = parts;
  }

  async answer(request: AuthenticateRequest, modules: AskModules): Promise<MechanismVerdict> {
    const asked = readScramData(request.authData);
    if (asked === undefined) return verdict('', rejected('damaged data of SCRAM'));
    return asked.step === 'first' ? this.#first(request, asked, modules) : this.#final(request, asked, modules);
  }

  async #first(request: AuthenticateRequest, asked: ScramFirst, modules: AskModules): Promise<MechanismVerdict> {
    const { loginName } = asked;
    const message = readClientFirst(asked.message);
    if (message === undefined) return verdict(loginName, rejected('damaged first message of SCRAM'));
    const steps: ModuleStep[] = [];
    const found = await this.#find(request.service, loginName, modules, steps);
    if ('reason' in found) return { ...verdict(loginName, found), steps };
    const { verifier, module, refusal } = found;
    const nonce = message.nonce + randomBytes(NONCE_OCTETS).toString('base64');
    const serverFirst = `r=${nonce},s=${verifier.salt.toString('base64')},i=${verifier.iterations}`;
    const remembered: Remembered = {
      ...{ loginName, module, serverFirst, nonce, at: this.#parts.now() },
      ...{ gs2Header: message.gs2Header, bare: message.bare },
      storedKey: verifier.storedKey.toString('base64'),
      serverKey: verifier.serverKey.toString('base64'),
      ...(refusal === undefined ? {} : { refusal }),
    };
    const token = this.#seal.seal(JSON.stringify(remembered), purposeOf(request));
    const challenge = Buffer.from(serverFirst).toString('base64');
    return { ...verdict(loginName, { kind: 'challenge', challenge, token }), steps };
  }

  async #final(request: AuthenticateRequest, asked: ScramFinal, modules: AskModules): Promise<MechanismVerdict> {
    const opened = this.#seal.open(asked.token, purposeOf(request));
    if (opened === undefined) return verdict('', rejected('the exchange of SCRAM was not begun with this daemon'));
    const remembered = JSON.parse(opened) as Remembered;
    const { loginName, module } = remembered;
    const signature = this.#prove(remembered, asked);
    if (typeof signature === 'string') return verdict(loginName, rejected(signature));
    const { answer, steps } = await modules.lookup(module, { service: request.service, loginName });
    if (answer.kind !== 'account') return { loginName, answer, steps };
    const lastWord = Buffer.from(`v=${signature.toString('base64')}`).toString('base64');
    return { loginName, answer: { ...answer, lastWord }, steps };
  }

  /** The server's signature, or why the client's proof is none. */
  #prove(remembered: Remembered, { message, channelBinding }: ScramFinal): Buffer | string {
    const { gs2Header, nonce, bare, serverFirst, at, refusal } = remembered;
    const final = readClientFinal(message);
    if (final === undefined) return 'damaged final message of SCRAM';
    if (this.#parts.now() - at > TOKEN_MS) return 'the exchange of SCRAM took too long';
    if (final.nonce !== nonce) return 'the nonce of SCRAM is another one';
    const isBound = gs2Header.startsWith('p=');
    if (isBound !== channelBinding.length > 0) return 'channel binding is missing';
    if (!final.binding.equals(Buffer.concat([Buffer.from(gs2Header), channelBinding]))) {
      return 'the channel binding is that of another connection';
    }
    const verifier = {
      ...{ hash: this.#hash, iterations: 0, salt: Buffer.alloc(0) },
      storedKey: Buffer.from(remembered.storedKey, 'base64'),
      serverKey: Buffer.from(remembered.serverKey, 'base64'),
    };
    const authMessage = [bare, serverFirst, final.withoutProof].join(',');
    const isProved = checkProof(verifier, authMessage, final.proof);
    if (refusal !== undefined) return refusal;
    return isProved ? serverSignature(verifier, authMessage) : 'wrong password';
  }

  /** The first module with something that SCRAM can use; a verifier that nobody knows the password of, if there is none. */
  async #find(
    service: string,
    loginName: string,
    modules: AskModules,
    steps: ModuleStep[],
  ): Promise<Found | TemporaryFailure> {
    let refusal: string | undefined;
    for (const module of modules.names) {
      const asked = await modules.lookup(module, { service, loginName });
      steps.push(...asked.steps);
      const { answer } = asked;
      if (answer.kind === 'temporary failure') return answer;
      if (answer.kind === 'rejected') continue;
      const verifier = await this.#verifierOf(answer.account, loginName);
      if (typeof verifier === 'object') return { verifier, module };
      if (verifier !== NO_SECRET) return { kind: 'temporary failure', reason: verifier };
      refusal = verifier;
    }
    return { verifier: await this.#nobodys(loginName), module: '', refusal: refusal ?? 'unknown account' };
  }

  /** A text says why there is none. */
  async #verifierOf(
    { encryptedPassword = '', clearPassword }: Account,
    loginName: string,
  ): Promise<ScramVerifier | string> {
    const [prefix = '', scheme = ''] = /^\{([A-Za-z0-9-]{1,32})\}/.exec(encryptedPassword) ?? [];
    if (encryptedPassword !== '') {
      if (scramHashOf(scheme.toUpperCase()) !== this.#hash) return NO_SECRET;
      const verifier = readVerifier(this.#hash, encryptedPassword.slice(prefix.length));
      if (typeof verifier === 'string') return `the stored password cannot be checked: ${verifier}`;
      this.#typical = { iterations: verifier.iterations, saltOctets: verifier.salt.length, derived: false };
      return verifier;
    }
    if (clearPassword === undefined || clearPassword.reveal() === '') return NO_SECRET;
    this.#typical = { iterations: DEFAULT_ITERATIONS, saltOctets: SALT_OCTETS, derived: true };
    return deriveVerifier(clearPassword, this.#parametersFor(loginName));
  }

  async #nobodys(loginName: string): Promise<ScramVerifier> {
    const parameters = this.#parametersFor(loginName);
    if (this.#typical.derived) return deriveVerifier(new Secret(''), parameters);
    return { ...parameters, storedKey: randomBytes(32), serverKey: randomBytes(32) };
  }

  /** Salt and iterations for names without a verifier: always the same for one name. */
  #parametersFor(loginName: string) {
    const { iterations, saltOctets } = this.#typical;
    const salt = createHmac('sha512', this.#parts.seed).update(`${this.#hash} ${loginName}`).digest();
    return { hash: this.#hash, iterations, salt: salt.subarray(0, saltOctets) };
  }
}

function purposeOf({ service, authType }: AuthenticateRequest): string {
  return `${authType} ${service}`;
}

function verdict(loginName: string, answer: MechanismAnswer): MechanismVerdict {
  return { loginName, answer, steps: [] };
}

function rejected(reason: string): MechanismAnswer {
  return { kind: 'rejected', reason };
}
