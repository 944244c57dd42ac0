/**
 * The program `authenumerate`: lists all accounts that authdaemond knows, as Courier's does.
 */
import { runProgram } from '../../init/runtime/program.js';
import { formatOptions, optionNumber } from '../account.js';
import { authClient } from './tool.js';

const USAGE_LINE = 'Usage: authenumerate [-s] [-o]';

const usage = `${USAGE_LINE}

One line for each account: name, uid, gid, home, maildir, with TABs between.
  -o   the account's options, too
  -s   without accounts that have the option disableshared
  --help, --version
Exit code: not 0 when the list is incomplete.`;

await runProgram({ name: 'authenumerate', usage, run, endsWithReader: true });

async function run(words: readonly string[]): Promise<number> {
  if (words.some((word) => word !== '-s' && word !== '-o')) {
    process.stderr.write(`${USAGE_LINE}\n`);
    return 1;
  }
  for await (const item of authClient().enumerate()) {
    if (item.kind === 'incomplete') {
      process.stderr.write(`ERR: authdaemon: ${item.reason}\n`);
      return 1;
    }
    const { name, uid, gid, home, maildir, options } = item.account;
    if (words.includes('-s') && optionNumber(options, 'disableshared') !== 0) continue;
    const fields = [name, uid, gid, home, maildir, ...(words.includes('-o') ? [formatOptions(options)] : [])];
    process.stdout.write(`${fields.join('\t')}\n`);
  }
  return 0;
}
