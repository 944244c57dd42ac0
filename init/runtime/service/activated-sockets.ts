/**
 * Sockets that systemd opened for this process (socket activation): `imapd.socket` with `FileDescriptorName=imapd`.
 *
 * They are listened on in place of ports that we bind ourselves. systemd keeps them: a client that comes while the
 * service starts again waits, and is not refused.
 */
import { handleOf, type RawHandle } from '../system/raw-handles.js';

/** The first descriptor that is handed in; see sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/** What systemd calls sockets that have no name. */
const NAMELESS = 'unknown';

const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

let found: ReadonlyMap<string, readonly number[]> | undefined;

/**
 * The descriptors that were handed in, by name: `imapd`, `imapd-ssl`. A socket unit without FileDescriptorName= has its
 * own name, `imapd.socket`. The variables that say so are removed: they are not for our children.
 */
export function activatedSockets(): ReadonlyMap<string, readonly number[]> {
  found ??= look();
  return found;
}

function look(): Map<string, number[]> {
  const [pid, count, names = ''] = VARIABLES.map((name) => process.env[name]);
  for (const name of VARIABLES) delete process.env[name];
  const sockets = new Map<string, number[]>();
  if (Number(pid) !== process.pid) return sockets;
  const words = names.split(':');
  for (let index = 0; index < Number(count); index += 1) {
    const name = (words[index] ?? NAMELESS).replace(/\.socket$/, '');
    sockets.set(name, [...(sockets.get(name) ?? []), FIRST_DESCRIPTOR + index]);
  }
  return sockets;
}

/** Makes a handle of a descriptor that was handed in. Closing it leaves the descriptor open, for the next time. */
export function activatedHandle(descriptor: number): RawHandle {
  const handle = handleOf(descriptor);
  handle.close = () => {};
  return handle;
}
