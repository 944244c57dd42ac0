/**
 * The program `sharedindexinstall`: puts new shared indexes into their place, each by one rename, and removes those of
 * before that are not among them. Sessions take what they find.
 */
import { lstatSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, settingsDirectory } from '../../init/runtime/program.js';

const usage = `Usage: sharedindexinstall

Moves all files of shared.tmp, beside the settings, to the directory shared there, and removes others from it.`;

await runProgram({ name: 'sharedindexinstall', usage, run });

function run(): number {
  const [from, to] = [join(settingsDirectory(), 'shared.tmp'), join(settingsDirectory(), 'shared')];
  const files = filesIn(from) ?? [];
  if (files.length === 0) return refusal(`${from} is empty!`);
  const before = filesIn(to);
  if (before === undefined) return refusal(`${to} does not exist!`);
  for (const file of files) renameSync(join(from, file), join(to, file));
  for (const file of before) if (!files.includes(file)) unlinkSync(join(to, file));
  return 0;
}

function refusal(text: string): number {
  process.stdout.write(`${text}\n`);
  return 1;
}

/** Undefined if there is no such directory. */
function filesIn(directory: string): string[] | undefined {
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}
