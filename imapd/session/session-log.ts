/**
 * The lines that an IMAP session leaves in the log. What they have in common with those of POP3 is in session-lines.ts.
 */
import {
  endLine as endLineWith,
  type LineWords,
  type LoggedClient,
  type LoggedSession,
  loginLine as loginLineWith,
  type SessionEnd,
} from '../../init/runtime/log/session-lines.js';

export { peer, type SessionEnd, who } from '../../init/runtime/log/session-lines.js';

/** What the line at the end needs of a session. */
export interface LoggedImapSession extends LoggedSession {
  readonly counters: { readonly headers: number; readonly body: number };
}

/** `LOGIN, user=…, ip=[…], port=[…], protocol=IMAP[, starttls=1][, admin=…]` */
export function loginLine(session: LoggedClient, protocol: 'IMAP' | 'SMAP1' = 'IMAP'): string {
  return loginLineWith(session, wordsOf(protocol));
}

/** `LOGOUT, user=…, ip=[…], port=[…], headers=0, body=0, rcvd=12, sent=90, time=3[, starttls=1]`. */
export function endLine(end: SessionEnd, session: LoggedImapSession): string {
  const { headers, body } = session.counters;
  return endLineWith(end, session, `headers=${headers}, body=${body}`, wordsOf('IMAP'));
}

function wordsOf(protocol: string): LineWords {
  return { protocol: `, protocol=${protocol}`, tls: ', starttls=1' };
}
