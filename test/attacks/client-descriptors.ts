/**
 * Descriptors that clients cost the processes of a server: their connections, the sockets over which a TLS session goes from
 * its login process to its mail worker, and the mail that is read or written for them. What a further worker has of its own
 * is none of them, since a server under load may start one at any time.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processText } from '../support/processes.js';

/** stderr and the channel to the supervisor are sockets; whatever a child has beyond them, it has for a client. */
const LAST_OWN_DESCRIPTOR = 3;

/** Login processes and mail workers: the supervisor and authdaemond have a socket for each of them, or for themselves. */
const CHILD = /^\w+: (?:login process|(?:spare )?mail worker)/;

/** How many of them these processes have open, none without clients; the mail is below `homes`. */
export function clientDescriptors(pids: readonly number[], homes: string): number {
  const sockets = { listening: new Set(listeningSockets()), unix: new Set(unixSockets()) };
  const isOfClient = ({ number, target, isChild }: Descriptor): boolean => {
    if (!target.startsWith('socket:')) return target.startsWith(homes);
    if (sockets.listening.has(target)) return false;
    return !sockets.unix.has(target) || (isChild && number > LAST_OWN_DESCRIPTOR);
  };
  return pids.flatMap(descriptorsOf).filter(isOfClient).length;
}

interface Descriptor {
  readonly number: number;
  /** `socket:[1234]`, or the path of a file. */
  readonly target: string;
  readonly isChild: boolean;
}

function descriptorsOf(pid: number): Descriptor[] {
  const directory = `/proc/${pid}/fd`;
  const isChild = CHILD.test(processText(pid, 'cmdline'));
  try {
    return readdirSync(directory).map((name) => ({
      number: Number(name),
      target: targetOf(`${directory}/${name}`),
      isChild,
    }));
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

/** Also those that login processes and mail workers have between them for each client in TLS. */
function unixSockets(): string[] {
  return rowsOf('/proc/net/unix').map((columns) => `socket:[${columns[6] ?? ''}]`);
}

function listeningSockets(): string[] {
  const inTcp = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(rowsOf).filter((columns) => columns[3] === '0A');
  const inUnix = rowsOf('/proc/net/unix').filter((columns) => columns[3] === '00010000');
  return [...inTcp.map((columns) => columns[9]), ...inUnix.map((columns) => columns[6])].map(
    (inode) => `socket:[${inode ?? ''}]`,
  );
}

function rowsOf(table: string): string[][] {
  const lines = existsSync(table) ? readFileSync(table, 'latin1').split('\n').slice(1) : [];
  return lines.map((line) => line.trim().split(/\s+/));
}
