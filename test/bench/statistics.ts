/**
 * Medians, shares and means of samples, and how many samples they want. Pure.
 */

/** Rows of a few milliseconds vary by more than those of seconds, and another sample costs nothing. */
const MAX_SAMPLES = 8;
const QUICK_ROW_MILLISECONDS = 150;

/** Whether a row of which there are `samples` so far, which took so long in all, is worth another one. */
export function wantsAnother(samples: number, spentMilliseconds: number, atLeast: number): boolean {
  return samples < atLeast || (samples < MAX_SAMPLES && spentMilliseconds < QUICK_ROW_MILLISECONDS);
}

/** The value below which this share of all values lies: 0.5 is the median. NaN when there are none. */
export function atShare(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** The best value: the lowest or the highest. */
export function best(values: readonly number[], better: 'higher' | 'lower'): number {
  return better === 'higher' ? Math.max(...values) : Math.min(...values);
}

/** NaN when there are none. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
