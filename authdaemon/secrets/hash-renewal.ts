/**
 * Renews old hashes: after a login with the real password, the only moment at which it is known, the store is asked to
 * keep the same password with the method of AUTH_RENEW_HASH.
 *
 * Nobody waits for it and no login fails for it: what does not work is logged, and tried again a minute later. Knows a
 * store by what it is told to write.
 */
import { type Log, logValue } from '../../init/runtime/log/log.js';
import type { ChangeAnswer } from '../modules/module.js';
import { hashStrength } from './hash-strength.js';

/** More under way would take the time of logins; the others are renewed when they log in again. */
const MAX_AT_ONCE = 2;
/** After a failure nothing is tried for so long: the next one would fail as well, and say so again. */
const PAUSE_MS = 60_000;

/** What renewing needs. */
export interface RenewalOptions {
  /** The module, for the log. */
  readonly name: string;
  /** As hashPassword() takes it. */
  readonly method: string;
  readonly log: Log;
  /** Milliseconds, since whenever. */
  readonly now: () => number;
}

/** Writes the password with this method; undefined when there is no longer a reason to. */
type Write = (method: string) => Promise<ChangeAnswer | undefined>;

/** The hashes of one module. */
export class HashRenewal {
  readonly #options: RenewalOptions;
  readonly #strength: number;
  readonly #underWay = new Map<string, Promise<void>>();
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#strength = hashStrength(options.method) ?? Number.NEGATIVE_INFINITY;
  }

  /** Renews a hash that is weaker than the method's, in the background. A hash of a scheme without a place stays. */
  consider(loginName: string, hash: string, write: Write): void {
    if ((hashStrength(hash) ?? Number.POSITIVE_INFINITY) >= this.#strength) return;
    const isFull = this.#underWay.size >= MAX_AT_ONCE || this.#underWay.has(loginName);
    if (isFull || this.#options.now() < this.#pausedUntil) return;
    const renewing = this.#renew(loginName, write).finally(() => this.#underWay.delete(loginName));
    this.#underWay.set(loginName, renewing);
  }

  /** Changes a password while its hash is not renewed: the old one might be written over the new one. */
  async alone<Answer>(loginName: string, change: () => Promise<Answer>): Promise<Answer> {
    while (this.#underWay.has(loginName)) await this.#underWay.get(loginName);
    const changing = change();
    const ended = changing.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.set(
      loginName,
      ended.finally(() => this.#underWay.delete(loginName)),
    );
    return changing;
  }

  /** Settles when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #renew(loginName: string, write: Write): Promise<void> {
    const { name, method, log } = this.#options;
    // The answer goes first.
    await new Promise((resolve) => setImmediate(resolve));
    // Nobody waits for this, so nobody else would hear of a mistake of ours.
    try {
      const answer = await write(method);
      if (answer === undefined) return;
      if (answer.kind === 'changed') log.write('info', `${name}: ${logValue(loginName)}: the hash was renewed`);
      else this.#failed(loginName, answer.reason);
    } catch (error) {
      this.#failed(loginName, error instanceof Error ? error.message : String(error));
    }
  }

  #failed(loginName: string, reason: string): void {
    const { name, log, now } = this.#options;
    this.#pausedUntil = now() + PAUSE_MS;
    log.write('warning', `${name}: ${logValue(loginName)}: the hash was not renewed: ${reason}`);
  }
}
