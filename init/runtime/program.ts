/**
 * What the programs in dist/bin/ have in common: `--help`, `--version`, where the settings are, and how errors end.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failureText } from './log/journal.js';

/** Exit code for a wrong command line, as in sysexits.h. */
export const EXIT_USAGE = 64;

/** Exit code for settings that a program cannot work with, as in sysexits.h. Nothing starts it again after this. */
export const EXIT_SETTINGS = 78;

/** A failure whose text is all that the person at the keyboard needs: no stack is shown. */
export class ProgramFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The directory of the settings: $COURIER_CONFDIR, else /etc/courier. */
export function settingsDirectory(): string {
  const named = process.env['COURIER_CONFDIR'];
  return named === undefined || named === '' ? '/etc/courier' : named;
}

/** The version in package.json, beside which the compiled programs stand. */
export function programVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package-lock.json')) && directory !== '/') directory = dirname(directory);
  try {
    return String(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version);
  } catch {
    return 'unknown';
  }
}

/**
 * Runs a program: answers --help and --version, and turns what it throws into text and an exit code.
 *
 *     await runProgram({ name: 'userdbpw', usage: 'userdbpw [-md5]\n…', run: async (words) => 0 });
 */
export async function runProgram(program: {
  readonly name: string;
  /** All of the help text, without a line end. */
  readonly usage: string;
  /** Gets the words behind the program's name; gives the exit code. */
  readonly run: (words: readonly string[]) => Promise<number> | number;
  /** It prints a list, and there is nothing to go on for when nobody reads it. */
  readonly endsWithReader?: boolean;
}): Promise<void> {
  const words = process.argv.slice(2);
  if (program.endsWithReader === true) process.stdout.on('error', endWithReader);
  if (words.includes('--help')) process.stdout.write(`${program.usage}\n`);
  else if (words.includes('--version')) process.stdout.write(`${program.name} (Angarium) ${programVersion()}\n`);
  else process.exitCode = await exitCodeOf(program.name, () => program.run(words));
}

/** Exit code of a program that was ended by SIGPIPE, as a shell sees it. */
const EXIT_PIPE = 141;

/** Whoever read what we print has gone, as head(1) does: no bug of ours. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_PIPE);
}

async function exitCodeOf(name: string, run: () => Promise<number> | number): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const text = error instanceof ProgramFailure ? error.message : describeUnexpected(error);
    process.stderr.write(`${failureText(text.startsWith(name) ? text : `${name}: ${text}`)}\n`);
    return error instanceof ProgramFailure ? error.exitCode : 1;
  }
}

function describeUnexpected(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node's own argument parser and system calls explain themselves; anything else is a bug, and its place matters.
  return 'code' in error ? error.message : (error.stack ?? error.message);
}
