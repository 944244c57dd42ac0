/**
 * The program `authtest`: asks authdaemond about an account, checks its password, or changes it, as Courier's does.
 */
import { runProgram } from '../../init/runtime/program.js';
import { Secret } from '../../init/runtime/secret.js';
import { type Account, formatOptions } from '../account.js';
import type { AuthAnswer, PasswordAnswer } from '../client.js';
import type { ExplainedStep, Explanation } from '../explanation.js';
import { authClient } from './tool.js';

/** Courier's own words, for Courier's own mistakes. */
const USAGE_LINE = 'Usage: authtest [-s service] userid [ password [ newpassword ] ]';

const usage = `Usage: authtest [-v] [-s service] userid [ password [ newpassword ] ]

Looks userid up; with a password, logs in; with two, changes the first into the second.
  -s SERVICE   imap, pop3, esmtp, …; without it: login
  -v           tell, on stderr, which modules were asked and what each said; a failure tells it anyway
  --help, --version
Exit code: 0 the answer is yes, 1 it is no, or there is none.`;

/** Which modules said what, in words; a module says the others' reasons itself. */
const WORDS_OF_ANSWERS: Readonly<Record<string, string>> = {
  account: 'yes',
  rejected: 'no',
  changed: 'changed',
  'temporary failure': 'cannot say now',
};

await runProgram({ name: 'authtest', usage, run });

interface Arguments {
  readonly service: string;
  readonly verbose: boolean;
  readonly words: readonly string[];
}

async function run(all: readonly string[]): Promise<number> {
  const read = readArguments(all);
  const [userid, password, newPassword] = read?.words ?? [];
  if (read === undefined || userid === undefined) {
    process.stderr.write(`${USAGE_LINE}\n`);
    return 1;
  }
  const { service, verbose } = read;
  const client = authClient(true);
  if (password === undefined) return report(await client.lookup(service, userid), read);
  const secret = new Secret(password);
  if (newPassword === undefined) {
    return report(await client.authenticate({ service, loginName: userid, password: secret }), read);
  }
  const change = { service, loginName: userid, oldPassword: secret, newPassword: new Secret(newPassword) };
  return reportChange(await client.changePassword(change), verbose);
}

/** Options come first; whatever stands behind the userid is a password. */
function readArguments(all: readonly string[]): Arguments | undefined {
  const verbose = all[0] === '-v';
  const words = verbose ? all.slice(1) : all;
  if (words[0] !== '-s') return words[0]?.startsWith('-') ? undefined : { service: 'login', verbose, words };
  const rest = words.slice(words[2] === '-v' ? 3 : 2);
  const service = words[1];
  return service === undefined ? undefined : { service, verbose: verbose || words[2] === '-v', words: rest };
}

function report(answer: AuthAnswer, { service, verbose }: Arguments): number {
  if (answer.kind !== 'account') return reportFailure(answer, verbose);
  process.stdout.write(`Authentication succeeded.\n\n${describe(answer.account)}`);
  if (!verbose) return 0;
  explain(answer.explanation);
  const notes = answer.explanation?.notes ?? [];
  for (const note of notes) process.stderr.write(`Mind: ${note}\n`);
  if (answer.explanation !== undefined && notes.length === 0) {
    process.stderr.write(`As far as authdaemond sees, nothing else stands in the way (service ${service}).\n`);
  }
  return 0;
}

function reportChange(answer: PasswordAnswer, verbose: boolean): number {
  if (answer.kind !== 'changed') return reportFailure(answer, verbose);
  process.stderr.write('Password change succeeded.\n');
  if (verbose) explain(answer.explanation);
  return 0;
}

type Failure = Exclude<AuthAnswer, { kind: 'account' }>;

function reportFailure(answer: Failure, verbose: boolean): number {
  const temporary = answer.kind === 'temporary failure';
  if (temporary) process.stderr.write(`ERR: authdaemon: ${answer.reason}\n`);
  process.stderr.write(`Authentication FAILED: ${temporary ? 'Input/output error' : 'Operation not permitted'}\n`);
  if (verbose || answer.explanation !== undefined) explain(answer.explanation);
  for (const note of answer.explanation?.notes ?? []) process.stderr.write(`Mind: ${note}\n`);
  return 1;
}

function explain(explanation: Explanation | undefined): void {
  const lines =
    explanation === undefined
      ? ['The authdaemond that answers there gives no explanations.']
      : explanation.steps.map(describeStep);
  if (lines.length === 0) lines.push('No module was asked.');
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/**     authuserdb: no, unknown account (0.4 ms)    */
function describeStep({ module, said, reason, ms }: ExplainedStep): string {
  const answer = WORDS_OF_ANSWERS[said] ?? said;
  return `${module}: ${answer}${reason === undefined ? '' : `, ${reason}`} (${ms.toFixed(1)} ms)`;
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
