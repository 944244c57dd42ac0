/**
 * What a process notices about itself: how late its event loop is while it works, and when it is quiet, the moment to
 * give memory back.
 *
 *     followActivity();     // once, in a process that wants it
 *     noteWork();           // wherever work arrives: a message, a client's octets
 *
 * An idle process is never woken by this: samples are taken while there is work, then memory is given back twice, then
 * nothing happens until the next noteWork(). It knows nothing of what the work is.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type DelaySummary, LoopDelays } from '../worker/loop-delays.js';
import { SampleRhythm } from './sample-rhythm.js';

/** A loop that was busy for less than this part of a sample had little to do. */
const BUSY_SHARE = 0.1;

/**
 * Garbage is collected when nothing has happened for so long, and again later: V8 keeps the young generation as large
 * as it has grown until five seconds without allocations are behind it. A process of 20 MB gives back 5 to 10. Each time
 * there are two passes: what the first only let go of (weak references, objects with native memory) the second takes.
 */
const REST_MS = [900, 600, 5_500, 600] as const;

/** A larger heap is left to V8, which collects it in small steps: all at once could keep a client waiting. */
const MAX_RESTING_HEAP_OCTETS = 96 * 1_048_576;

/** With less new since the last time, there is nothing to give back. */
const WORTHWHILE_OCTETS = 524_288;

/** How a process is. */
export interface ProcessFigures {
  /** Resident set, in octets. */
  readonly memoryOctets: number;
  readonly delays: DelaySummary;
}

let followed: Activity | undefined;
let notes = 0;

/** Begins to follow this process. */
export function followActivity(): void {
  followed ??= new Activity();
}

/** Says that there is something to do now. Costs next to nothing. */
export function noteWork(): void {
  notes += 1;
  followed?.note();
}

/** How often work was noted since the start of the process. */
export function workNoted(): number {
  return notes;
}

/** Says what else gives memory back. It is called whenever this process rests. */
export function giveBackAtRest(giveBack: () => void): void {
  if (followed !== undefined) followed.giveBack = giveBack;
}

/** How this process is; delays are all 0 when it is not followed. */
export function processFigures(): ProcessFigures {
  const delays = followed?.delays.summary(performance.now()) ?? { p50: 0, p99: 0, max: 0 };
  return { memoryOctets: process.memoryUsage.rss(), delays };
}

/** Begins the figures of delays anew. */
export function forgetDelays(): void {
  followed?.delays.clear();
}

class Activity {
  readonly delays = new LoopDelays();
  #timer: NodeJS.Timeout | undefined;
  #sampling = false;
  readonly #rhythm = new SampleRhythm();
  #expectedAt = 0;
  /** Something came since the last sample. */
  #noted = false;
  #usedAfterRest = 0;
  #use = performance.eventLoopUtilization();
  readonly #collect: () => void;
  giveBack: (() => void) | undefined;

  constructor() {
    this.#collect = collector();
  }

  note(): void {
    this.#noted = true;
    if (this.#sampling) return;
    this.#sampling = true;
    clearTimeout(this.#timer);
    this.#use = performance.eventLoopUtilization();
    this.#sampleIn(this.#rhythm.begin());
  }

  #sampleIn(milliseconds: number): void {
    this.#expectedAt = performance.now() + milliseconds;
    this.#timer = setTimeout(() => this.#sample(), milliseconds).unref();
  }

  #sample(): void {
    const now = performance.now();
    this.delays.add(now - this.#expectedAt, now);
    const use = performance.eventLoopUtilization();
    const isBusy = performance.eventLoopUtilization(use, this.#use).utilization > BUSY_SHARE;
    this.#use = use;
    const next = this.#rhythm.next(isBusy, this.#noted);
    this.#noted = false;
    if (next !== undefined) {
      this.#sampleIn(next);
    } else {
      this.#sampling = false;
      this.#restLater(0);
    }
  }

  #restLater(step: number): void {
    const delay = REST_MS[step];
    if (delay === undefined) return;
    this.#timer = setTimeout(() => {
      this.#rest();
      this.#restLater(step + 1);
    }, delay).unref();
  }

  #rest(): void {
    this.giveBack?.();
    const { heapUsed, heapTotal } = process.memoryUsage();
    const unused = heapTotal - heapUsed;
    if (heapUsed > MAX_RESTING_HEAP_OCTETS) return;
    if (heapUsed - this.#usedAfterRest < WORTHWHILE_OCTETS && unused < WORTHWHILE_OCTETS) return;
    this.#collect();
    this.#usedAfterRest = heapUsed;
  }
}

/**
 * Begins to collect garbage as V8 does by itself: in small steps, which are over some ten milliseconds later.
 *
 * A whole collection at once would also take the shapes of objects of which there are none just now, and with them all
 * code that V8 has compiled for these: the next FETCH would be half as slow again. Those made in steps keep them.
 */
function collector(): () => void {
  // V8's own function; children are started with it, others make it, which costs them a quarter of a megabyte.
  const { gc = exposedCollector() } = globalThis;
  return () => {
    setFlagsFromString('--stress-incremental-marking');
    gc({ type: 'minor' });
    setFlagsFromString('--no-stress-incremental-marking');
  };
}

function exposedCollector(): NonNullable<typeof globalThis.gc> {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as NonNullable<typeof globalThis.gc>;
}
