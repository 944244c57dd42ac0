/**
 * maildirquota: shows how full maildirs are, counts them anew, and sets and removes their quotas; for one or for all.
 *
 * Courier has no such program. As root it works on each maildir as its owner.
 */

import { ProgramFailure, runProgram } from '../../init/runtime/program.js';
import { MaildirError } from '../errors.js';
import type { Maildir } from '../maildir.js';
import type { QuotaUsage } from '../quota/maildir-quota.js';
import { parseLimits, percentUsed, type QuotaLimits } from '../quota/quota-limits.js';
import { type ListedAccount, listedAccounts } from './listed-accounts.js';
import { becomeOwnerOf, becomeRootAgain, openForTool } from './tool-store.js';

const USAGE = 'Usage: maildirquota [options] MAILDIR... | -';

const HELP = `${USAGE}

A line for each maildir: its name, percent used, octets, limit of octets, messages, limit of messages, with TABs between and
- for what has no limit. With - in place of maildirs, accounts come on standard input as authenumerate prints them:

  authenumerate | maildirquota --over 90 -

  --json           an object of JSON for each line
  --over PERCENT   only those that use so much
  --recount        counts the mail anew before; what was wrong is told on standard error
  --set QUOTA      1000000000S,100000C: octets, messages
  --remove         no limit any more

A quota in the account's record, in the database or userdb, comes back when the server next needs it. Exit code: 0; 1 when
a maildir could not be read.`;

interface Arguments {
  readonly json: boolean;
  readonly over: number;
  readonly action: 'show' | 'recount' | 'remove' | QuotaLimits;
  readonly maildirs: readonly string[];
}

await runProgram({ name: 'maildirquota', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  const args = parse([...words]);
  let failures = 0;
  for await (const account of listedAccounts(args.maildirs)) {
    try {
      await actOn(account, args);
    } catch (error) {
      failures += 1;
      const text = error instanceof MaildirError ? `${error.kind}: ${error.detail}` : String(error);
      process.stderr.write(`maildirquota: ${account.name}: ${text}\n`);
    } finally {
      becomeRootAgain();
    }
  }
  return failures === 0 ? 0 : 1;
}

function parse(words: string[]): Arguments {
  let json = false;
  let over = 0;
  let action: Arguments['action'] = 'show';
  for (let word = words[0]; word?.startsWith('--') === true; word = words[0]) {
    words.shift();
    if (word === '--json') json = true;
    else if (word === '--over') over = percentIn(words.shift());
    else if (word === '--recount') action = 'recount';
    else if (word === '--remove') action = 'remove';
    else if (word === '--set') action = limitsIn(words.shift());
    else throw new ProgramFailure(`maildirquota: unknown option: ${word}\n${USAGE}`);
  }
  if (words.length === 0) throw new ProgramFailure(USAGE);
  return { json, over, action, maildirs: words };
}

function percentIn(word = ''): number {
  if (/^\d{1,3}$/.test(word)) return Number(word);
  throw new ProgramFailure(`maildirquota: --over ${word}: not a percentage`);
}

function limitsIn(word = ''): QuotaLimits {
  const limits = parseLimits(word);
  if (limits !== undefined) return limits;
  throw new ProgramFailure(`maildirquota: --set ${word}: no quota; write for example 1000000000S,100000C`);
}

async function actOn(account: ListedAccount, args: Arguments): Promise<void> {
  becomeOwnerOf(account.path);
  const { maildir, store } = openForTool('maildirquota', account.path);
  const { action } = args;
  if (action === 'recount') await recount(account, maildir);
  else if (action === 'remove') await maildir.quota.setLimits(undefined);
  else if (action !== 'show') await maildir.quota.setLimits(action);
  const usage = await maildir.quota.usage();
  await store.close();
  show(account, usage, args);
}

async function recount({ name }: ListedAccount, { quota }: Maildir): Promise<void> {
  const before = await quota.usage();
  await quota.recount();
  const after = await quota.usage();
  if (before === undefined || after === undefined) return;
  const [was, is] = [before, after].map(({ used }) => `${used.octets} octets in ${used.messages} messages`);
  if (was !== is) process.stderr.write(`${name}: ${was} were noted, ${is} are there\n`);
}

function show({ name, path }: ListedAccount, usage: QuotaUsage | undefined, { json, over }: Arguments): void {
  const percent = usage === undefined ? 0 : percentUsed(usage.used, usage.limits);
  if (percent < over) return;
  const { limits = {}, used = undefined } = usage ?? {};
  if (json) {
    const figures = usage === undefined ? { percent: null } : { percent, ...used };
    const octetsLimit = limits.octets ?? null;
    const messagesLimit = limits.messages ?? null;
    process.stdout.write(`${JSON.stringify({ name, maildir: path, ...figures, octetsLimit, messagesLimit })}\n`);
    return;
  }
  const fields = [usage && percent, used?.octets, limits.octets, used?.messages, limits.messages];
  process.stdout.write(`${[name, ...fields.map((field) => field ?? '-')].join('\t')}\n`);
}
