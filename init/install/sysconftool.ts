/**
 * The program `sysconftool`: merges NAME.dist into NAME, with the words and exit codes of Courier's.
 */
import { parseArgs } from 'node:util';
import { EXIT_USAGE, ProgramFailure, runProgram } from '../runtime/program.js';
import { NoSettingsHeader } from './merge-settings.js';
import { mergeSettingsFile } from './settings-files.js';

const usage = `Usage: sysconftool [-n] [-f] FILE…

Merges FILE.dist, the settings of a new release, into FILE: values that were changed stay, new settings are added with
their explanations, and what went is told. The old file is FILE.bak then. A FILE that was merged before stays as it is.

Options:
  -n       tell what would be done, and change nothing
  -f       merge again, also when it was done before
  --help, --version`;

/** As sysconftool: a file without header. */
const EXIT_NO_HEADER = 9;

await runProgram({ name: 'sysconftool', usage, run });

function run(words: readonly string[]): number {
  const { values, positionals } = readArguments(words);
  let exitCode = 0;
  for (const file of positionals) {
    try {
      const lines = mergeSettingsFile(file.replace(/\.dist$/, ''), {
        force: values.force === true,
        dryRun: values['dry-run'] === true,
      });
      for (const line of lines) process.stdout.write(`${line}\n`);
    } catch (error) {
      if (!(error instanceof NoSettingsHeader)) throw error;
      process.stderr.write(`${error.message}\n`);
      exitCode = EXIT_NO_HEADER;
    }
  }
  return exitCode;
}

function readArguments(words: readonly string[]) {
  try {
    const parsed = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { 'dry-run': { type: 'boolean', short: 'n' }, force: { type: 'boolean', short: 'f' } },
    });
    if (parsed.positionals.length > 0) return parsed;
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
  throw new ProgramFailure(usage, EXIT_USAGE);
}
