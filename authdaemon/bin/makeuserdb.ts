/**
 * The program `makeuserdb`: compiles userdb into userdb.dat and userdbshadow.dat, in Courier's format.
 *
 * Unlike Courier's it takes --help, which prints and compiles nothing.
 */
import { join } from 'node:path';
import { runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { compileUserdb, UserdbFailure } from '../userdb/files.js';

const usage = `Usage: makeuserdb [-f PATH]

Compiles userdb (a file, or a directory of files) into userdb.dat and userdbshadow.dat beside it.
  -f PATH   the source; without it: userdb in $COURIER_CONFDIR, else in /etc/courier
  --help, --version   print, and compile nothing (Courier's makeuserdb compiles whatever it is told)
The old compiled files stay until the new ones are complete.`;

await runProgram({ name: 'makeuserdb', usage, run });

async function run([option, path]: readonly string[]): Promise<number> {
  const source = option === '-f' ? (path ?? '') : join(settingsDirectory(), 'userdb');
  try {
    for (const warning of await compileUserdb(source)) process.stderr.write(`WARN: ${warning}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof UserdbFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}
