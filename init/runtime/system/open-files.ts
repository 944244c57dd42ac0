/**
 * How many files a process may have open, and whether that is enough for the connections that the settings allow.
 *
 * Node itself raises the limit at its start as far as it may (to the hard limit), and children inherit it.
 */
import { readFileSync } from 'node:fs';

/** A connection in TLS is two files of its login process: to the client, and to the mail worker. */
const FILES_PER_CONNECTION = 2;

/** Listeners, logs, folders that are watched, caches. */
const OTHER_FILES = 200;

/** The limit of this process; undefined where the system does not say. */
export function openFilesLimit(): number | undefined {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits()) ?? [];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Says what is wrong when so many connections do not fit. */
export function openFilesTrouble(connections: number, limit = openFilesLimit()): string | undefined {
  const needed = connections * FILES_PER_CONNECTION + OTHER_FILES;
  if (limit === undefined || limit >= needed) return undefined;
  const remedy =
    'raise it (LimitNOFILE= of the unit, or ulimit -n where the control script is called), or MAXDAEMONS less';
  return `MAXDAEMONS=${connections} may need ${needed} open files in one process, and the limit is ${limit}: ${remedy}`;
}

function limits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Not Linux.
    return '';
  }
}
