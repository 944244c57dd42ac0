/** How a session ends, whatever protocol it spoke: what the client is told, and the line in the log. */
import type { Session } from './session.js';
import { endLine, type SessionEnd } from './session-log.js';

/** Says goodbye where the client has not asked for the end, gives the mailbox back, and logs it. */
export function closeSession(session: Session, how: SessionEnd): void {
  let end = how;
  if (session.input.end === 'timeout') end = 'TIMEOUT';
  if (session.input.end === 'stopped' && end !== 'LOGOUT') end = 'SHUTDOWN';
  if (end === 'TIMEOUT') session.write(Buffer.from('* BYE Disconnected for inactivity.\r\n'));
  if (end === 'SHUTDOWN') session.write(Buffer.from('* BYE Angarium server shut down by signal.\r\n'));
  session.input.close();
  session.select(undefined);
  session.output.end();
  session.log.write(end === 'SHUTDOWN' ? 'notice' : 'info', endLine(end, session));
}
