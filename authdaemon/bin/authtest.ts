/**
 * The program `authtest`: asks authdaemond about an account, checks its password, or changes it, as Courier's does.
 */
import { runProgram } from '../../init/runtime/program.js';
import { Secret } from '../../init/runtime/secret.js';
import { type Account, formatOptions } from '../account.js';
import type { AuthAnswer, PasswordAnswer } from '../client.js';
import { authClient } from './tool.js';

const USAGE_LINE = 'Usage: authtest [-s service] userid [ password [ newpassword ] ]';

const usage = `${USAGE_LINE}

Looks userid up; with a password, logs in; with two, changes the first into the second.
  -s SERVICE   imap, pop3, esmtp, …; without it: login
  --help, --version
Exit code: 0 the answer is yes, 1 it is no, or there is none.`;

await runProgram({ name: 'authtest', usage, run });

async function run(words: readonly string[]): Promise<number> {
  const [first, named] = words;
  const service = first === '-s' ? named : 'login';
  const [userid, password, newPassword] = first === '-s' ? words.slice(2) : words;
  if (service === undefined || userid === undefined || (first !== '-s' && userid.startsWith('-'))) {
    process.stderr.write(`${USAGE_LINE}\n`);
    return 1;
  }
  const client = authClient();
  if (password === undefined) return report(await client.lookup(service, userid));
  const secret = new Secret(password);
  if (newPassword === undefined)
    return report(await client.authenticate({ service, loginName: userid, password: secret }));
  const change = { service, loginName: userid, oldPassword: secret, newPassword: new Secret(newPassword) };
  return reportChange(await client.changePassword(change));
}

function report(answer: AuthAnswer): number {
  if (answer.kind !== 'account') return reportFailure(answer);
  process.stdout.write(`Authentication succeeded.\n\n${describe(answer.account)}`);
  return 0;
}

function reportChange(answer: PasswordAnswer): number {
  if (answer.kind !== 'changed') return reportFailure(answer);
  process.stderr.write('Password change succeeded.\n');
  return 0;
}

function reportFailure(answer: { kind: 'rejected' } | { kind: 'temporary failure'; reason: string }): number {
  const temporary = answer.kind === 'temporary failure';
  if (temporary) process.stderr.write(`ERR: authdaemon: ${answer.reason}\n`);
  process.stderr.write(`Authentication FAILED: ${temporary ? 'Input/output error' : 'Operation not permitted'}\n`);
  return 1;
}

function describe(account: Account): string {
  const who =
    account.systemUser === undefined
      ? ` (uid ${account.uid}, gid ${account.gid})`
      : ` (system username: ${account.systemUser})`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Authenticated', `${account.address} ${who}`],
    ['Home Directory', account.home],
    ['Maildir', account.maildir],
    ['Quota', account.quota],
    ['Encrypted Password', account.encryptedPassword],
    ['Cleartext Password', account.clearPassword?.reveal()],
    ['Options', account.options.length === 0 ? undefined : formatOptions(account.options)],
  ];
  return rows.map(([name, value]) => `${name.padStart(18)}: ${value ?? '(none)'}\n`).join('');
}
