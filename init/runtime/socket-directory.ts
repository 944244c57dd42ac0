/**
 * The directory with the sockets on which mail workers take TLS sessions: only the login processes may enter it.
 */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from './drop-privileges.js';
import { isOpenToAll } from './reachable.js';

/** The path of a Unix socket has at most 107 octets; the names inside the directory need 20. */
const MAX_DIRECTORY_OCTETS = 80;

/** Makes it anew beside the pid file, or in the temporary directory when that place is too long or closed to others. */
export function makeSocketDirectory(stateDirectory: string, name: string, owner: Identity | undefined): string {
  mkdirSync(stateDirectory, { recursive: true });
  const prefix = `${name}.sessions.`;
  removeStale(stateDirectory, prefix);
  const beside = join(stateDirectory, prefix);
  const isFit =
    Buffer.byteLength(beside) <= MAX_DIRECTORY_OCTETS && (owner === undefined || isOpenToAll(stateDirectory));
  const template = isFit ? beside : join(tmpdir(), prefix);
  // Made with mode 0700.
  const directory = mkdtempSync(template);
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  return directory;
}

/** Removes it with its sockets. */
export function removeSocketDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** What supervisors that were killed left behind. Only one runs here: it has the control socket. */
function removeStale(stateDirectory: string, prefix: string): void {
  for (const entry of readdirSync(stateDirectory)) {
    if (entry.startsWith(prefix)) rmSync(join(stateDirectory, entry), { recursive: true, force: true });
  }
}
