/**
 * maildirkw: shows and changes the keywords (labels) of messages in a folder.
 *
 * Words are those of Courier's maildirkw. When it runs as root it becomes the owner of the folder first. Sessions that look at
 * the folder are told.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ProgramFailure, runProgram } from '../../init/runtime/program.js';
import { baseNameOf, uniqueNameOf } from '../filename.js';
import { folderPaths } from '../folder-name.js';
import { eachKeywordOnce, foldKeyword, type KeywordEntries, safeKeyword } from '../keyword-text.js';
import { KeywordFiles } from '../keywords.js';
import { withLock } from '../lock.js';
import { becomeOwnerOf, toolSurroundings } from './tool-store.js';

const USAGE = 'Usage: maildirkw [ options ] maildir [+/-]flag [+/-]flag...';

const HELP = `${USAGE}

  maildirkw FOLDER MESSAGE KEYWORD...      gives a message these keywords and no others
  maildirkw -a FOLDER MESSAGE KEYWORD...   adds them
  maildirkw -r FOLDER MESSAGE KEYWORD...   removes them
  maildirkw -L FOLDER                      lists messages that have keywords
  -l                                       takes the folder's lock meanwhile

FOLDER is a maildir, or a folder in one: Maildir, Maildir/.Sent. MESSAGE is the name of its file without a directory and
without what stands behind a colon.`;

/** An update that is in the way is aged by loading; somebody else may have put the next one there. */
const MAX_TRIES = 50;

type Action = 'replace' | 'add' | 'remove' | 'list';

interface Arguments {
  readonly action: Action;
  readonly lock: boolean;
  readonly folder: string;
  readonly message: string;
  readonly keywords: readonly string[];
}

await runProgram({ name: 'maildirkw', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  const args = parse([...words]);
  if (args === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return 1;
  }
  const { folder } = args;
  if (!existsSync(join(folder, 'cur'))) throw new ProgramFailure(`maildirkw: ${folder}: No such file or directory`);
  becomeOwnerOf(folder);
  const surroundings = { ...toolSurroundings('maildirkw'), keywords: 'fast' as const };
  const paths = folderPaths(resolve(folder));
  const files = new KeywordFiles(surroundings, paths);
  const act = (): Promise<void> => (args.action === 'list' ? list(files) : change(files, args));
  await (args.lock ? withLock(surroundings, paths.tmp, act) : act());
  return 0;
}

function parse(words: string[]): Arguments | undefined {
  let action: Action = 'replace';
  let lock = false;
  for (let word = words[0]; word !== undefined && /^-[lLar]+$/.test(word); word = words[0]) {
    words.shift();
    if (word.includes('l')) lock = true;
    if (word.includes('L')) action = 'list';
    else if (word.includes('r')) action = 'remove';
    else if (word.includes('a')) action = 'add';
  }
  const [folder, message = '', ...keywords] = words;
  if (folder === undefined || folder.startsWith('-') || (action !== 'list' && message === '')) return undefined;
  if (message.includes('/'))
    throw new ProgramFailure(`maildirkw: ${message}: the name of a message, without a directory`);
  return { action, lock, folder, message: baseNameOf(message), keywords: keywords.map(safeKeyword) };
}

/** What is not in the folder any more may come back: that is for the server to judge. */
function load(files: KeywordFiles): Promise<KeywordEntries> {
  return files.load(() => true, true);
}

async function list(files: KeywordFiles): Promise<void> {
  const entries = [...(await load(files)).values()];
  const lines = entries.map(({ baseName, keywords }) => `${baseName} ${[...keywords].sort().join(' ')}\n`);
  process.stdout.write(lines.sort().join(''));
}

async function change(files: KeywordFiles, { action, message, keywords }: Arguments): Promise<void> {
  const given = new Set(keywords.map(foldKeyword));
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const before = action === 'replace' ? [] : ((await load(files)).get(uniqueNameOf(message))?.keywords ?? []);
    const others = before.filter((word) => !given.has(foldKeyword(word)));
    const wanted = action === 'remove' ? others : eachKeywordOnce([...others, ...keywords]);
    if (await files.writeUpdate({ baseName: message, keywords: wanted })) return;
    await load(files);
  }
  throw new ProgramFailure(`maildirkw: ${message}: others change its keywords all the time`);
}
