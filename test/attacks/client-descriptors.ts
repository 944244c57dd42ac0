/**
 * Descriptors that clients cost the processes of a server: their connections, and the mail that is read or written for
 * them. What a further worker has of its own is none of them, since a server under load may start one at any time.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How many of them these processes have open, none without clients; the mail is below `homes`. */
export function clientDescriptors(pids: readonly number[], homes: string): number {
  const open = pids.flatMap(targetsOf);
  const own = new Set([...unixSockets(), ...listeningSockets()]);
  const isConnection = (target: string): boolean => target.startsWith('socket:') && !own.has(target);
  return open.filter((target) => isConnection(target) || target.startsWith(homes)).length;
}

/** What the descriptors of a process stand for: `socket:[1234]`, or the path of a file. */
function targetsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).map((descriptor) => targetOf(`${directory}/${descriptor}`));
  } catch {
    // It has ended.
    return [];
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    // It was closed.
    return '';
  }
}

/** Those between processes. */
function unixSockets(): string[] {
  return rowsOf('/proc/net/unix').map((columns) => `socket:[${columns[6] ?? ''}]`);
}

function listeningSockets(): string[] {
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(rowsOf);
  return rows.filter((columns) => columns[3] === '0A').map((columns) => `socket:[${columns[9] ?? ''}]`);
}

function rowsOf(table: string): string[][] {
  const lines = existsSync(table) ? readFileSync(table, 'latin1').split('\n').slice(1) : [];
  return lines.map((line) => line.trim().split(/\s+/));
}
