/**
 * The list of shared maildirs of one account, `shared-maildirs`, as maildirmake changes it: `name /path` in each line.
 *
 * Lines that it does not understand are left alone.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { realFileSystem } from '../file-system.js';
import { readText, replaceFile } from '../files.js';
import { isShareName } from '../shared-folders.js';
import { becomeOwnerOf, toolSurroundings } from './tool-store.js';

/** A larger file is no such list. */
const MAX_LIST_OCTETS = 1024 * 1024;

/** What the person at the keyboard is told, and the exit code. */
export interface SharedMaildirRefusal {
  readonly text: string;
  readonly code: number;
}

/** Adds a maildir under a name. Gives why not. @throws system errors, named after what cannot be reached */
export async function addSharedMaildir(
  maildir: string,
  { name, path }: { readonly name: string; readonly path: string },
): Promise<SharedMaildirRefusal | undefined> {
  statSync(path);
  if (!isShareName(name) || /[\u0000-\u001f\u007f#]/.test(path)) return { text: `${name}: invalid name`, code: 1 };
  return change(maildir, (lines) => {
    if (lines.some((line) => nameIn(line) === name)) {
      return { text: `${name}: already defined as a sharable maildir.`, code: 2 };
    }
    return [...lines, `${name}\t${path}`];
  });
}

/** Takes the line with a name away. Gives why not. */
export function deleteSharedMaildir(maildir: string, name: string): Promise<SharedMaildirRefusal | undefined> {
  return change(maildir, (lines) => {
    const rest = lines.filter((line) => nameIn(line) !== name);
    return rest.length === lines.length ? { text: `${name}: not found.`, code: 1 } : rest;
  });
}

async function change(
  maildir: string,
  changed: (lines: readonly string[]) => readonly string[] | SharedMaildirRefusal,
): Promise<SharedMaildirRefusal | undefined> {
  statSync(maildir);
  becomeOwnerOf(maildir);
  const path = join(maildir, 'shared-maildirs');
  const text = readText(realFileSystem, path, MAX_LIST_OCTETS) ?? '';
  const lines = changed(text.split('\n').filter((line, index, all) => line !== '' || index < all.length - 1));
  if ('text' in lines) return lines;
  await replaceFile(toolSurroundings('maildirmake'), {
    tmp: join(maildir, 'tmp'),
    path,
    purpose: 'shared',
    contents: lines.map((line) => `${line}\n`).join(''),
  });
  return undefined;
}

function nameIn(line: string): string | undefined {
  return /^([^\s#]+)[ \t]/.exec(line)?.[1];
}
