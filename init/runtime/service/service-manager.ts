/**
 * What a service tells systemd (`Type=notify`): that it is ready, how it is, that it reads its settings again, that it
 * ends and, for WatchdogSec=, that it still answers. Without systemd nothing is sent, and nothing is loaded for it.
 *
 *     const manager = await serviceManager();
 *     manager.tell('READY=1', 'STATUS=3 connections');
 */

/** systemd, or nobody. */
export interface ServiceManager {
  /** Sends states, one line each: `READY=1`, `STATUS=…`. */
  tell(...states: readonly string[]): void;
  /** Without WATCHDOG=1 for so long, systemd kills this process and starts it again. Undefined: it does not. */
  readonly watchdogMs: number | undefined;
  /** Says for ever that the event loop of this process turns. */
  feedWatchdog(): void;
}

/** How often in the time that systemd gives us. */
const FEEDS_PER_WATCHDOG = 3;

const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** Finds out who started this process. The variables that say so are removed: they are not for our children. */
export async function serviceManager(): Promise<ServiceManager> {
  const [path = '', microseconds, watched] = VARIABLES.map((name) => process.env[name]);
  for (const name of VARIABLES) delete process.env[name];
  if (path === '') return { tell: () => {}, watchdogMs: undefined, feedWatchdog: () => {} };
  const { unixDatagram } = await import('../system/unix-datagram.js');
  const send = unixDatagram(path);
  const isWatched = Number(microseconds) > 0 && (watched === undefined || Number(watched) === process.pid);
  const watchdogMs = isWatched ? Number(microseconds) / 1000 : undefined;
  const tell = (...states: readonly string[]) => {
    send(states.map((state) => state.replaceAll('\n', ' ')).join('\n'));
  };
  const feedWatchdog = () => {
    if (watchdogMs === undefined) return;
    setInterval(() => tell('WATCHDOG=1'), watchdogMs / FEEDS_PER_WATCHDOG).unref();
  };
  return { tell, watchdogMs, feedWatchdog };
}

/** The beginning of a reload, as systemd wants to be told of it: with the time, so that it knows which READY=1 ends it. */
export function reloadingStates(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`];
}
