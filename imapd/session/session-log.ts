/**
 * The lines that a session leaves in the log, word for word as Courier writes them: fail2ban and home-made parsers read
 * them. It knows only numbers and names.
 */
import { logValue } from '../../init/runtime/log.js';

/** How a session ended. */
export type SessionEnd = 'LOGOUT' | 'DISCONNECTED' | 'TIMEOUT' | 'SHUTDOWN';

/** What the lines need of a session. */
export interface LoggedSession {
  readonly account: { readonly address: string };
  readonly remote: { readonly ip: string; readonly port: number };
  readonly tls: boolean;
  readonly startedAt: number;
  readonly clock: { now(): number };
  readonly counters: { readonly headers: number; readonly body: number };
  readonly input: { readonly receivedOctets: number };
  readonly output: { readonly sentOctets: number };
}

/** `user=bob, ip=[::1], port=[40112]`. */
export function who(session: Pick<LoggedSession, 'account' | 'remote'>): string {
  return `user=${logValue(session.account.address)}, ${peer(session.remote)}`;
}

/** `ip=[::1], port=[40112]`. */
export function peer(remote: LoggedSession['remote']): string {
  return `ip=[${remote.ip}], port=[${remote.port}]`;
}

/** `LOGIN, user=…, ip=[…], port=[…], protocol=IMAP[, starttls=1][, admin=…]`: Courier has no administrators. */
export function loginLine(
  session: Pick<LoggedSession, 'account' | 'remote' | 'tls'> & { readonly administrator?: string | undefined },
  protocol: 'IMAP' | 'SMAP1' = 'IMAP',
): string {
  const admin = session.administrator === undefined ? '' : `, admin=${logValue(session.administrator)}`;
  return `LOGIN, ${who(session)}, protocol=${protocol}${session.tls ? ', starttls=1' : ''}${admin}`;
}

/** `LOGOUT, user=…, ip=[…], port=[…], headers=0, body=0, rcvd=12, sent=90, time=3[, starttls=1]`. */
export function endLine(end: SessionEnd, session: LoggedSession): string {
  const word = end === 'SHUTDOWN' ? 'Disconnected during shutdown by signal' : end;
  const { headers, body } = session.counters;
  const octets = `headers=${headers}, body=${body}, rcvd=${session.input.receivedOctets}, sent=${session.output.sentOctets}`;
  const seconds = Math.max(0, Math.floor((session.clock.now() - session.startedAt) / 1000));
  return `${word}, ${who(session)}, ${octets}, time=${seconds}${session.tls ? ', starttls=1' : ''}`;
}
