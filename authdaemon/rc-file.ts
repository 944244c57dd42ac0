/**
 * The settings files of single modules (authmysqlrc, authpgsqlrc, authldaprc), which are no shell syntax: a name,
 * blanks, and the value to the end of the line (courier.md 1.7).
 *
 *     MYSQL_USERNAME  admin
 *     MYSQL_SELECT_CLAUSE  SELECT login, … \
 *                          FROM popbox
 *
 * RcFile keeps what a file means and reads it again when it has changed. Knows no setting by name.
 */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../init/runtime/log/log.js';
import { describeProblem, Settings } from '../init/runtime/settings/settings-file.js';
import type { Assignment, ParsedSettings } from '../init/runtime/settings/settings-syntax.js';

const MARKER_LINE = /^##NAME: *MARKER:/;

/** The file cannot be used; the text has every problem of it, a line each. */
export class UnusableRcFile extends Error {}

/** Reads a whole file. Without a marker line it is one that an upgrade forgot, as Courier sees it. */
export function parseRcText(text: string): ParsedSettings {
  const lines = text.split('\n');
  const assignments: Assignment[] = [];
  const names = new Set<string>();
  let marked = false;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (MARKER_LINE.test(line)) marked = true;
    if (/^\s*(#|$)/.test(line)) continue;
    const first = index + 1;
    let whole = line.trimEnd();
    // A line that goes on is not looked at for comments.
    while (whole.endsWith('\\') && index + 1 < lines.length) {
      index += 1;
      whole = `${whole.slice(0, -1)} ${(lines[index] ?? '').trim()}`;
    }
    const [, name = '', value = ''] = /^\s*(\S+)\s*(.*)$/s.exec(whole) ?? [];
    // Where a name repeats, the first one counts.
    if (!names.has(name)) assignments.push({ name, value: value.trimEnd(), line: first });
    names.add(name);
  }
  const forgotten = {
    line: lines.length,
    what: 'marker line not found (probably forgot to run sysconftool after an upgrade)',
    remedy: 'compare it with the file of this name in etc/, and add the line "##NAME: MARKER:0" at its end',
  };
  return { assignments, problems: marked ? [] : [forgotten] };
}

/** A settings file of a module, read again whenever it has changed. */
export class RcFile<Values> {
  readonly #path: string;
  readonly #interpret: (settings: Settings) => Values;
  readonly #log: Log;
  #state: Stats | undefined;
  #values: Values | undefined;

  /**
   * `interpret` asks the settings it knows and adds problems; what it did not ask for becomes a warning.
   */
  constructor(path: string, interpret: (settings: Settings) => Values, log: Log) {
    this.#path = path;
    this.#interpret = interpret;
    this.#log = log;
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Gives the values of now. While a changed file is wrong, the values from before stay in force and the log says why.
   *
   * @throws {UnusableRcFile} when there never was a good one
   */
  current(): Values {
    const state = statSync(this.#path, { throwIfNoEntry: false });
    if (this.#values !== undefined && (state === undefined || same(state, this.#state))) return this.#values;
    this.#state = state;
    const { values, problems, warnings } = readRcFile(this.#path, this.#interpret);
    for (const warning of warnings) this.#log.write('warning', warning);
    if (problems.length === 0) {
      this.#values = values;
      return values;
    }
    if (this.#values === undefined) throw new UnusableRcFile(problems.join('\n'));
    for (const problem of problems) this.#log.write('error', problem);
    this.#log.write('error', `${this.#path}: the settings were not changed; those from before are still in force`);
    return this.#values;
  }
}

/** Reads a file once; problems and warnings are lines for the administrator. */
export function readRcFile<Values>(
  path: string,
  interpret: (settings: Settings) => Values,
): { readonly values: Values; readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const settings = new Settings(path);
  // Whoever may not read it is told, with the others' problems.
  try {
    settings.add(path, parseRcText(readFileSync(path, 'utf8')));
  } catch (error) {
    const what = `cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
    settings.problems.push({ file: path, what, remedy: 'copy the file of this name from etc/, and edit it' });
  }
  const values = interpret(settings);
  settings.finish({});
  warnOfReaders(settings, path);
  const problems = settings.problems.map(describeProblem);
  return { values, problems, warnings: settings.warnings.map(describeProblem) };
}

/** A12: a password of this file is that of all accounts behind it. */
function warnOfReaders(settings: Settings, path: string): void {
  const [name] = settings.writtenSecrets();
  if (name === undefined) return;
  const state = statSync(path, { throwIfNoEntry: false });
  // In a directory that they may not enter, its mode is of no use to others.
  const isWithinReach = ((statSync(dirname(path), { throwIfNoEntry: false })?.mode ?? 0) & 0o001) !== 0;
  if (state === undefined || (state.mode & 0o004) === 0 || !isWithinReach) return;
  const mode = (state.mode & 0o7777).toString(8).padStart(4, '0');
  settings.warning(
    name,
    `everybody may read this file (mode ${mode}), and ${name} holds a password`,
    `chmod o= ${path}`,
  );
}

function same(one: Stats, other: Stats | undefined): boolean {
  return other !== undefined && one.mtimeMs === other.mtimeMs && one.ino === other.ino && one.size === other.size;
}
