/**
 * The dialogue with one client after login: read a command, run it, answer; and how it ends.
 */

import { type SessionEnd, who } from '../../init/runtime/log/session-lines.js';
import { CommandCounts } from '../../init/runtime/metrics/command-counts.js';
import { count } from '../../init/runtime/metrics/counts.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { MaildirError } from '../../maildir/errors.js';
import { isMailCommand, runMailCommand } from '../commands/mail-commands.js';
import { type Line, parseCommand, type ReceivedCommand } from '../wire/lines.js';
import { encodeReply, err, type Reply } from '../wire/replies.js';
import type { Session } from './session.js';
import { endLine } from './session-log.js';

const commandCounts = new CommandCounts('pop3', ['ok', 'err']);

/** Serves one client until it says goodbye, goes away, or falls silent. Never rejects because of the client. */
export async function serveSession(session: Session): Promise<void> {
  let end: SessionEnd = 'DISCONNECTED';
  try {
    end = await converse(session);
  } catch (error) {
    if (!(error instanceof ClientGone)) session.log.bug(error, 'session');
  }
  close(session, end);
}

async function converse(session: Session): Promise<SessionEnd> {
  let mistakes = 0;
  for (;;) {
    const line = await session.nextLine();
    if (line === undefined) return 'DISCONNECTED';
    const reply = await answer(session, line);
    if (reply !== undefined) session.write(reply);
    if (session.ended) return reply?.ok === true ? 'LOGOUT' : 'DISCONNECTED';
    mistakes = reply?.isMistake === true ? mistakes + 1 : 0;
    if (mistakes >= session.settings.maxBadCommands) {
      session.log.write('warning', `${session.account.address}: TOO MANY CONSECUTIVE PROTOCOL VIOLATIONS`);
      session.write(err('Too many bad commands.'));
      return 'DISCONNECTED';
    }
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
}

/** Undefined when the command has written its answer itself. */
async function answer(session: Session, line: Line): Promise<Reply | undefined> {
  if (line.kind === 'too long') return { ok: false, text: 'The line is too long.', isMistake: true };
  const received = parseCommand(line.text);
  const startedAt = session.clock.ticks();
  const reply = await run(session, received);
  // One of a rehearsal has no number, and nobody to count for.
  if (session.sessionId !== undefined && isMailCommand(received.name)) {
    commandCounts.add(received.name, reply?.ok === false ? 'err' : 'ok', session.clock.ticks() - startedAt);
  }
  return reply;
}

async function run(session: Session, received: ReceivedCommand): Promise<Reply | undefined> {
  try {
    return await runMailCommand(session, received);
  } catch (error) {
    if (error instanceof ClientGone) throw error;
    if (error instanceof MaildirError) {
      count('disk_errors_total', { kind: error.kind }).value += 1;
      const text = `${received.name}: ${error.kind}: ${error.detail} (${who(session)})`;
      session.log.write('error', text, session.sessionId);
      return err('The mailbox cannot be used at this time.', codeOf(error));
    }
    session.log.bug(error, received.name);
    return err('Something went wrong here, not there.', 'SYS/TEMP');
  }
}

function codeOf({ kind }: MaildirError) {
  if (kind === 'locked') return 'IN-USE';
  return kind === 'not permitted' || kind === 'read-only' ? 'SYS/PERM' : 'SYS/TEMP';
}

/**
 * Whoever falls silent is left without a word (RFC 1939 section 3); whoever is in the middle of something when the server
 * ends is told.
 */
function close(session: Session, how: SessionEnd): void {
  let end = how;
  if (session.input.end === 'timeout') end = 'TIMEOUT';
  if (session.input.end === 'stopped' && end !== 'LOGOUT') end = 'SHUTDOWN';
  if (end === 'SHUTDOWN') session.output.write(encodeReply(err(session.goodbye, 'SYS/TEMP')));
  session.input.close();
  session.output.end();
  session.log.write(end === 'SHUTDOWN' ? 'notice' : 'info', endLine(end, session), session.sessionId);
}
