/**
 * The line of `imapd --control status` for a child process: words that people read and programs split at blanks and `=`.
 *
 *     worker pid=4712 uid=5000 sessions=17 memory_kb=52345 delay_p50_ms=0.1 delay_p99_ms=12.0 delay_max_ms=14.2
 */
import type { ProcessFigures } from './activity.js';

/** Describes a process; one that did not tell its figures in time is `silent`. */
export function describeProcess(words: string, figures: ProcessFigures | undefined): string {
  if (figures === undefined) return `${words} silent`;
  const { memoryOctets, delays } = figures;
  const [p50, p99, max] = [delays.p50, delays.p99, delays.max].map((milliseconds) => milliseconds.toFixed(1));
  const memory = `memory_kb=${Math.round(memoryOctets / 1024)}`;
  return `${words} ${memory} delay_p50_ms=${p50} delay_p99_ms=${p99} delay_max_ms=${max}`;
}
