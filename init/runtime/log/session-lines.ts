/**
 * What the lines that sessions leave in the log have alike, word for word as Courier writes them: fail2ban and home-made
 * parsers read them. It knows only numbers and names.
 */
import { logValue } from './log.js';

/** How a session ended. */
export type SessionEnd = 'LOGOUT' | 'DISCONNECTED' | 'TIMEOUT' | 'SHUTDOWN';

/** Where a client is. */
interface Peer {
  readonly ip: string;
  readonly port: number;
}

/** Whose session it is. */
export interface LoggedClient {
  readonly account: { readonly address: string };
  readonly remote: Peer;
  readonly tls: boolean;
  /** Who acts as the account, if not its owner. */
  readonly administrator?: string | undefined;
}

/** What the line at the end needs of a session. */
export interface LoggedSession extends LoggedClient {
  readonly startedAt: number;
  readonly clock: { now(): number };
  readonly input: { readonly receivedOctets: number };
  readonly output: { readonly sentOctets: number };
}

/** What is different in the lines of each protocol. */
export interface LineWords {
  /** `, protocol=IMAP` */
  readonly protocol: string;
  /** `, starttls=1` */
  readonly tls: string;
}

/** `user=bob, ip=[::1], port=[40112]`. */
export function who(session: Pick<LoggedClient, 'account' | 'remote'>): string {
  return `user=${logValue(session.account.address)}, ${peer(session.remote)}`;
}

/** `ip=[::1], port=[40112]`. */
export function peer(remote: Peer): string {
  return `ip=[${remote.ip}], port=[${remote.port}]`;
}

/** `LOGIN, user=…, ip=[…], port=[…], protocol=IMAP[, starttls=1][, admin=…]`: Courier has no administrators. */
export function loginLine(session: LoggedClient, words: LineWords): string {
  const admin = session.administrator === undefined ? '' : `, admin=${logValue(session.administrator)}`;
  return `LOGIN, ${who(session)}${words.protocol}${session.tls ? words.tls : ''}${admin}`;
}

/** `LOGOUT, user=…, ip=[…], port=[…], headers=0, body=0, rcvd=12, sent=90, time=3[, starttls=1]`; `counts` are the two. */
export function endLine(end: SessionEnd, session: LoggedSession, counts: string, words: LineWords): string {
  const word = end === 'SHUTDOWN' ? 'Disconnected during shutdown by signal' : end;
  const octets = `${counts}, rcvd=${session.input.receivedOctets}, sent=${session.output.sentOctets}`;
  const seconds = Math.max(0, Math.floor((session.clock.now() - session.startedAt) / 1000));
  return `${word}, ${who(session)}, ${octets}, time=${seconds}${session.tls ? words.tls : ''}`;
}
