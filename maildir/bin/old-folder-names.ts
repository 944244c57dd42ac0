/**
 * Names of folders as Courier kept them before release 5, in modified UTF-7: found, checked, and made UTF-8, as
 * maildirmake --checkutf8 and --convutf8 do it.
 *
 * Folders, subscriptions and the access lists of levels without a folder have such names. Names with octets above 127 are
 * in UTF-8 already, and stay; Courier's tool would take each of their octets for a character. Unless all names can be
 * converted, none is.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMailboxName } from '../../imapd/wire/modified-utf7.js';
import { namesIn, realFileSystem } from '../file-system.js';
import { readText } from '../files.js';
import { isFolderName } from '../folder-name.js';
import { changeSubscriptions } from '../subscriptions.js';
import { becomeOwnerOf, openForTool, toolSurroundings } from './tool-store.js';

const SUBSCRIPTIONS = 'courierimapsubscribed';
const HIERARCHY = 'courierimaphieracl';

/** What is to be told, and whether anything is wrong. */
export interface NamesReport {
  readonly lines: readonly string[];
  readonly errors: readonly string[];
}

interface Renaming {
  readonly from: string;
  readonly to: string;
}

/** Looks at the names of a maildir, and converts them if that is wanted. @throws system errors */
export async function convertNames(maildir: string, convert: boolean): Promise<NamesReport> {
  statSync(maildir);
  becomeOwnerOf(maildir);
  const errors: string[] = [];
  const folders = renamings(join(maildir, ''), /^\.[^.]/, '', errors);
  const lists = renamings(join(maildir, HIERARCHY), /^[^.]/, '.', errors);
  const path = join(maildir, SUBSCRIPTIONS);
  const subscriptions = readText(realFileSystem, path);
  const changed = new Map<string, string>();
  for (const name of subscriptions?.split('\n') ?? []) {
    const newName = utf8Name(name);
    if (newName === undefined) errors.push(invalid(`${SUBSCRIPTIONS}: ${name}`));
    else if (newName !== name) changed.set(name, newName);
  }
  const lines = [...changed].map(([from, to]) => `Subscription to ${from} changed to ${to}`);
  for (const { from, to } of [...folders, ...lists]) lines.push(`Rename ${shown(from)} to ${shown(to)}`);
  if (errors.length > 0) return { lines, errors };
  if (convert) await apply(maildir, { folders, lists, changed });
  if (subscriptions !== undefined) lines.push(`${convert ? 'Updating' : 'Verified'} ${path}`);
  return { lines, errors };
}

/** Entries of a directory that have old names. `prefix` makes them look like directories of folders. */
function renamings(directory: string, wanted: RegExp, prefix: string, errors: string[]): Renaming[] {
  if (!existsSync(directory)) return [];
  const found: Renaming[] = [];
  for (const from of namesIn(realFileSystem, directory).filter((name) => wanted.test(name))) {
    const to = utf8Name(from);
    if (to === undefined || !isFolderName(shown(prefix + to))) errors.push(invalid(shown(prefix + from)));
    else if (to !== from && existsSync(join(directory, to))) errors.push(`${shown(prefix + to)}: File exists`);
    else if (to !== from) found.push({ from, to });
  }
  return found;
}

/** Undefined where a name is neither in modified UTF-7 nor in anything later. */
function utf8Name(name: string): string | undefined {
  return /[^\x20-\x7e]/.test(name) ? name : decodeMailboxName(name);
}

/** `.Sent` -> `INBOX.Sent` */
function shown(entry: string): string {
  return `INBOX${entry.startsWith('.') ? '' : '.'}${entry}`;
}

function invalid(name: string): string {
  return `${name}: does not appear to be valid modified-UTF7`;
}

interface Conversion {
  readonly folders: readonly Renaming[];
  readonly lists: readonly Renaming[];
  readonly changed: ReadonlyMap<string, string>;
}

async function apply(path: string, { folders, lists, changed }: Conversion): Promise<void> {
  const surroundings = toolSurroundings('maildirmake');
  const steps = [
    ...folders.map((one) => ({ in: path, ...one })),
    ...lists.map((one) => ({ in: join(path, HIERARCHY), ...one })),
  ];
  const done: typeof steps = [];
  try {
    for (const step of steps) {
      realFileSystem.rename(join(step.in, step.from), join(step.in, step.to));
      done.push(step);
    }
    await changeSubscriptions(surroundings, path, (names) => names.map((name) => changed.get(name) ?? name));
  } catch (error) {
    for (const step of done.reverse()) realFileSystem.rename(join(step.in, step.to), join(step.in, step.from));
    throw error;
  }
  const { maildir, store } = openForTool('maildirmake', path);
  const newNames = new Map(folders.map(({ from, to }) => [shown(from), shown(to)]));
  await maildir.specialUses.follow((folderName) => newNames.get(folderName) ?? folderName);
  await store.close();
  await realFileSystem.syncDirectory(path);
}
