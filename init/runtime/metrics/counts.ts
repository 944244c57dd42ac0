/**
 * What a process counts for its administrator: numbers that only grow, and how long things took.
 *
 *     const accepted = count('connections_total', { service: 'imapd' });     // once
 *     accepted.value += 1;                                                   // wherever it happens
 *
 * Counting is one addition and makes no object. What can be told from the state (how many sessions there are) is not
 * counted at all but told when somebody looks. It knows no process and no page.
 */

/** Ends of the classes of durations, in seconds; what takes longer than the last is in one class more. */
export const DURATION_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;

/** Names and values that tell series of one family apart. Values are chosen by us: never a stranger's word. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Count {
  value: number;
}

/** How long things took: how many fell into each class, and the sum of all. */
export class Durations {
  readonly classes: number[] = Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0);
  sumSeconds = 0;

  /** Adds one. */
  add(seconds: number): void {
    let place = 0;
    for (const bound of DURATION_BOUNDS) {
      if (seconds <= bound) break;
      place += 1;
    }
    this.classes[place] = (this.classes[place] ?? 0) + 1;
    this.sumSeconds += seconds;
  }
}

/** Numbers by series: `commands_total{command="FETCH",result="ok"}`. */
export type Numbers = Record<string, number>;

/** All that a process has counted since its start, in a form that travels between processes. */
export interface ProcessCounts {
  readonly counts: Numbers;
  /** The classes, and behind them the sum. */
  readonly durations: Record<string, readonly number[]>;
  /** How it is now. */
  readonly levels: Numbers;
}

/** Adds what is told only when somebody looks. */
export type Look = (tell: {
  count(series: string, value: number): void;
  level(series: string, value: number): void;
}) => void;

const counts = new Map<string, Count>();
const durations = new Map<string, Durations>();
const looks: Look[] = [];

/** Gives the number of a series, which is 0 at first. */
export function count(family: string, labels: Labels = {}): Count {
  const series = seriesName(family, labels);
  const known = counts.get(series) ?? { value: 0 };
  counts.set(series, known);
  return known;
}

/** Gives the durations of a series. */
export function durationsOf(family: string, labels: Labels = {}): Durations {
  const series = seriesName(family, labels);
  const known = durations.get(series) ?? new Durations();
  durations.set(series, known);
  return known;
}

/** Says what is to be asked when somebody looks. */
export function whenSomebodyLooks(look: Look): void {
  looks.push(look);
}

/** Tells numbers that somebody else counts under the names of families. */
export function tellTallies(tallies: Readonly<Numbers>): void {
  whenSomebodyLooks((tell) => {
    for (const [family, value] of Object.entries(tallies)) tell.count(family, value);
  });
}

/** All that this process has counted. */
export function countsOfProcess(): ProcessCounts {
  const told: ProcessCounts = { counts: {}, durations: {}, levels: {} };
  for (const [series, { value }] of counts) told.counts[series] = value;
  for (const [series, { classes, sumSeconds }] of durations) told.durations[series] = [...classes, sumSeconds];
  const add = (to: Numbers) => (series: string, value: number) => {
    to[series] = (to[series] ?? 0) + value;
  };
  for (const look of looks) look({ count: add(told.counts), level: add(told.levels) });
  return told;
}

/** `logins_total{method="login",result="ok"}`: labels in the order of their names. */
export function seriesName(family: string, labels: Labels = {}): string {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return family;
  return `${family}{${names.map((name) => `${name}="${labels[name]}"`).join(',')}}`;
}
