/**
 * The file in authdaemonvar that says when userdb's app passwords were used last. It may be deleted at any time.
 *
 *     ann@example.com<TAB>phone<TAB>2026-01-31T08:00:00.000Z<TAB>imap<TAB>192.0.2.7
 *
 * A use is a line at the end; of lines about the same secret the last one counts. A file that has grown large is written
 * anew with those.
 */
import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasControls, octetsFromText, textFromOctets } from '../octet-text.js';
import type { AppPasswordUse } from './app-passwords.js';

const FILE = 'app-password-uses';
/** From this size on the file is written anew, and then has half of it at most. */
const MAX_FILE_OCTETS = 4 * 1024 * 1024;

/** When, and from where. */
export interface LastUse {
  readonly at: string;
  readonly service: string;
  readonly remoteIp: string;
}

/** Adds a use. @throws {Error} The file cannot be written. */
export function noteLastUse(stateDirectory: string, use: AppPasswordUse, at: Date): void {
  const path = join(stateDirectory, FILE);
  const fields = [use.loginName, use.label, at.toISOString(), use.service, use.remoteIp];
  if (fields.some(hasControls)) return;
  appendFileSync(path, octetsFromText(`${fields.join('\t')}\n`), { mode: 0o600 });
  if (statSync(path).size > MAX_FILE_OCTETS) compact(path);
}

/** Gives the last use of each app password of an account by its label. @throws {Error} The file cannot be read. */
export function readLastUses(stateDirectory: string, loginName: string): ReadonlyMap<string, LastUse> {
  const path = join(stateDirectory, FILE);
  const uses = new Map<string, LastUse>();
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return uses;
  for (const line of textFromOctets(readFileSync(path)).split('\n')) {
    const [name, label = '', at = '', service = '', remoteIp = ''] = line.split('\t');
    if (name === loginName) uses.set(label, { at, service, remoteIp });
  }
  return uses;
}

function compact(path: string): void {
  const lines = new Map<string, string>();
  for (const line of textFromOctets(readFileSync(path)).split('\n')) {
    const key = line.split('\t', 2).join('\t');
    lines.delete(key);
    if (line !== '') lines.set(key, line);
  }
  const kept: Buffer[] = [];
  let size = 0;
  for (const line of [...lines.values()].reverse()) {
    const octets = octetsFromText(`${line}\n`);
    size += octets.length;
    if (size > MAX_FILE_OCTETS / 2) break;
    kept.push(octets);
  }
  writeFileSync(`${path}.tmp`, Buffer.concat(kept.reverse()), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
