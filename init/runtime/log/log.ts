/**
 * Log lines in Courier's wording: the levels, the prefixes that courierlogger knows, and the escaping of values that
 * strangers chose. Where lines go is decided in log-destinations.ts.
 */

import { count } from '../metrics/counts.js';

/** How important a line is. Courier's words for them are in `LEVEL_PREFIXES`. */
export type LogLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'alert';

/** Where events are told to the administrator: one line each, in Courier's wording. */
export interface Log {
  /**
   * Writes one line; `text` is without prefix: `LOGIN, user=bob, ip=[::1], port=[143]`. The number of the session that it
   * is about is told in JSON only: Courier's lines have none.
   */
  write(level: LogLevel, text: string, session?: number): void;
  /** Writes what must not happen, with the stack, as one line. `where` says what was being done. */
  bug(error: unknown, where: string): void;
}

/** The prefixes by which courierlogger recognises a level. NOTICE is not one of them, and stays in the text. */
export const LEVEL_PREFIXES: Readonly<Record<LogLevel, string>> = {
  debug: 'DEBUG: ',
  info: 'INFO: ',
  notice: 'NOTICE: ',
  warning: 'WARN: ',
  error: 'ERR: ',
  alert: 'ALERT: ',
};

/** The syslog priority of each level. Courier's NOTICE lines are logged as info. */
export const LEVEL_PRIORITIES: Readonly<Record<LogLevel, number>> = {
  debug: 7,
  info: 6,
  notice: 6,
  warning: 4,
  error: 3,
  alert: 1,
};

/** A longer line is cut: syslog daemons drop or split what exceeds their limit (8 KiB in rsyslog). */
export const MAX_LOG_LINE_CHARACTERS = 4096;

/** A longer value is cut, so that one login name cannot push the address out of the line. */
export const MAX_LOG_VALUE_CHARACTERS = 512;

const bugs = count('bugs_total');

// Separators of Courier's lines, controls, the escape character itself, and all that some viewer takes for a line end.
const UNSAFE_IN_VALUE = /[\s,=[\]\\\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]/gu;
const UNSAFE_IN_LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu;

/**
 * Makes a value safe between Courier's commas: nothing in it can look like another value, or end the line.
 *
 *     logValue('x, ip=[192.0.2.1]')    // 'x\\x2C\\x20ip\\x3D\\x5B192.0.2.1\\x5D'
 */
export function logValue(text: string): string {
  const shortened = text.length > MAX_LOG_VALUE_CHARACTERS ? `${text.slice(0, MAX_LOG_VALUE_CHARACTERS)}...` : text;
  return shortened.replace(UNSAFE_IN_VALUE, escapeCharacter);
}

/** Makes any text one line of bounded length. */
export function logLine(text: string): string {
  const line = text.replace(UNSAFE_IN_LINE, escapeCharacter);
  return line.length > MAX_LOG_LINE_CHARACTERS ? `${line.slice(0, MAX_LOG_LINE_CHARACTERS)}...` : line;
}

/** Describes a bug in one line: where, what, and the stack. */
export function describeBug(error: unknown, where: string): string {
  const what = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  return `bug in ${where}: ${what.replace(/\n\s*/g, ' | ')}`;
}

/** One line on its way. */
export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
  readonly session?: number;
}

/** Writes lines that came together. */
export function writeLines(log: Log, lines: readonly LogLine[]): void {
  for (const { level, text, session } of lines) log.write(level, text, session);
}

/** Makes a Log of a function that writes one line somewhere. */
export function logTo(write: (level: LogLevel, line: string, session?: number) => void): Log {
  return {
    write: (level, text, session) => write(level, logLine(text), session),
    bug: (error, where) => {
      bugs.value += 1;
      write('error', logLine(describeBug(error, where)));
    },
  };
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hexadecimal = code.toString(16).toUpperCase();
  return code < 0x100 ? `\\x${hexadecimal.padStart(2, '0')}` : `\\u${hexadecimal.padStart(4, '0')}`;
}
