/**
 * maildirreaders: who reads the mailboxes that others share: a line for each reader and mailbox, from the readers' own
 * maildirs. As root it works on each maildir as its owner.
 *
 * Courier has no such program.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { ProgramFailure, runProgram } from '../../init/runtime/program.js';
import { MaildirError } from '../errors.js';
import type { Maildir } from '../maildir.js';
import { seenPlace } from '../seen/seen-marks.js';
import { type ListedAccount, listedAccounts } from './listed-accounts.js';
import { becomeOwnerOf, becomeRootAgain, openForTool } from './tool-store.js';

const USAGE = 'Usage: maildirreaders [options] MAILDIR... | -';

const HELP = `${USAGE}

Who has subscribed to mailboxes of others: a line with the mailbox as the reader calls it, the reader, and the day on which he
last read something there, with TABs between. With - in place of maildirs, accounts come on standard input as authenumerate
prints them:

  authenumerate | maildirreaders - | sort

  --count   a line for each mailbox: its name, how many have subscribed, and how many of them have ever read something

The day is known where readers have a \\Seen of their own: of mailboxes that file permissions share (shared.), and of those of
access lists (#shared.) where IMAP_SHAREDSEEN is 0; else there is - in its place. Exit code: 0; 1 when a maildir could not be
read.`;

interface Reading {
  readonly mailbox: string;
  /** Milliseconds since 1970; undefined if nobody knows. */
  readonly lastAt: number | undefined;
}

await runProgram({ name: 'maildirreaders', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  const counted = words[0] === '--count';
  const maildirs = counted ? words.slice(1) : words;
  const unknown = maildirs.find((word) => word.startsWith('--'));
  if (unknown !== undefined) throw new ProgramFailure(`maildirreaders: unknown option: ${unknown}\n${USAGE}`);
  if (maildirs.length === 0) throw new ProgramFailure(USAGE);
  const counts = new Map<string, { subscribed: number; read: number }>();
  let failures = 0;
  for await (const account of listedAccounts(maildirs)) {
    try {
      for (const reading of await readingsOf(account)) {
        if (!counted) show(account, reading);
        const count = counts.get(reading.mailbox) ?? { subscribed: 0, read: 0 };
        counts.set(reading.mailbox, count);
        count.subscribed += 1;
        if (reading.lastAt !== undefined) count.read += 1;
      }
    } catch (error) {
      failures += 1;
      const text = error instanceof MaildirError ? `${error.kind}: ${error.detail}` : String(error);
      process.stderr.write(`maildirreaders: ${account.name}: ${text}\n`);
    } finally {
      becomeRootAgain();
    }
  }
  if (counted) {
    for (const [mailbox, { subscribed, read }] of [...counts].sort(([one], [other]) => (one < other ? -1 : 1))) {
      process.stdout.write(`${mailbox}\t${subscribed}\t${read}\n`);
    }
  }
  return failures === 0 ? 0 : 1;
}

async function readingsOf(account: ListedAccount): Promise<Reading[]> {
  becomeOwnerOf(account.path);
  const { maildir, store } = openForTool('maildirreaders', account.path);
  const virtual = maildir.subscriptions().filter((name) => name.startsWith('#shared.'));
  const readings = [
    ...virtual.map((mailbox) => ({ mailbox, lastAt: changedAt(seenPlace(maildir.path, mailbox).path) })),
    ...maildir.sharedFolders.subscriptions().map((mailbox) => ({ mailbox, lastAt: linksChangedAt(maildir, mailbox) })),
  ];
  await store.close();
  return readings;
}

/** A flag that is set renames a link. */
function linksChangedAt({ path }: Maildir, mailbox: string): number | undefined {
  const [, share = '', folder = ''] = /^shared\.([^.]+)\.(.+)$/.exec(mailbox) ?? [];
  return changedAt(join(path, 'shared-folders', share, folder, 'cur'));
}

function changedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function show({ name }: ListedAccount, { mailbox, lastAt }: Reading): void {
  const day = lastAt === undefined ? '-' : new Date(lastAt).toISOString().slice(0, 10);
  process.stdout.write(`${mailbox}\t${name}\t${day}\n`);
}
