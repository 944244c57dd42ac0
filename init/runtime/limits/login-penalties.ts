/**
 * What failed logins cost: each failure of an address is answered later than the one before it, up to a bound.
 *
 * Kept by the supervisor, so that it counts by address and not by connection or login process. Three rules, so that an
 * office behind one address does not suffer from one of its phones:
 *
 * - Only the answer to a failure is late. How late, all failures of the address decide.
 * - A name whose last login from this address failed is asked about again only when that answer is out: guessing in many
 *   connections at once gains nothing.
 * - An address from which many different names failed has to wait with names that never logged in from there; those that
 *   did are not kept waiting.
 *
 * Nobody waits longer than the bound. What is older than a quarter of an hour is forgotten, and no more addresses and
 * names are remembered than fit into 30 megabytes. It knows no protocol, and asks nobody about passwords.
 */
import type { Clock } from '../system/clock.js';
import { clientNetwork } from './address-network.js';

/** IMAP_LOGIN_DELAY and IMAP_LOGIN_DELAY_MAX. */
export interface PenaltySettings {
  readonly firstSeconds: number;
  readonly mostSeconds: number;
}

/** One address with failures, for the administrator. */
export interface Penalty {
  readonly address: string;
  readonly failures: number;
  readonly names: number;
  /** What the next failure is answered after. */
  readonly nextSeconds: number;
  /** Until all is forgotten, unless there are more. */
  readonly forgottenInSeconds: number;
}

/** An address and its names are forgotten so long after the last failure. */
const FORGET_MS = 15 * 60_000;

/** Entries of each kind. An address with its names takes two kilobytes at most, a name that was right less. */
const MOST_ADDRESSES = 10_000;
const MOST_GOOD_NAMES = 20_000;

/** Failed names of one address; more are counted, and not told apart. */
const MOST_NAMES = 16;

/** So many people of one address may have forgotten their passwords before it looks like guessing. */
const INNOCENT_NAMES = 10;

/** Names are as long as their clients like; what is remembered is not. */
const MAX_NAME_CHARACTERS = 64;

interface Failures {
  count: number;
  /** The answer to the last failure goes out then. */
  answeredAt: number;
  lastAt: number;
  /** By name: when the answer to its last failure goes out. */
  readonly names: Map<string, number>;
}

/** Failed logins of the last time. */
export class LoginPenalties {
  readonly #clock: Pick<Clock, 'ticks'>;
  /** By client, the one that failed last at the end. */
  readonly #failures = new Map<string, Failures>();
  /** Clients and names that logged in, the last at the end. */
  readonly #good = new Set<string>();

  constructor(clock: Pick<Clock, 'ticks'>) {
    this.#clock = clock;
  }

  /** How long a login is to wait before anybody is asked whether it is right. A crowd is an address known to have many users. */
  waitMs(ip: string, loginName: string, { mostSeconds }: PenaltySettings, isCrowd: boolean): number {
    if (this.#failures.size === 0) return 0;
    const client = clientNetwork(ip);
    const now = this.#clock.ticks();
    const failures = this.#recent(client, now);
    if (failures === undefined) return 0;
    const name = shortened(loginName);
    const isSuspect = !isCrowd && failures.names.size > INNOCENT_NAMES && !this.#good.has(goodKey(client, name));
    const until = failures.names.get(name) ?? (isSuspect ? failures.answeredAt : 0);
    return Math.min(Math.max(0, until - now), mostSeconds * 1000);
  }

  /** Counts a failure. @returns after how many seconds it is to be answered */
  failed(ip: string, loginName: string, settings: PenaltySettings): number {
    const client = clientNetwork(ip);
    const now = this.#clock.ticks();
    const failures = this.#recent(client, now) ?? { count: 0, answeredAt: 0, lastAt: now, names: new Map() };
    failures.count += 1;
    failures.lastAt = now;
    const seconds = delaySeconds(failures.count, settings);
    failures.answeredAt = now + seconds * 1000;
    const name = shortened(loginName);
    // Some mechanisms tell the name only in their proof; those who use them must not wait for one another.
    const isNew = !failures.names.has(name);
    if (name !== '' && !(isNew && failures.names.size >= MOST_NAMES)) failures.names.set(name, failures.answeredAt);
    this.#failures.delete(client);
    this.#failures.set(client, failures);
    forgetOldest(this.#failures, MOST_ADDRESSES);
    return seconds;
  }

  /** A name was right: it is not kept waiting here. What others of the address did is not forgotten for it. */
  succeeded(ip: string, loginName: string): void {
    const client = clientNetwork(ip);
    const name = shortened(loginName);
    this.#failures.get(client)?.names.delete(name);
    const key = goodKey(client, name);
    this.#good.delete(key);
    this.#good.add(key);
    forgetOldest(this.#good, MOST_GOOD_NAMES);
  }

  /** All addresses with failures, the last first. */
  list(settings: PenaltySettings): Penalty[] {
    const now = this.#clock.ticks();
    const found: Penalty[] = [];
    for (const client of [...this.#failures.keys()].reverse()) {
      const failures = this.#recent(client, now);
      if (failures === undefined) continue;
      found.push({
        address: client,
        failures: failures.count,
        names: failures.names.size,
        nextSeconds: delaySeconds(failures.count + 1, settings),
        forgottenInSeconds: Math.ceil((failures.lastAt + FORGET_MS - now) / 1000),
      });
    }
    return found;
  }

  /** Forgets the failures of one address, or of all. @returns how many addresses had some */
  clear(ip: string | undefined): number {
    const count = this.#failures.size;
    if (ip === undefined) this.#failures.clear();
    else this.#failures.delete(clientNetwork(ip));
    return count - this.#failures.size;
  }

  #recent(client: string, now: number): Failures | undefined {
    const failures = this.#failures.get(client);
    if (failures === undefined || now - failures.lastAt < FORGET_MS) return failures;
    this.#failures.delete(client);
    return undefined;
  }
}

/** The first as the setting says, each further one twice as long as the one before, up to the bound. */
function delaySeconds(failures: number, { firstSeconds, mostSeconds }: PenaltySettings): number {
  const doublings = Math.min(failures - 1, 20);
  return Math.min(firstSeconds * 2 ** doublings, Math.max(firstSeconds, mostSeconds));
}

/** A name as it is remembered. */
export function shortened(loginName: string): string {
  return loginName.slice(0, MAX_NAME_CHARACTERS);
}

function goodKey(client: string, name: string): string {
  return `${client} ${name}`;
}

function forgetOldest(entries: Map<string, unknown> | Set<string>, most: number): void {
  if (entries.size <= most) return;
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}
