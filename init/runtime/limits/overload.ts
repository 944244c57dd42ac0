/**
 * Whether this machine has too little memory, or too much to do, to take another connection.
 *
 * It looks at the system, at most once a second, and never waits. It knows no connection.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import type { Clock } from '../system/clock.js';

/** Below and above which nobody new is let in; 0 is no bound. */
export interface OverloadSettings {
  /** MINFREEMEMORY. */
  readonly freeMegabytes: number;
  /** MAXLOAD: the system's load average of one minute, for each processor core. */
  readonly loadPerCore: number;
}

/** What is looked at. */
export interface Machine {
  /** Octets that can be used before somebody must give some back; undefined where nobody can tell. */
  freeOctets(): number | undefined;
  loadPerCore(): number;
}

const LOOK_AGAIN_MS = 1_000;
const MEBIBYTE = 1_048_576;

/** Looks from time to time. */
export class Overload {
  readonly #machine: Machine;
  readonly #clock: Pick<Clock, 'ticks'>;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;

  constructor(machine: Machine, clock: Pick<Clock, 'ticks'>) {
    this.#machine = machine;
    this.#clock = clock;
  }

  /** Why no connection should be taken now, in words for the client that name the setting. */
  trouble(settings: OverloadSettings): string | undefined {
    const now = this.#clock.ticks();
    if (now - this.#lookedAt < LOOK_AGAIN_MS && now >= this.#lookedAt) return this.#trouble;
    this.#lookedAt = now;
    this.#trouble = this.#look(settings);
    return this.#trouble;
  }

  #look({ freeMegabytes, loadPerCore }: OverloadSettings): string | undefined {
    const free = freeMegabytes > 0 ? this.#machine.freeOctets() : undefined;
    if (free !== undefined && free < freeMegabytes * MEBIBYTE) {
      return `The server is short of memory: less than ${freeMegabytes} MB are free (MINFREEMEMORY)`;
    }
    if (loadPerCore > 0 && this.#machine.loadPerCore() > loadPerCore) {
      return `The server has too much to do: its load is above ${loadPerCore} for each core (MAXLOAD)`;
    }
    return undefined;
  }
}

/** The machine that this process runs on, and the part of it that its control group leaves to it. */
export const thisMachine: Machine = {
  freeOctets: () => {
    const free = [memoryOfSystem(), memoryOfGroup()].filter((octets) => octets !== undefined);
    return free.length === 0 ? undefined : Math.min(...free);
  },
  loadPerCore: () => (loadavg()[0] ?? 0) / availableParallelism(),
};

function memoryOfSystem(): number | undefined {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo')) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** What is left below memory.max; pages of files that the kernel can drop at any time are not counted as used. */
function memoryOfGroup(): number | undefined {
  const [, path] = /^0::(\S+)$/m.exec(read('/proc/self/cgroup')) ?? [];
  if (path === undefined) return undefined;
  const directory = `/sys/fs/cgroup${path}`;
  const most = Number.parseInt(read(`${directory}/memory.max`), 10);
  const used = Number.parseInt(read(`${directory}/memory.current`), 10);
  if (Number.isNaN(most) || Number.isNaN(used)) return undefined;
  const stat = read(`${directory}/memory.stat`);
  const [, inactive = '0'] = /^inactive_file (\d+)$/m.exec(stat) ?? [];
  const [, active = '0'] = /^active_file (\d+)$/m.exec(stat) ?? [];
  return most - used + Number(inactive) + Number(active);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
