/**
 * The directory with the sockets on which mail workers take TLS sessions: only the login processes may enter it.
 */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../system/drop-privileges.js';
import { closedPlace } from '../system/reachable.js';

/** The path of a Unix socket has at most 107 octets; the names inside the directory need 20. */
const MAX_DIRECTORY_OCTETS = 80;

/** Where nobody but root can get there is no place for the sockets; the text names the directories and a remedy. */
export class NoPlaceForSockets extends Error {}

/**
 * Makes it anew beside the pid file, or in the temporary directory when that place is too long or closed to the owner.
 *
 * @throws {NoPlaceForSockets} when both are: without this, every login over TLS would fail.
 */
export function makeSocketDirectory(stateDirectory: string, name: string, owner: Identity | undefined): string {
  mkdirSync(stateDirectory, { recursive: true });
  const prefix = `${name}.sessions.`;
  removeStale(stateDirectory, prefix);
  // Made with mode 0700.
  const directory = mkdtempSync(join(placeFor(prefix, stateDirectory, owner), prefix));
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  return directory;
}

function placeFor(prefix: string, stateDirectory: string, owner: Identity | undefined): string {
  const isShort = Buffer.byteLength(join(stateDirectory, prefix)) <= MAX_DIRECTORY_OCTETS;
  const closed = owner === undefined ? undefined : closedPlace(stateDirectory, owner);
  if (isShort && closed === undefined) return stateDirectory;
  const temporary = tmpdir();
  const closedToo = owner === undefined ? undefined : closedPlace(temporary, owner);
  if (closedToo === undefined) return temporary;
  const why = closed === undefined ? 'has too long a path' : `cannot be entered by LOGINUSER because of ${closed}`;
  const remedy = closed === undefined ? 'choose a shorter PIDFILE' : `let everybody pass (chmod o+x ${closed})`;
  throw new NoPlaceForSockets(
    `PIDFILE: ${stateDirectory} ${why}, and ${temporary} cannot be entered because of ${closedToo}, ` +
      `so TLS sessions have no place for their sockets; ${remedy}, or set PIDFILE to a place that is open`,
  );
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
