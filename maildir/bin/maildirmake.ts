/**
 * maildirmake: makes maildirs, and folders in them.
 *
 * Texts, modes and exit codes are those of Courier's maildirmake. When it runs as root, what it makes belongs to whoever
 * owns the directory it is made in, so that an administrator's maildir is one that its user can use.
 */
import { closeSync, constants, existsSync, fchmodSync, fchownSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runProgram } from '../../init/runtime/program.js';
import { parseLimits } from '../quota/quota-limits.js';
import { convertNames } from './old-folder-names.js';
import { addSharedMaildir, deleteSharedMaildir } from './shared-maildirs.js';
import { becomeOwnerOf, openForTool } from './tool-store.js';

const USAGE_LINE = 'Usage: maildirmake [ options ] maildir';

const HELP = `${USAGE_LINE}

  maildirmake DIR             makes a maildir: DIR, DIR/tmp, DIR/new, DIR/cur
  -S                          others may look into it, for shared folders
  -f FOLDER                   makes the folder FOLDER (Sent, Lists.News) in an existing maildir
  -F NAME                     the same for a name in which . / ~ : and \\ stand for themselves
  -q QUOTA                    sets its quota: 1000000000S,100000C is octets and messages; makes the maildir if need be
  -s read|write[,group]       with -f or -F: others, or only the group, may read it or add to it
  --add NAME=/PATH            lets who reads mail in DIR look into the shared folders of the maildir /PATH, as shared.NAME
  --del NAME                  takes that away
  --checkutf8 DIR             tells which names are as Courier kept them before release 5, and what they become
  --convutf8 DIR              makes them so; nobody should be at work in DIR meanwhile

As root, new directories belong to the owner of the directory they are made in.`;

interface Arguments {
  readonly maildir: string;
  readonly sharable: boolean;
  readonly folder: string | undefined;
  readonly share: string | undefined;
  readonly quota: string | undefined;
  /** A line of shared-maildirs. */
  readonly added: { readonly name: string; readonly path: string } | undefined;
  readonly deleted: string | undefined;
  /** Old names of folders are to be looked at, or converted. */
  readonly oldNames: 'check' | 'convert' | undefined;
}

interface Modes {
  readonly directory: number;
  readonly subdirectories: number;
}

/** What the person at the keyboard is told, on standard output or, where Courier does so, on standard error. */
class Refusal extends Error {
  readonly to: 'stdout' | 'stderr';
  readonly exitCode: number;

  constructor(text: string, to: 'stdout' | 'stderr', exitCode = 1) {
    super(text);
    this.to = to;
    this.exitCode = exitCode;
  }
}

await runProgram({ name: 'maildirmake', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  try {
    const args = parse(words);
    if (args.oldNames !== undefined) return await tellOldNames(args.maildir, args.oldNames);
    if (args.added !== undefined || args.deleted !== undefined) await changeList(args);
    else if (args.quota === undefined) make(args);
    else await setQuota(args, args.quota);
    return 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process[error.to].write(`${error.message}\n`);
    return error.exitCode;
  }
}

function parse(words: readonly string[]): Arguments {
  let sharable = false;
  let folder: string | undefined;
  let share: string | undefined;
  let quota: string | undefined;
  let added: Arguments['added'];
  let deleted: string | undefined;
  let oldNames: Arguments['oldNames'];
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = (): string => {
      if (word.length > 2 && !word.startsWith('--')) return word.slice(2);
      at += 1;
      const next = words[at];
      if (next === undefined) throw new Refusal(USAGE_LINE, 'stdout');
      return next;
    };
    if (word === '-S') sharable = true;
    else if (word === '--checkutf8') oldNames = 'check';
    else if (word === '--convutf8') oldNames = 'convert';
    else if (word === '--add') added = addition(value());
    else if (word === '--del') deleted = value();
    else if (/^-f/.test(word)) folder = checkedFolder(value());
    else if (/^-F/.test(word)) folder = escapedFolder(value());
    else if (/^-s/.test(word)) share = value();
    else if (/^-q/.test(word)) quota = value();
    else if (word.startsWith('-')) throw new Refusal(`maildirmake: unknown option: ${word}\n${USAGE_LINE}`, 'stderr');
    else rest.push(word);
  }
  const [maildir] = rest;
  const wrong = rest.length !== 1 || (share !== undefined && folder === undefined);
  if (maildir === undefined || wrong) throw new Refusal(USAGE_LINE, 'stdout');
  return { maildir, sharable, folder, share, quota, added, deleted, oldNames };
}

function addition(text: string): { readonly name: string; readonly path: string } {
  const [, name, path] = /^([^=]*)=(\/.*)$/s.exec(text) ?? [];
  if (name === undefined || path === undefined) throw new Refusal(USAGE_LINE, 'stdout');
  return { name, path };
}

/** As Courier tells it: what it would do, and what it cannot. */
async function tellOldNames(maildir: string, wanted: 'check' | 'convert'): Promise<number> {
  process.stdout.write(`Checking ${maildir}:\n`);
  try {
    const { lines, errors } = await convertNames(maildir, wanted === 'convert');
    for (const line of lines) process.stdout.write(`${line}\n`);
    for (const error of errors) process.stderr.write(`Error: ${error}\n`);
    return errors.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    throw new Refusal(`${maildir}: ${reason(error)}`, 'stderr');
  }
}

/** As in Courier, nothing is made then. */
async function changeList({ maildir, added, deleted }: Arguments): Promise<void> {
  try {
    const refusal =
      added === undefined ? await deleteSharedMaildir(maildir, deleted ?? '') : await addSharedMaildir(maildir, added);
    if (refusal !== undefined) throw new Refusal(refusal.text, 'stderr', refusal.code);
  } catch (error) {
    if (error instanceof Refusal || !(error instanceof Error) || !('path' in error)) throw error;
    throw new Refusal(`${String(error.path)}: ${reason(error)}`, 'stderr');
  }
}

/** Courier refuses only a leading dot; the others would make folders that no client can reach, or leave the maildir. */
function checkedFolder(name: string): string {
  if (name === '' || name.startsWith('.') || name.endsWith('.') || /\.\.|[/\u0000-\u001f\u007f]/.test(name)) {
    throw new Refusal(`Invalid folder name: ${name}`, 'stdout');
  }
  return name;
}

/** One component: what has a meaning in a maildir is written in octal. */
function escapedFolder(name: string): string {
  // Node has put U+FFFD where the argument was not UTF-8.
  if (name === '' || name.includes('\uFFFD')) throw new Refusal(`Cannot convert ${name} to maildir encoding`, 'stderr');
  return checkedFolder(name.replace(/[./~:\\]/g, (found) => `\\${found.charCodeAt(0).toString(8).padStart(3, '0')}`));
}

function make({ maildir, sharable, folder, share }: Arguments): void {
  if (folder === undefined) {
    makeDirectories(maildir, { directory: sharable ? 0o755 : 0o700, subdirectories: 0o700 });
    return;
  }
  const directory = join(maildir, `.${folder}`);
  makeDirectories(directory, folderModes(share));
  const marker = openSync(join(directory, 'maildirfolder'), 'wx', 0o600);
  giveToOwnerOf(maildir, marker);
  closeSync(marker);
}

/** As Courier: a quota that is there already is left as it is, with its figure. */
async function setQuota(args: Arguments, text: string): Promise<void> {
  if (!existsSync(args.maildir)) make({ ...args, folder: undefined });
  const limits = parseLimits(text);
  if (limits === undefined) {
    process.stderr.write(`WARN: quota string '${text}' not parseable\n`);
    return;
  }
  becomeOwnerOf(args.maildir);
  const { maildir, store } = openForTool('maildirmake', resolve(args.maildir));
  maildir.quota.want(limits);
  await maildir.quota.usage();
  await store.close();
}

function folderModes(share: string | undefined): Modes {
  if (share === undefined) return { directory: 0o700, subdirectories: 0o700 };
  const found = /^(read|write)(,group)?$/.exec(share);
  if (found === null) throw new Refusal(`maildirmake: -s ${share}: neither read nor write\n${USAGE_LINE}`, 'stderr');
  const audience = found[2] === undefined ? 0o777 : 0o770;
  if (found[1] === 'read') return { directory: 0o755 & audience, subdirectories: 0o755 & audience };
  return { directory: 0o1000 | (0o755 & audience), subdirectories: 0o1000 | audience };
}

function makeDirectories(directory: string, modes: Modes): void {
  makeDirectory(directory, modes.directory, directory);
  for (const name of ['tmp', 'new', 'cur']) makeDirectory(join(directory, name), modes.subdirectories, directory);
}

/**
 * mkdir() heeds the umask, so the mode is set afterwards. Owner and mode are set through a descriptor, because the user
 * who owns the parent could put a link in the new directory's place.
 */
function makeDirectory(path: string, mode: number, named: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    giveToOwnerOf(dirname(path), descriptor);
    fchmodSync(descriptor, mode);
    closeSync(descriptor);
  } catch (error) {
    throw new Refusal(`maildirmake: ${named}: ${reason(error)}`, 'stderr');
  }
}

function giveToOwnerOf(parent: string, descriptor: number): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(parent);
  fchownSync(descriptor, uid, gid);
}

/** The system's words for what tools of Courier run into; for the rest, Node's. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words: Readonly<Record<string, string>> = {
    EEXIST: 'File exists',
    ENOENT: 'No such file or directory',
    EACCES: 'Permission denied',
    ENOTDIR: 'Not a directory',
    ENOSPC: 'No space left on device',
    EROFS: 'Read-only file system',
  };
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}
