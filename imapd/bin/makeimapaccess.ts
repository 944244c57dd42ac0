/**
 * The program `makeimapaccess`: checks the access file and lets a running server use it at once. Courier compiles the
 * file; here it is read as it stands, so that scripts which call this still do what they mean. The compiled form of
 * Courier's is left alone: a site that goes back makes it with Courier's own program.
 */
import { readAccessFile } from '../../init/runtime/limits/access-file.js';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { askControl } from '../../init/runtime/service/control.js';
import { describeProblem } from '../../init/runtime/settings/settings-file.js';
import { readImapdSettings } from '../settings/settings-reader.js';

const usage = `Usage: makeimapaccess

Checks the file or directory that IMAPACCESSFILE in the settings names, and makes a running server use it at once.
Without this program it does so within seconds.`;

await runProgram({ name: 'makeimapaccess', usage, run });

async function run(words: readonly string[]): Promise<number> {
  if (words.length > 0) throw new ProgramFailure(usage, EXIT_USAGE);
  const { configuration } = readImapdSettings(settingsDirectory());
  const { access } = configuration;
  if (access === undefined) throw new ProgramFailure('IMAPACCESSFILE is not set: every address may connect');
  const { problems, warnings } = readAccessFile(access.path, { local: access.local });
  for (const warning of warnings) process.stderr.write(`warning: ${describeProblem(warning)}\n`);
  if (problems.length > 0) throw new ProgramFailure(problems.map(describeProblem).join('\n'));
  try {
    await askControl(configuration.controlSocket, 'access');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
  }
  return 0;
}
