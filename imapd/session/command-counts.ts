/**
 * How often each command came, how it ended, and how long it took. Only commands of the table are counted: others have
 * whatever name a client makes up.
 */
import { type Count, count, type Durations, durationsOf } from '../../init/runtime/metrics/counts.js';
import type { Completion } from '../completion.js';

interface CommandCounts {
  readonly results: Readonly<Record<Completion['status'], Count>>;
  readonly durations: Durations;
}

const byName = new Map<string, CommandCounts>();

/** A command of the table was answered after so many milliseconds. */
export function countCommand(name: string, status: Completion['status'], milliseconds: number): void {
  const counts = byName.get(name) ?? newCounts(name);
  counts.results[status].value += 1;
  counts.durations.add(milliseconds / 1000);
}

function newCounts(command: string): CommandCounts {
  const labels = { protocol: 'imap', command };
  const result = (word: string): Count => count('commands_total', { ...labels, result: word });
  const results = { OK: result('ok'), NO: result('no'), BAD: result('bad') };
  const counts = { results, durations: durationsOf('command_duration_seconds', labels) };
  byName.set(command, counts);
  return counts;
}
