/**
 * What all processes of a service have counted, together: those that live are asked, and what those counted that have
 * ended is kept, so that no number ever goes back.
 *
 * A process says its last numbers when it ends. Of one that dies, all it counted since somebody looked last is lost. It
 * knows nothing of what is counted, and believes only what has the form of a figure.
 */
import type { ProcessFigures } from '../service/activity.js';
import { checkFigures } from '../service/handover.js';
import type { AuthFigures } from './auth-figures.js';
import { DURATION_BOUNDS, type Numbers, type ProcessCounts, seriesName } from './counts.js';
import { families } from './families.js';
import { splitSeries } from './page.js';

/** More series than this no process has. */
const MAX_SERIES = 5_000;

/** Figures by process are told of so many; a site with a worker for each account has hundreds. */
const MAX_PROCESSES_TOLD = 100;

/** A name, and labels whose values need no escaping. */
const SERIES = /^[a-z_]{1,64}(\{[a-z_]{1,32}="[\w .:+@/-]{0,64}"(,[a-z_]{1,32}="[\w .:+@/-]{0,64}")*\})?$/;

/** A process that counts. */
export interface CountingProcess {
  readonly pid: number;
  readonly role: string;
  /** How it is, and what it has counted; undefined when it does not say so in time. */
  figures(): Promise<ProcessFigures | undefined>;
}

interface Known {
  counts: ProcessCounts;
}

const living = new Map<CountingProcess, Known>();
/** What those counted that have ended. */
const ended = nothing();

/** A process has begun. */
export function enterCounting(process: CountingProcess): void {
  living.set(process, { counts: nothing() });
}

/** A process has told what it has counted so far. */
export function noteCounts(process: CountingProcess, received: unknown): void {
  const counts = checkCounts(received);
  const known = living.get(process);
  if (known !== undefined && counts !== undefined) known.counts = counts;
}

/** A process has ended. */
export function leaveCounting(process: CountingProcess): void {
  const known = living.get(process);
  living.delete(process);
  if (known !== undefined) addCounts(ended, { ...known.counts, levels: {} });
}

/** Asks all processes and adds up; `own` is what the process counted that asks. */
export async function gatherCounts(own: ProcessCounts): Promise<ProcessCounts> {
  const asked = [...living].map(async ([process, known]) => ({ process, known, figures: await process.figures() }));
  const sum = nothing();
  addCounts(sum, own);
  addCounts(sum, ended);
  const answers = await Promise.all(asked);
  for (const [place, { process, known, figures }] of answers.entries()) {
    addCounts(sum, known.counts);
    addNumber(sum.levels, seriesName('processes', { role: process.role }), 1);
    if (figures !== undefined && place < MAX_PROCESSES_TOLD) tellFigures(sum.levels, process, figures);
  }
  return sum;
}

/** Adds what is known of one process. */
export function tellFigures(
  levels: Numbers,
  { role, pid }: Pick<CountingProcess, 'role' | 'pid'>,
  { memoryOctets, delays }: ProcessFigures,
): void {
  const which = { role, pid: String(pid) };
  levels[seriesName('process_memory_bytes', which)] = memoryOctets;
  levels[seriesName('process_loop_delay_seconds', { ...which, of: 'p50' })] = delays.p50 / 1000;
  levels[seriesName('process_loop_delay_seconds', { ...which, of: 'p99' })] = delays.p99 / 1000;
  levels[seriesName('process_loop_delay_seconds', { ...which, of: 'max' })] = delays.max / 1000;
}

/** Adds what authdaemond said, if it is ours. */
export function tellAuthFigures(sum: ProcessCounts, { isUp, said }: AuthFigures): void {
  addNumber(sum.levels, 'authdaemond_up', isUp ? 1 : 0);
  const { pid, counts } = (said ?? {}) as { readonly pid?: unknown; readonly counts?: unknown };
  const checked = checkCounts(counts);
  const figures = checkFigures(said);
  if (checked !== undefined) addCounts(sum, ofAuthdaemond(checked));
  if (figures !== undefined && typeof pid === 'number') tellFigures(sum.levels, { role: 'authdaemond', pid }, figures);
}

/** What it counts as every process does (lines of its log, say) is not ours. */
function ofAuthdaemond({ counts, durations, levels }: ProcessCounts): ProcessCounts {
  const only = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).filter(([series]) => series.startsWith('authdaemond_')));
  return { counts: only(counts), durations: only(durations), levels: only(levels) };
}

/** Checks what a child says it has counted; what is none is left out, and all of it when it is much too much. */
export function checkCounts(received: unknown): ProcessCounts | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  const { counts, durations, levels } = received as Record<string, unknown>;
  const isClasses = (value: unknown): value is readonly number[] =>
    Array.isArray(value) && value.length === DURATION_BOUNDS.length + 2 && value.every(isAmount);
  const checked = {
    counts: chosen(counts, isAmount),
    durations: chosen(durations, isClasses),
    levels: chosen(levels, isAmount),
  };
  const isWhole = Object.values(checked).every((part) => part !== undefined);
  return isWhole ? (checked as ProcessCounts) : undefined;
}

function chosen<T>(record: unknown, is: (value: unknown) => value is T): Record<string, T> | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const entries = Object.entries(record);
  if (entries.length > MAX_SERIES) return undefined;
  return Object.fromEntries(entries.filter((entry): entry is [string, T] => isSeries(entry[0]) && is(entry[1])));
}

function isSeries(series: string): boolean {
  return SERIES.test(series) && families.has(splitSeries(series).name);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function nothing(): ProcessCounts {
  return { counts: {}, durations: {}, levels: {} };
}

function addCounts(sum: ProcessCounts, { counts, durations, levels }: ProcessCounts): void {
  for (const [series, value] of Object.entries(counts)) addNumber(sum.counts, series, value);
  for (const [series, value] of Object.entries(levels)) addNumber(sum.levels, series, value);
  for (const [series, classes] of Object.entries(durations)) {
    const before = sum.durations[series];
    sum.durations[series] = before === undefined ? classes : classes.map((each, place) => each + (before[place] ?? 0));
  }
}

function addNumber(numbers: Numbers, series: string, value: number): void {
  numbers[series] = (numbers[series] ?? 0) + value;
}
