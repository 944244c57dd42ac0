/**
 * How many lookups one module has at once (the setting `daemons`), and who is next when more are wanted.
 *
 * Waiting requests stand in one line per caller (the client's network, or the account), and the lines take turns: one
 * address that tries a thousand passwords does not keep everybody else waiting. When there is no room to wait, whoever
 * has the longest line gives way. Knows nothing of accounts.
 */

/** Requests that may wait for one module; more would wait longer than their callers do. */
export const MAX_WAITING_LOOKUPS = 1000;

/** Why a task was not run: too many waited, or its time was over before its turn came. */
export type NotRun = 'full' | 'late';

/** What a caller is told when there is no room to wait; the log has a line a minute for that, and none for each. */
export const QUEUE_FULL = 'too many lookups are waiting';

interface Waiting {
  settle(turn: 'go' | NotRun): void;
}

/** Runs tasks, `atOnce` at a time. */
export class LookupQueue {
  #atOnce: number;
  readonly #maxWaiting: number;
  #running = 0;
  #waiting = 0;
  /** In the order of their turns. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(atOnce: number, maxWaiting = MAX_WAITING_LOOKUPS) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /** How many run now. */
  get running(): number {
    return this.#running;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Changes how many may run; those that run go on. */
  set atOnce(atOnce: number) {
    this.#atOnce = atOnce;
    while (this.#running < this.#atOnce && this.#admitNext()) this.#running += 1;
  }

  /** Runs a task when it is the caller's turn, unless `signal` says before that its time is over. */
  async run<T>(caller: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T | NotRun> {
    if (this.#running < this.#atOnce) this.#running += 1;
    else {
      const turn = await this.#turn(caller, signal);
      if (turn !== 'go') return turn;
    }
    // Only to hand the turn on, whatever the task does.
    try {
      return await task();
    } finally {
      if (this.#running > this.#atOnce || !this.#admitNext()) this.#running -= 1;
    }
  }

  #turn(caller: string, signal: AbortSignal | undefined): Promise<'go' | NotRun> {
    if (signal?.aborted === true) return Promise.resolve('late');
    if (this.#waiting >= this.#maxWaiting && !this.#makeRoom(caller)) return Promise.resolve('full');
    return new Promise((resolve) => {
      const late = (): void => {
        this.#leave(caller, waiting);
        resolve('late');
      };
      const waiting: Waiting = {
        settle: (turn) => {
          signal?.removeEventListener('abort', late);
          resolve(turn);
        },
      };
      signal?.addEventListener('abort', late);
      const line = this.#lines.get(caller);
      if (line === undefined) this.#lines.set(caller, [waiting]);
      else line.push(waiting);
      this.#waiting += 1;
    });
  }

  /** Sends the last one of the longest line away, if that line is longer than the caller's will be. */
  #makeRoom(caller: string): boolean {
    let longest: Waiting[] = [];
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= (this.#lines.get(caller)?.length ?? 0) + 1) return false;
    this.#waiting -= 1;
    longest.pop()?.settle('full');
    return true;
  }

  #leave(caller: string, waiting: Waiting): void {
    const line = this.#lines.get(caller);
    const place = line?.indexOf(waiting) ?? -1;
    if (line === undefined || place < 0) return;
    line.splice(place, 1);
    if (line.length === 0) this.#lines.delete(caller);
    this.#waiting -= 1;
  }

  /** Lets the first of the next line go; that line then goes behind the others. */
  #admitNext(): boolean {
    for (const [caller, line] of this.#lines) {
      const next = line.shift();
      this.#lines.delete(caller);
      if (line.length > 0) this.#lines.set(caller, line);
      if (next === undefined) continue;
      this.#waiting -= 1;
      next.settle('go');
      return true;
    }
    return false;
  }
}

/**
 * Names the line that a request waits in: its client's network, or, where the caller does not say the address, the
 * account. Whoever has a whole IPv6 network (64 bits) has one line, as an IPv4 address has.
 *
 *     lineOf('2001:db8:0:1::7', 'ann')   // 'address 2001:db8:0:1'
 *     lineOf(undefined, 'ann')           // 'account ann'
 */
export function lineOf(remoteIp: string | undefined, loginName: string): string {
  if (remoteIp === undefined || remoteIp === '') return `account ${loginName}`;
  const ip = remoteIp.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!ip.includes(':')) return `address ${ip}`;
  const [head = '', tail = ''] = ip.split('::', 2).map((half) => half.toLowerCase());
  const groups = [head, tail].map((half) => (half === '' ? [] : half.split(':')));
  const missing = Math.max(0, 8 - (groups[0]?.length ?? 0) - (groups[1]?.length ?? 0));
  const whole = [...(groups[0] ?? []), ...(ip.includes('::') ? Array(missing).fill('0') : []), ...(groups[1] ?? [])];
  return `address ${whole.slice(0, 4).join(':')}`;
}
