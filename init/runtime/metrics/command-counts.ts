/**
 * How often each command came, how it ended, and how long it took. Only commands that there are may be counted: others have
 * whatever name a client makes up. It knows no protocol.
 */
import { type Count, count, type Durations, durationsOf } from './counts.js';

interface OfCommand<Result extends string> {
  readonly results: Readonly<Record<Result, Count>>;
  readonly durations: Durations;
}

/** The commands of one protocol; `results` are its words for how a command ends. */
export class CommandCounts<Result extends string> {
  readonly #protocol: string;
  readonly #results: readonly Result[];
  readonly #commands = new Map<string, OfCommand<Result>>();

  constructor(protocol: string, results: readonly Result[]) {
    this.#protocol = protocol;
    this.#results = results;
  }

  /** A command was answered after so many milliseconds. */
  add(command: string, result: Result, milliseconds: number): void {
    const { results, durations } = this.#commands.get(command) ?? this.#begin(command);
    results[result].value += 1;
    durations.add(milliseconds / 1000);
  }

  #begin(command: string): OfCommand<Result> {
    const labels = { protocol: this.#protocol, command };
    const entries = this.#results.map((result) => [
      result,
      count('commands_total', { ...labels, result: result.toLowerCase() }),
    ]);
    const results = Object.fromEntries(entries) as Record<Result, Count>;
    const counts = { results, durations: durationsOf('command_duration_seconds', labels) };
    this.#commands.set(command, counts);
    return counts;
  }
}
