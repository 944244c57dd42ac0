/**
 * Settings: values from files of `NAME=value` lines, read with types, ranges and defaults.
 *
 *     const settings = loadSettings(['/etc/courier/imapd-ssl', '/etc/courier/imapd']);   // the later file wins
 *     const maxConnections = settings.integer('MAXDAEMONS', 300, { min: 1 });
 *     settings.finish(settingsWithoutEffect);                   // what nobody read becomes a warning
 *     if (settings.problems.length > 0) …                       // every one, with file, line and remedy
 *
 * A getter never throws: what is wrong is collected, and the default is given. It knows no setting by name.
 */
import { readFileSync } from 'node:fs';
import { type ParsedSettings, parseSettings } from './settings-syntax.js';

/** Where a value was written. */
export interface SettingOrigin {
  readonly file: string;
  readonly line: number;
}

/** Something the administrator should mend, or know. */
export interface SettingsProblem {
  readonly file: string;
  /** Undefined when it concerns the file, or a setting that stands nowhere. */
  readonly line?: number;
  readonly what: string;
  readonly remedy: string;
}

/** One row of `--dump-config`: a setting, its value, and where it was written; undefined is the default. */
export interface SettingInUse {
  readonly name: string;
  readonly value: string;
  readonly origin?: SettingOrigin;
}

/** The bounds of a number, and what is said when it is smaller or larger. */
export interface IntegerRange {
  readonly min?: number;
  readonly max?: number;
}

/** Why a known setting changes nothing, and what to use in its place. */
export interface WithoutEffect {
  readonly reason: string;
  /** Values that ask for what is the case anyway: no warning. */
  readonly harmless?: readonly string[];
}

interface Written {
  readonly value: string;
  readonly origin: SettingOrigin;
}

/** Reads the files in order. A file that is missing or unreadable is a problem, unless its name is in `optional`. */
export function loadSettings(files: readonly string[], optional: readonly string[] = []): Settings {
  const settings = new Settings(files[files.length - 1] ?? '');
  for (const file of files) settings.readFile(file, optional.includes(file));
  return settings;
}

/** The settings of one program. */
export class Settings {
  readonly problems: SettingsProblem[] = [];
  readonly warnings: SettingsProblem[] = [];
  /** Named when a setting that stands nowhere is missing. */
  readonly #mainFile: string;
  readonly #variables = new Map<string, string>();
  readonly #written = new Map<string, Written>();
  readonly #inUse = new Map<string, SettingInUse>();
  readonly #secrets = new Set<string>();

  constructor(mainFile: string) {
    this.#mainFile = mainFile;
  }

  /** Adds what a file says; it wins over files read before. */
  readFile(file: string, optional: boolean): void {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (optional && code === 'ENOENT') return;
      this.problems.push({ file, what: `cannot be read (${code})`, remedy: remedyForUnreadable(code) });
      return;
    }
    this.addText(file, text);
  }

  /** Adds what `text` says, as if it stood in `file`. */
  addText(file: string, text: string): void {
    this.add(file, parseSettings(text, this.#variables));
  }

  /** Adds what a file of another syntax says, parsed. */
  add(file: string, parsed: ParsedSettings): void {
    for (const { name, value, line } of parsed.assignments) this.#written.set(name, { value, origin: { file, line } });
    for (const problem of parsed.problems) this.problems.push({ file, ...problem });
  }

  /** A value that may be missing. An empty value counts as missing, as in Courier. */
  optionalText(name: string): string | undefined {
    const value = this.#written.get(name)?.value;
    this.#remember(name, value ?? '');
    return value === undefined || value === '' ? undefined : value;
  }

  /** A value; the default also stands for an empty one. */
  text(name: string, defaultText: string): string {
    const value = this.optionalText(name) ?? defaultText;
    this.#remember(name, value);
    return value;
  }

  /** A value that may be empty on purpose; the default stands only for a setting that is not written. */
  textOrNone(name: string, defaultText: string): string | undefined {
    const value = this.#written.get(name)?.value ?? defaultText;
    this.#remember(name, value);
    return value === '' ? undefined : value;
  }

  /** A whole number within a range. */
  integer(name: string, defaultNumber: number, range: IntegerRange = {}): number {
    const value = this.optionalText(name);
    this.#remember(name, value ?? String(defaultNumber));
    if (value === undefined) return defaultNumber;
    if (!/^-?\d{1,15}$/.test(value)) {
      this.problem(name, `${name}=${value} is not a whole number`, `write a number, for example ${defaultNumber}`);
      return defaultNumber;
    }
    const number = Number(value);
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
    if (number >= min && number <= max) return number;
    const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `between ${min} and ${max}`;
    this.problem(name, `${name}=${value} is out of range`, `write a number ${bounds}`);
    return defaultNumber;
  }

  /** A switch by number, as Courier reads them: anything but 0 is on. */
  switchedOn(name: string, defaultOn: boolean): boolean {
    return this.integer(name, defaultOn ? 1 : 0, { min: Number.MIN_SAFE_INTEGER }) !== 0;
  }

  /** A switch by word: a value that begins with y or Y is on, one with n or N is off. */
  yes(name: string, defaultYes: boolean): boolean {
    const value = this.text(name, defaultYes ? 'YES' : 'NO');
    if (!/^[yn]/i.test(value)) this.problem(name, `${name}=${value} is neither YES nor NO`, 'write YES or NO');
    return /^y/i.test(value);
  }

  /** One of some words. */
  choice<Word extends string>(name: string, defaultWord: Word, words: readonly Word[]): Word {
    const value = this.text(name, defaultWord);
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    this.problem(name, `${name}=${value} is not known`, `write one of ${words.join(', ')}`);
    return defaultWord;
  }

  /** Settings whose names match, for families such as AUTHSERVICE143. */
  matching(pattern: RegExp): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const [name, { value }] of this.#written) {
      if (!pattern.test(name)) continue;
      this.#remember(name, value);
      found.set(name, value);
    }
    return found;
  }

  /** Says that a setting holds a password, which not everybody may read. */
  keepSecret(name: string): void {
    this.#secrets.add(name);
  }

  /** The settings that hold passwords and were written. */
  writtenSecrets(): string[] {
    return [...this.#secrets].filter((name) => (this.#written.get(name)?.value ?? '') !== '');
  }

  /** Was this setting written, even as an empty value? */
  isWritten(name: string): boolean {
    return this.#written.has(name);
  }

  /** Adds a problem that the daemon must not start with. */
  problem(name: string, what: string, remedy: string): void {
    this.problems.push({ ...this.#place(name), what, remedy });
  }

  /** Adds something the administrator should know. */
  warning(name: string, what: string, remedy: string): void {
    this.warnings.push({ ...this.#place(name), what, remedy });
  }

  /** Warns of every setting that nobody read, with the reason and replacement if it is a known one. */
  finish(withoutEffect: Readonly<Record<string, WithoutEffect>>): void {
    for (const [name, { value }] of this.#written) {
      if (this.#inUse.has(name)) continue;
      const known = Object.hasOwn(withoutEffect, name) ? withoutEffect[name] : undefined;
      if (known === undefined) this.warning(name, `${name} is not a setting of this program`, 'check the spelling');
      else if (value !== '' && known.harmless?.includes(value) !== true) {
        this.warning(name, `${name} has no effect here`, known.reason);
      }
    }
  }

  /** Every setting that was read, with its value and where it comes from, in the order of their names. */
  inUse(): SettingInUse[] {
    return [...this.#inUse.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  #place(name: string): { file: string; line?: number } {
    return this.#written.get(name)?.origin ?? { file: this.#mainFile };
  }

  #remember(name: string, value: string): void {
    const origin = this.#written.get(name)?.origin;
    this.#inUse.set(name, origin === undefined ? { name, value } : { name, value, origin });
  }
}

/**
 * Writes a problem as one line: place, what, and remedy.
 *
 *     /etc/courier/imapd:12: MAXDAEMONS=many is not a whole number; write a number, for example 300
 */
export function describeProblem(problem: SettingsProblem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return `${place}: ${problem.what}; ${problem.remedy}`;
}

function remedyForUnreadable(code: string): string {
  if (code === 'ENOENT') return 'copy the file of this name from etc/, or set COURIER_CONFDIR to where it is';
  if (code === 'EACCES') return 'let the user that starts this program read it';
  return 'mend the file';
}
