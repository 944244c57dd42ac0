/**
 * The dialogue with one SMAP client after login: read a line, run it, tell what changed, answer.
 *
 * Few clients speak SMAP, so a session waits where it reads, unlike one of IMAP (session/dialogue.ts), which is the same
 * in everything else that a client or an administrator can see.
 */
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { closeSession } from '../session/closing.js';
import type { Session } from '../session/session.js';
import type { SessionEnd } from '../session/session-log.js';
import { failed, type SmapReply } from './replies.js';
import { runSmapCommand } from './smap-command.js';
import { smapCommands } from './smap-commands.js';
import { SmapSession } from './smap-session.js';
import { harmless, wordsOf } from './words.js';

/** Serves one client until it logs out, goes away, or falls silent. Never rejects because of the client. */
export async function serveSmap(session: Session): Promise<void> {
  const smap = new SmapSession(session);
  let end: SessionEnd = 'DISCONNECTED';
  try {
    end = await converse(smap);
  } catch (error) {
    if (!(error instanceof ClientGone)) session.log.bug(error, 'SMAP session');
  }
  closeSession(session, end);
}

async function converse(smap: SmapSession): Promise<SessionEnd> {
  const { session } = smap;
  for (;;) {
    const line = await nextLine(smap);
    if (line === undefined) return 'DISCONNECTED';
    const [name = '', ...words] = wordsOf(line);
    if (name === '') continue;
    if (name.toUpperCase() === 'IDLE') {
      if (!(await idle(smap))) return session.ended ? 'LOGOUT' : 'DISCONNECTED';
      continue;
    }
    const row = smapCommands.get(name.toUpperCase());
    const reply = await runSmapCommand(smap, row, words);
    if (row?.keepsAddition !== true) smap.forgetAddition();
    await session.announceChanges({ expunges: true });
    answer(smap, reply);
    if (session.ended) return reply.ok ? 'LOGOUT' : 'DISCONNECTED';
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
}

/** Waits for a line without holding what it waits with. */
async function nextLine({ session, lines }: SmapSession): Promise<string | undefined> {
  while (!lines.hasUnread && !session.hasInput()) {
    await session.flush();
    await session.input.arrival();
    session.beginSlice();
  }
  return lines.line();
}

function answer(smap: SmapSession, { ok, text }: SmapReply): void {
  smap.say(`${ok ? '+OK' : '-ERR'} ${harmless(text)}`);
}

/** Tells what happens until the client says RESUME; false when it has gone, or its folder. */
async function idle(smap: SmapSession): Promise<boolean> {
  const { session, lines } = smap;
  const mailbox = smap.isOpen ? smap.selected : undefined;
  answer(smap, { ok: true, text: 'Entering idle mode...' });
  mailbox?.watch(() => session.input.interrupt());
  try {
    while (!lines.hasUnread && !session.hasInput()) {
      await session.announceChanges({ expunges: true });
      if (session.ended) return false;
      await session.flush();
      await session.input.arrival();
      session.beginSlice();
    }
  } finally {
    if (smap.isOpen) mailbox?.unwatch();
  }
  const line = await lines.line();
  if (line === undefined) return false;
  await session.announceChanges({ expunges: true });
  const isResume = wordsOf(line)[0]?.toUpperCase() === 'RESUME';
  answer(smap, isResume ? { ok: true, text: 'Resumed...' } : failed('RESUME is required to follow IDLE'));
  return true;
}
