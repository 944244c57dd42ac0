/**
 * Looks from time to time whether the access file has changed, so that an address can be kept out without a word to the
 * server. A file with mistakes changes nothing.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log/log.js';
import { describeProblem } from '../settings/settings-file.js';
import { type AccessRule, readAccessFile } from './access-file.js';
import type { AccessSource } from './limit-settings.js';

/** It costs a look at the file's date; what changed counts after this time. */
const LOOK_AGAIN_MS = 2_000;

/** See the head of this file. */
export class AccessWatch {
  readonly #use: (rules: readonly AccessRule[]) => void;
  readonly #log: Log;
  #source: AccessSource | undefined;
  #seen = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, use: (rules: readonly AccessRule[]) => void) {
    this.#log = log;
    this.#use = use;
  }

  /** Watches this file from now on; it has just been read. */
  watch(source: AccessSource | undefined): void {
    this.#source = source;
    this.#seen = source === undefined ? '' : stateOf(source.path);
    clearInterval(this.#timer);
    if (source !== undefined) this.#timer = setInterval(() => this.look(), LOOK_AGAIN_MS).unref();
  }

  /** Reads the file again, if it is another one. @returns what came of it, in words for the administrator */
  look(): string {
    if (this.#source === undefined) return 'there is no access file';
    const { path, local } = this.#source;
    const state = stateOf(path);
    if (state === this.#seen) return `${path} is in use as it stands`;
    this.#seen = state;
    const { rules, problems, warnings } = readAccessFile(path, { local });
    for (const warning of warnings) this.#log.write('warning', describeProblem(warning));
    for (const problem of problems) this.#log.write('error', `access file not changed: ${describeProblem(problem)}`);
    if (problems.length > 0) return `${problems.length} problems, see the log; what was read before counts`;
    this.#use(rules);
    const done = `access file ${path} read again: ${rules.length} lines`;
    this.#log.write('info', done);
    return done;
  }
}

/** What is different when the file, or a file in the directory, was written, replaced or removed. */
function stateOf(path: string): string {
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return 'none';
    const own = `${entry.ino} ${entry.size} ${entry.mtimeMs} ${entry.ctimeMs}`;
    if (!entry.isDirectory()) return own;
    const files = readdirSync(path, { withFileTypes: true }).filter((each) => !each.isDirectory());
    return [own, ...files.map(({ name }) => `${name} ${stateOf(join(path, name))}`)].join('\n');
  } catch (error) {
    // Reading it says what is wrong.
    return String((error as NodeJS.ErrnoException).code);
  }
}
