/**
 * Tells systemd how a service is (`Type=notify`), if it asked to be told.
 */

/** Sends a state such as `READY=1` to $NOTIFY_SOCKET; does nothing without one. */
export async function notifyReadiness(state: string): Promise<void> {
  const path = process.env['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return;
  const { unixDatagram } = await import('./unix-datagram.js');
  unixDatagram(path)(state);
}
