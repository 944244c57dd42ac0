/**
 * App passwords: further secrets of an account, one for each program or device, each for certain services. They let in,
 * and give no right to change the account's own password.
 *
 * Knows neither where they are kept nor who asks.
 */
import type { Secret } from '../../init/runtime/secret.js';
import { checkPassword } from '../passwords/password.js';

/** One of them. */
export interface AppPassword {
  /** What its owner calls the program: unique within the account. */
  readonly label: string;
  readonly hash: string;
  /** Names of services (`imap`, `pop3`) in small letters; empty: all. */
  readonly services: readonly string[];
}

/** An app password has let somebody in. */
export interface AppPasswordUse {
  readonly loginName: string;
  readonly label: string;
  readonly service: string;
  /** '' where the caller did not say it. */
  readonly remoteIp: string;
}

/** Of one account. Each costs a comparison at every wrong password; more devices than this are somebody's mistake. */
export const MAX_APP_PASSWORDS = 20;
/** The last use of a secret is kept to the minute: a client that logs in every second costs one write a minute. */
const USE_EVERY_MS = 60_000;
/** Secrets whose last minute is remembered; beyond it the oldest is forgotten, and only written once more. */
const MAX_REMEMBERED_USES = 10_000;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/** Tells whether a text can be a label: up to 40 letters, digits, dots, underscores and hyphens. */
export function isAppPasswordLabel(text: string): boolean {
  return LABEL.test(text);
}

/** Reads a list of services, `imap,pop3`; empty or `*` means all. */
export function parseServices(text: string): string[] {
  const services = text.split(',').map((service) => service.trim().toLowerCase());
  return services.includes('*') ? [] : services.filter((service) => service !== '');
}

/** An account that is locked by a mark before its hash is locked for its app passwords, too. */
export function isLockedHash(hash: string): boolean {
  return /^(\{[^}]*\})?[!*]/.test(hash);
}

/** Gives the one that this password is, and that this service may use. A hash that cannot be checked matches nothing. */
export async function findAppPassword(
  all: readonly AppPassword[],
  service: string,
  password: Secret,
): Promise<AppPassword | undefined> {
  for (const each of all.slice(0, MAX_APP_PASSWORDS)) {
    const isFor = each.services.length === 0 || each.services.includes(service.toLowerCase());
    if (isFor && (await checkPassword(password, each.hash)).kind === 'match') return each;
  }
  return undefined;
}

/** Says which uses are to be written down: one a minute for each secret. */
export class UseTimes {
  readonly #lastMs = new Map<string, number>();

  /** Takes note of a use; `nowMs` since whenever. */
  isDue({ loginName, label }: AppPasswordUse, nowMs: number): boolean {
    const key = `${loginName}\t${label}`;
    const last = this.#lastMs.get(key);
    if (last !== undefined && nowMs - last < USE_EVERY_MS) return false;
    // The latest stands last.
    this.#lastMs.delete(key);
    this.#lastMs.set(key, nowMs);
    const [oldest] = this.#lastMs.keys();
    if (this.#lastMs.size > MAX_REMEMBERED_USES && oldest !== undefined) this.#lastMs.delete(oldest);
    return true;
  }
}
