/**
 * Maildirs for tests: copies of test/maildirs/NAME in a directory of their own.
 *
 * Git keeps neither empty directories nor times: tmp, new and cur are made, and a message file gets the time that its
 * name begins with, so that dates in transcripts are always the same.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkoutRoot } from './paths.js';

export interface Scratch {
  readonly path: string;
  remove(): void;
}

/** An empty directory that others may enter. */
export function scratchDirectory(name: string): Scratch {
  const path = mkdtempSync(join(tmpdir(), `angarium-${name}-`));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/**
 * Copies test/maildirs/NAME to `path`; the name `empty` needs no directory there.
 *
 * @throws {Error} when there is no such fixture.
 */
export function copyMaildir(name: string, path: string): void {
  const source = join(checkoutRoot, 'test', 'maildirs', name);
  if (existsSync(source)) cpSync(source, path, { recursive: true });
  else if (name !== 'empty') throw new Error(`there is no test/maildirs/${name}`);
  completeFolder(path);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name.startsWith('.')) completeFolder(join(path, entry.name));
  }
}

function completeFolder(path: string): void {
  for (const directory of ['tmp', 'new', 'cur']) {
    mkdirSync(join(path, directory), { recursive: true, mode: 0o700 });
    for (const filename of readdirSync(join(path, directory))) {
      const file = join(path, directory, filename);
      const seconds = /^(\d{5,})\./.exec(filename)?.[1];
      if (filename === '.gitkeep') rmSync(file);
      else if (seconds !== undefined) utimesSync(file, Number(seconds), Number(seconds));
    }
  }
}

/** Gives a tree to a user. Only root can. A server at work may remove what was just listed. */
export function giveTo(path: string, uid: number, gid: number): void {
  chownSync(path, uid, gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    try {
      if (entry.isDirectory()) giveTo(inside, uid, gid);
      else chownSync(inside, uid, gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
