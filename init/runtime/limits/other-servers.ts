/**
 * What servers that share their limits tell one another: how many connections each has of whom, and which logins failed.
 *
 * One that has not been heard for a while is gone, and so are its connections. It knows no network; see limits-redis.ts.
 */
import type { Clock } from '../system/clock.js';
import type { OtherCounts } from './counts.js';

/** A server that says nothing for so long has ended. */
const SILENT_MS = 15_000;

/** Fields of one server. More are not believed: it would have more connections than files. */
const MOST_FIELDS = 200_000;

/** A failed login elsewhere. */
export interface FailedElsewhere {
  readonly ip: string;
  readonly loginName: string;
}

/** One message. What is not in `counts` is as before, unless it is all there is. */
export interface Told {
  readonly counts: Readonly<Record<string, number>>;
  readonly isAll?: boolean;
  readonly failed?: readonly FailedElsewhere[];
}

interface OtherServer {
  readonly counts: Map<string, number>;
  heardAt: number;
}

/** The other servers, and what they are still to be told of this one. */
export class OtherServers implements OtherCounts {
  readonly #clock: Pick<Clock, 'ticks'>;
  readonly #servers = new Map<string, OtherServer>();
  readonly #sums = new Map<string, number>();
  readonly #own = new Map<string, number>();
  #changed = new Map<string, number>();
  #failed: FailedElsewhere[] = [];
  /** Called when there is something to tell. */
  onNews: () => void = () => {};

  constructor(clock: Pick<Clock, 'ticks'>) {
    this.#clock = clock;
  }

  of(field: string): number {
    return this.#sums.get(field) ?? 0;
  }

  changed(field: string, count: number): void {
    if (count > 0) this.#own.set(field, count);
    else this.#own.delete(field);
    this.#changed.set(field, count);
    this.onNews();
  }

  /** A login failed here. */
  failed(failure: FailedElsewhere): void {
    this.#failed.push(failure);
    this.onNews();
  }

  /** What is to be told now; it counts as told. */
  takeNews(): Told {
    const news = { counts: Object.fromEntries(this.#changed), failed: this.#failed };
    this.#changed = new Map();
    this.#failed = [];
    return news;
  }

  /** All counts of ours, for those that do not know them yet. */
  all(): Told {
    return { counts: Object.fromEntries(this.#own), isAll: true };
  }

  /** A server has told something. */
  heard(server: string, { counts, isAll = false }: Told): void {
    if (isAll) this.forget(server);
    const known = this.#servers.get(server) ?? { counts: new Map<string, number>(), heardAt: 0 };
    known.heardAt = this.#clock.ticks();
    this.#servers.set(server, known);
    for (const [field, count] of Object.entries(counts)) {
      if (known.counts.size < MOST_FIELDS || known.counts.has(field)) this.#count(known, field, count);
    }
  }

  /** A server has ended. */
  forget(server: string): void {
    const known = this.#servers.get(server);
    if (known === undefined) return;
    for (const field of [...known.counts.keys()]) this.#count(known, field, 0);
    this.#servers.delete(server);
  }

  /** Forgets those that have been silent for too long. */
  forgetSilent(): void {
    const now = this.#clock.ticks();
    for (const [server, { heardAt }] of [...this.#servers]) if (now - heardAt >= SILENT_MS) this.forget(server);
  }

  #count({ counts }: OtherServer, field: string, count: number): void {
    const sum = this.of(field) - (counts.get(field) ?? 0) + count;
    if (count > 0) counts.set(field, count);
    else counts.delete(field);
    if (sum > 0) this.#sums.set(field, sum);
    else this.#sums.delete(field);
  }
}

/** Reads a message of another server; undefined is none. */
export function parseTold(text: string): (Told & { readonly server: string }) | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(message) || typeof message['server'] !== 'string' || !isRecord(message['counts'])) return undefined;
  const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  if (!Object.values(message['counts']).every(isCount)) return undefined;
  const failed = message['failed'] ?? [];
  return Array.isArray(failed) && failed.every(isFailure)
    ? (message as unknown as Told & { server: string })
    : undefined;
}

function isFailure(value: unknown): boolean {
  return isRecord(value) && typeof value['ip'] === 'string' && typeof value['loginName'] === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
