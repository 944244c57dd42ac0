/**
 * The addresses that logged in lately, for a mail server that relays for them (POP or IMAP before SMTP).
 *
 * A login only notes its address here, which takes no time and cannot fail; writing them down happens later, and what
 * goes wrong there is a line a minute in the log. Knows neither files nor Redis: places are handed in.
 */
import { isIP } from 'node:net';
import type { Log } from '../log/log.js';

/** Addresses until when they may relay (ms since 1970). */
export type Until = ReadonlyMap<string, number>;

/** Somewhere the addresses are written down. */
export interface RelayPlace {
  /** As the settings name it: what the log says is wrong begins so. */
  readonly name: string;
  /** What an earlier process left there. */
  load?(): Promise<Until>;
  /** Writes down; `changed` are the addresses that are new, or have more time than before. */
  write(all: Until, changed: Until): Promise<void>;
  /** The service ends: whose time nobody will watch any more may not relay. */
  end(): Promise<void>;
}

/** What keeps time. */
export interface RelayClock {
  now(): number;
  after(milliseconds: number, run: () => void): () => void;
}

/** Some logins are written down together; a program needs longer from its login to its first mail. */
const GATHER_MS = 100;
const RETRY_MS = 5000;
const WARN_EVERY_MS = 60_000;
/** More than a site has; an attacker would need as many good logins. */
const MAX_ADDRESSES = 100_000;

/** See the head of this file. */
export class RelayAddresses {
  readonly #places: readonly RelayPlace[];
  readonly #log: Log;
  readonly #clock: RelayClock;
  #lifetimeMs: number;
  readonly #until = new Map<string, number>();
  #changed = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  readonly #warnedAt = new Map<RelayPlace, number>();
  #isOver = false;

  constructor(options: {
    readonly places: readonly RelayPlace[];
    readonly lifetimeMs: number;
    readonly log: Log;
    readonly clock: RelayClock;
  }) {
    this.#places = options.places;
    this.#lifetimeMs = options.lifetimeMs;
    this.#log = options.log;
    this.#clock = options.clock;
  }

  /** Takes over what an earlier process left, and writes the places anew. Never rejects. */
  async start(): Promise<void> {
    for (const place of this.#places) {
      try {
        const latest = this.#clock.now() + this.#lifetimeMs;
        const left = (await place.load?.()) ?? new Map<string, number>();
        for (const [address, until] of left) if (until <= latest) this.#until.set(address, until);
      } catch (error) {
        this.#warn(place, error);
      }
    }
    this.#writeWithin(0);
  }

  /** An account has logged in from this address. */
  note(remoteIp: string): void {
    const address = plainAddress(remoteIp);
    if (address === undefined || this.#isOver) return;
    const until = this.#clock.now() + this.#lifetimeMs;
    // The first of the map is the one that was noted longest ago.
    this.#until.delete(address);
    this.#until.set(address, until);
    this.#changed.set(address, until);
    if (this.#until.size > MAX_ADDRESSES) this.#dropOldest();
    this.#writeWithin(GATHER_MS);
  }

  /** Ends the writing; nobody may relay after it. Never rejects. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#cancel?.();
    await this.#writing;
    for (const place of this.#places) await place.end().catch((error: unknown) => this.#warn(place, error));
  }

  #dropOldest(): void {
    const [oldest] = this.#until.keys();
    if (oldest !== undefined) this.#until.delete(oldest);
  }

  #writeWithin(milliseconds: number): void {
    const dueAt = this.#clock.now() + milliseconds;
    if (this.#isOver || dueAt >= this.#dueAt) return;
    this.#cancel?.();
    this.#dueAt = dueAt;
    this.#cancel = this.#clock.after(milliseconds, () => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#cancel = undefined;
      this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#write());
    });
  }

  async #write(): Promise<void> {
    if (this.#isOver) return;
    const now = this.#clock.now();
    for (const [address, until] of this.#until) if (until <= now) this.#until.delete(address);
    const changed = this.#changed;
    this.#changed = new Map();
    let isWhole = true;
    for (const place of this.#places) {
      try {
        await place.write(this.#until, changed);
      } catch (error) {
        isWhole = false;
        this.#warn(place, error);
      }
    }
    if (!isWhole) {
      for (const [address, until] of changed) if (!this.#changed.has(address)) this.#changed.set(address, until);
      this.#writeWithin(RETRY_MS);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const until of this.#until.values()) next = Math.min(next, until);
    if (Number.isFinite(next)) this.#writeWithin(Math.max(next - this.#clock.now(), GATHER_MS));
  }

  #warn(place: RelayPlace, error: unknown): void {
    const now = this.#clock.now();
    if (now - (this.#warnedAt.get(place) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return;
    this.#warnedAt.set(place, now);
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.write('warning', `${place.name}: ${reason}; who logs in now cannot send mail without a password`);
  }
}

/** As mail servers write it; undefined for what is no address of a client. */
function plainAddress(address: string): string | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').toLowerCase();
  return isIP(plain) === 0 || plain.includes('%') ? undefined : plain;
}
