/**
 * The lines that a POP3 session leaves in the log. What they have in common with those of IMAP is in session-lines.ts.
 */
import {
  endLine as endLineWith,
  type LineWords,
  type LoggedClient,
  type LoggedSession,
  loginLine as loginLineWith,
  type SessionEnd,
} from '../../init/runtime/log/session-lines.js';

/** What the line at the end needs of a session. */
export interface LoggedPop3Session extends LoggedSession {
  readonly counters: { readonly top: number; readonly retr: number };
}

/** As in Courier, they do not name the protocol. */
const WORDS: LineWords = { protocol: '', tls: ', stls=1' };

/** `LOGIN, user=…, ip=[…], port=[…][, stls=1][, admin=…]` */
export function loginLine(session: LoggedClient): string {
  return loginLineWith(session, WORDS);
}

/** `LOGOUT, user=…, ip=[…], port=[…], top=0, retr=0, rcvd=12, sent=90, time=3[, stls=1]`. */
export function endLine(end: SessionEnd, session: LoggedPop3Session): string {
  const { top, retr } = session.counters;
  return endLineWith(end, session, `top=${top}, retr=${retr}`, WORDS);
}
