/**
 * maildirfromdovecot: takes over what Dovecot keeps beside the mail, so that clients notice nothing of the change.
 *
 * Courier has no such program. Dovecot's own files stay as they are. As root it works on each maildir as its owner.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ProgramFailure, runProgram } from '../../init/runtime/program.js';
import {
  type DovecotUids,
  parseDovecotKeywords,
  parseDovecotSubscriptions,
  parseDovecotUids,
} from '../dovecot-lists.js';
import { namesIn, realFileSystem } from '../file-system.js';
import { baseNameOf, uniqueNameOf } from '../filename.js';
import { readText, replaceFile } from '../files.js';
import { type FolderPaths, folderPaths } from '../folder-name.js';
import { formatKeywordList, type KeywordEntry, safeKeyword } from '../keyword-text.js';
import { changeSubscriptions } from '../subscriptions.js';
import { ListLines } from '../uiddb.js';
import { type ListedAccount, listedAccounts } from './listed-accounts.js';
import { convertNames } from './old-folder-names.js';
import { becomeOwnerOf, becomeRootAgain, toolSurroundings } from './tool-store.js';

const USAGE = 'Usage: maildirfromdovecot [--dry-run] MAILDIR... | -';

const HELP = `${USAGE}

Takes over what Dovecot has kept beside the mail: UIDs, keywords, subscriptions, and names of folders, so that mail programs
need not fetch everything again. With - in place of maildirs, accounts come on standard input as authenumerate prints them.

  --dry-run   tell what would be done, and change nothing

A maildir that was taken over is left alone, so it can be run again; and so is one in whose INBOX our server has been: its
UIDs are ours by then (courierimapuiddb). Neither server should be at work meanwhile. Dovecot's own files stay. What is not taken over is told: access lists (dovecot-acl), and folders without a
dovecot-uidlist, whose messages get new UIDs. Exit code: 0; 1 when something could not be done.`;

const tool = 'maildirfromdovecot';

/** What of the tool's words every step needs. */
interface Step {
  readonly isTrial: boolean;
  readonly say: (text: string) => void;
}

await runProgram({ name: tool, usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  const isTrial = words[0] === '--dry-run';
  const maildirs = isTrial ? words.slice(1) : words;
  const unknown = maildirs.find((word) => /^-./.test(word));
  if (unknown !== undefined) throw new ProgramFailure(`${tool}: unknown option: ${unknown}\n${USAGE}`);
  if (maildirs.length === 0) throw new ProgramFailure(USAGE);
  let failures = 0;
  for await (const account of listedAccounts(maildirs)) {
    const say = (text: string): void => void process.stdout.write(`${account.name}: ${text}\n`);
    try {
      if (!existsSync(join(account.path, 'cur'))) throw new ProgramFailure('is no maildir');
      becomeOwnerOf(account.path);
      failures += await takeOver(account, { isTrial, say });
    } catch (error) {
      failures += 1;
      const text = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${tool}: ${account.name}: ${text}\n`);
    } finally {
      becomeRootAgain();
    }
  }
  return failures === 0 ? 0 : 1;
}

/** @returns how much could not be done. */
async function takeOver({ path }: ListedAccount, step: Step): Promise<number> {
  if (existsSync(folderPaths(path).uidList)) {
    step.say('INBOX has UIDs of ours already: nothing is taken over');
    return 0;
  }
  for (const name of foldersIn(path)) await takeOverFolder(path, name, step);
  await takeOverSubscriptions(path, step);
  const failures = await takeOverNames(path, step);
  // The last, and it tells that all is done: a name must not be decoded twice.
  await takeOverFolder(path, '', step);
  return failures;
}

/** `.Sent`: directories of folders, as they are on the disk. */
function foldersIn(path: string): string[] {
  return namesIn(realFileSystem, path).filter((name) => /^\.[^.]/.test(name) && existsSync(join(path, name, 'cur')));
}

async function takeOverFolder(maildir: string, name: string, { isTrial, say }: Step): Promise<void> {
  const paths = folderPaths(join(maildir, name));
  const shown = `INBOX${name}`;
  if (existsSync(join(paths.directory, 'dovecot-acl'))) say(`${shown}: the access list dovecot-acl is not taken over`);
  if (existsSync(paths.uidList)) return say(`${shown}: has UIDs already`);
  const text = readText(realFileSystem, join(paths.directory, 'dovecot-uidlist'));
  if (text === undefined) return say(`${shown}: no dovecot-uidlist; its messages get new UIDs`);
  const uids = parseDovecotUids(text);
  if (uids === undefined) return say(`${shown}: dovecot-uidlist is damaged; its messages get new UIDs`);
  const entries = keywordsIn(paths);
  say(
    `${shown}: UIDVALIDITY ${uids.uidValidity}, ${uids.messages.length} UIDs, ${entries.length} messages with keywords`,
  );
  if (isTrial) return;
  if (entries.length > 0) await writeKeywords(paths, entries);
  // Last: a folder with a list counts as taken over.
  await writeUids(paths, uids);
}

function keywordsIn(paths: FolderPaths): KeywordEntry[] {
  const text = readText(realFileSystem, join(paths.directory, 'dovecot-keywords'));
  if (text === undefined) return [];
  const words = parseDovecotKeywords(text);
  const entries: KeywordEntry[] = [];
  for (const name of namesIn(realFileSystem, paths.cur)) {
    const [, letters = ''] = /:2,.*?([a-z]+)$/.exec(name) ?? [];
    const keywords = [...letters].map((letter) => words.get(letter)).filter((word) => word !== undefined);
    if (keywords.length > 0) entries.push({ baseName: baseNameOf(name), keywords: keywords.map(safeKeyword) });
  }
  return entries.sort((one, other) => (uniqueNameOf(one.baseName) < uniqueNameOf(other.baseName) ? -1 : 1));
}

async function writeKeywords(paths: FolderPaths, entries: readonly KeywordEntry[]): Promise<void> {
  const { mode } = statSync(paths.directory);
  if (!existsSync(paths.keywords)) realFileSystem.makeDirectory(paths.keywords, mode & 0o777);
  const contents = formatKeywordList(entries);
  const path = join(paths.keywords, ':list');
  await replaceFile(toolSurroundings(tool), { tmp: paths.tmp, path, purpose: 'keywords', contents });
  await realFileSystem.syncDirectory(paths.keywords);
}

async function writeUids(paths: FolderPaths, { uidValidity, uidNext, messages }: DovecotUids): Promise<void> {
  const lines = new ListLines();
  lines.addHead(uidValidity, uidNext);
  for (const { uid, baseName } of messages) lines.addText(uid, baseName);
  const contents = lines.octets();
  await replaceFile(toolSurroundings(tool), { tmp: paths.tmp, path: paths.uidList, purpose: 'uiddb', contents });
  await realFileSystem.syncDirectory(paths.directory);
}

async function takeOverSubscriptions(path: string, { isTrial, say }: Step): Promise<void> {
  const text = readText(realFileSystem, join(path, 'subscriptions'));
  if (text === undefined) return;
  const names = parseDovecotSubscriptions(text);
  say(`${names.length} subscriptions`);
  if (!isTrial) await changeSubscriptions(toolSurroundings(tool), path, (before) => [...before, ...names]);
}

/** Dovecot has names of folders in modified UTF-7, as Courier had them before release 5. */
async function takeOverNames(path: string, { isTrial, say }: Step): Promise<number> {
  const { lines, errors } = await convertNames(path, !isTrial);
  for (const line of lines.filter((each) => /^(Rename|Subscription)/.test(each))) say(line);
  for (const error of errors) process.stderr.write(`${tool}: ${path}: ${error}\n`);
  return errors.length;
}
