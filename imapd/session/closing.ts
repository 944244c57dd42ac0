/** How a session ends, whatever protocol it spoke: what the client is told, and the line in the log. */
import { encodeUntagged, type UntaggedStatus } from '../wire/responses.js';
import type { Session } from './session.js';
import { endLine, type SessionEnd } from './session-log.js';

/** What the administrator wants the clients told whose sessions he ends. */
const goodbyes = new WeakMap<Session, string>();

/** Ends a session when it has answered the command it is at, with this text for its client. */
export function sayGoodbye(session: Session, text: string): void {
  goodbyes.set(session, text);
  session.input.stop();
}

/** Says goodbye where the client has not asked for the end, gives the mailbox back, and logs it. */
export function closeSession(session: Session, how: SessionEnd): void {
  let end = how;
  if (session.input.end === 'timeout') end = 'TIMEOUT';
  if (session.input.end === 'stopped' && end !== 'LOGOUT') end = 'SHUTDOWN';
  if (end === 'TIMEOUT') session.write(Buffer.from('* BYE Disconnected for inactivity.\r\n'));
  if (end === 'SHUTDOWN') session.write(encodeUntagged(goodbyeOf(session)));
  session.input.close();
  giveAllBack(session);
  session.output.end();
  session.log.write(end === 'SHUTDOWN' ? 'notice' : 'info', endLine(end, session), session.sessionId);
}

/** Ends a session like LOGOUT, and leaves the client to the conversation before login. False: it is to be closed. */
export function leaveClient(session: Session): boolean {
  if (session.giveBack === undefined || session.input.end === 'stopped' || session.input.end === 'timeout')
    return false;
  giveAllBack(session);
  session.giveBack(session.input.release(session.commands.takeUnread()));
  session.log.write('info', endLine('LOGOUT', session), session.sessionId);
  return true;
}

function giveAllBack(session: Session): void {
  session.notifications?.close();
  session.select(undefined);
}

function goodbyeOf(session: Session): UntaggedStatus {
  const text = goodbyes.get(session);
  if (text === undefined) return { status: 'BYE', text: 'Angarium server shut down by signal.' };
  return { status: 'BYE', code: 'ALERT', text };
}
