/**
 * Who listens on a TCP port, for the message that it is taken. As far as Linux's /proc tells us: root sees every
 * process, others their own.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { procText } from './proc-text.js';

/** A listening socket's state in /proc/net/tcp. */
const LISTENING = '0A';

/** Describes the process that listens on a port: `dovecot (pid 4711)`. Undefined: nobody, or nobody that we may see. */
export function portOwner(port: number): string | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => inodesListening(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`)) ?? [];
      if (inode !== undefined && inodes.has(inode)) return `${procText(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

/** Lines of the table: number, local address:port in hexadecimal, remote, state, …, inode as tenth. */
function inodesListening(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = procText(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([, local = '', , state, , , , , , inode]) =>
    local.endsWith(suffix) && state === LISTENING && inode !== undefined ? [inode] : [],
  );
}

// Processes end while we look, and those of others are closed to us: what cannot be read is not there.
function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
