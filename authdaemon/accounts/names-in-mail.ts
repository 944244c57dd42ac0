/**
 * The names of accounts inside others' mail: who has which rights (courierimapacl, courierimaphieracl/*) and which shared
 * folders somebody subscribed to (courierimapsubscribed), when an account gets another name or is forgotten.
 *
 * Files are Courier's (courier.md 2.5, 2.6), rewritten whole in tmp and renamed. To be called in asOwner().
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { octetsFromText, textFromOctets } from '../octet-text.js';

/** Old names; the new one, or undefined for an account that is to be forgotten. */
export type NewNames = ReadonlyMap<string, string | undefined>;
/** Old and new beginnings of folder names: `#shared.ann` and `#shared.anna`. */
export type NewPrefixes = ReadonlyMap<string, string>;

/** A larger file is none that Courier wrote. */
const MAX_FILE_OCTETS = 4 * 1024 * 1024;

/** Gives an ACL file with the new names in it. Where both names stand, the entry of the old one counts. */
export function renameInAcl(text: string, names: NewNames): string {
  const lines = text.split('\n');
  const identifiers = lines.map((line) => line.split(' ', 1)[0] ?? '');
  const renamed = identifiers.map((identifier) => {
    const [, sign = '', name = ''] = /^(-?)user=(.*)$/s.exec(identifier) ?? [];
    if (!names.has(name)) return identifier;
    const to = names.get(name);
    return to === undefined ? undefined : `${sign}user=${to}`;
  });
  const taken = new Set(renamed.filter((identifier, index) => identifier !== identifiers[index]));
  return lines
    .flatMap((line, index) => {
      const [before = '', after] = [identifiers[index], renamed[index]];
      if (after === undefined) return [];
      if (after !== before) return [`${after}${line.slice(before.length)}`];
      return taken.has(before) ? [] : [line];
    })
    .join('\n');
}

/** Gives a list of subscriptions with the new names of shared accounts in it. */
export function renameInSubscriptions(text: string, prefixes: NewPrefixes): string {
  if (prefixes.size === 0) return text;
  return text
    .split('\n')
    .map((line) => {
      // Names may hold dots of groups: the longest beginning counts.
      for (let end = line.length; end > 0; end = line.lastIndexOf('.', end - 1)) {
        const to = prefixes.get(line.slice(0, end));
        if (to !== undefined) return `${to}${line.slice(end)}`;
      }
      return line;
    })
    .join('\n');
}

/** Changes the names in all files of one maildir; where there is none, nothing. @throws {Error} of the system */
export function renameInMaildir(maildir: string, names: NewNames, prefixes: NewPrefixes): void {
  if (!isDirectory(maildir)) return;
  const inAcl = (text: string): string => renameInAcl(text, names);
  rewrite(maildir, join(maildir, 'courierimapsubscribed'), (text) => renameInSubscriptions(text, prefixes));
  rewrite(maildir, join(maildir, 'courierimapacl'), inAcl);
  for (const name of readdirSync(maildir)) {
    const path = join(maildir, name);
    if (name === 'courierimaphieracl' && isDirectory(path)) {
      for (const inner of readdirSync(path)) rewrite(maildir, join(path, inner), inAcl);
    } else if (name.startsWith('.') && name !== '.' && name !== '..' && isDirectory(path)) {
      rewrite(path, join(path, 'courierimapacl'), inAcl);
    }
  }
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

let written = 0;

/** Replaces a file by what `change` makes of it, if that is something else. Links and whatever is no file stay. */
function rewrite(folder: string, path: string, change: (text: string) => string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status?.isFile() !== true || status.size > MAX_FILE_OCTETS) return;
  const before = readPlain(path);
  if (before === undefined) return;
  const after = change(textFromOctets(before));
  const octets = octetsFromText(after);
  const tmp = join(folder, 'tmp');
  if (octets.equals(before)) return;
  if (!isDirectory(tmp)) throw new Error(`${tmp} is no directory`);
  written += 1;
  const unfinished = join(tmp, `authaccounts.${process.pid}.${written}`);
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    fchmodSync(file, status.mode & 0o777);
    for (let done = 0; done < octets.length; ) done += writeSync(file, octets, done);
    fsyncSync(file);
    renameSync(unfinished, path);
  } catch (error) {
    unlinkSync(unfinished);
    throw error;
  } finally {
    closeSync(file);
  }
}

function readPlain(path: string): Buffer | undefined {
  // A link could have been put there since it was looked at, and a pipe would never end.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return fstatSync(file).isFile() ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}
