/**
 * The dialogue with one client after login: read a command, run it, announce what changed, answer.
 *
 * While the client is silent, a session is what serveSession() holds and nothing more: there may be tens of thousands of
 * them, and each call that waits inside another takes half a kilobyte. So it is here that a session waits for the next
 * command, in IDLE, too, and not in a call that reads. It knows no command by name.
 */

import { CommandCounts } from '../../init/runtime/metrics/command-counts.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { runCommand } from '../command.js';
import { mailCommands } from '../commands/mail-commands.js';
import { bad, type Completion, no } from '../completion.js';
import type { Notifications } from '../notify/notifications.js';
import type { BadLine, ReceivedCommand } from '../wire/command-reader.js';
import { encodeCompletion } from '../wire/responses.js';
import { closeSession, leaveClient } from './closing.js';
import { Idling } from './idling.js';
import type { Session } from './session.js';
import type { SessionEnd } from './session-log.js';

const commandCounts = new CommandCounts('imap', ['OK', 'NO', 'BAD']);

/** Serves one client until it logs out, goes away, or falls silent. Never rejects because of the client. */
export async function serveSession(session: Session): Promise<void> {
  const dialogue = new Dialogue(session);
  try {
    while (dialogue.end === undefined) {
      if (!session.hasInput()) {
        await session.flush();
        await session.input.arrival();
        session.beginSlice();
      }
      await dialogue.goOn();
    }
  } catch (error) {
    if (!(error instanceof ClientGone)) session.log.bug(error, 'session');
  }
  dialogue.close();
  if (dialogue.end === 'LOGOUT' && session.leavesClient && leaveClient(session)) return;
  closeSession(session, dialogue.end ?? 'DISCONNECTED');
}

class Dialogue {
  /** How it ended; undefined while it goes on. */
  end: SessionEnd | undefined;
  readonly #session: Session;
  #badCommands = 0;
  #idling: Idling | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Does what there is to do: for the next command, or in IDLE for what has happened. */
  async goOn(): Promise<void> {
    if (this.#session.hasInput()) await this.#serveNext();
    else if (this.#idling !== undefined) await this.#announce(this.#idling);
    else if (this.#session.notifications !== undefined) await this.#notify(this.#session.notifications);
  }

  close(): void {
    this.#idling?.end();
    this.#idling = undefined;
  }

  async #serveNext(): Promise<void> {
    const session = this.#session;
    const received = await session.nextCommand();
    if (received === undefined) {
      this.end = 'DISCONNECTED';
      return;
    }
    if (this.#idling !== undefined) {
      await this.#endIdling(this.#idling, received);
      if (this.end !== undefined || received.kind === 'bad') return;
      // Some clients send the next command without DONE, or before it; it must not be lost.
      session.expectLateDone(true);
    }
    await this.#serve(received);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }

  async #serve(received: ReceivedCommand | BadLine): Promise<void> {
    const session = this.#session;
    if (received.kind === 'bad') return this.#answer(received.tag, bad(received.text, received.code));
    const row = mailCommands.get(received.name);
    if (row?.namesNumbers === true && session.manner.uidsOnly) {
      return this.#answer(received.tag, bad('Messages have no numbers.', 'UIDREQUIRED'));
    }
    session.runs(received.tag);
    const startedAt = session.clock.ticks();
    const completion = await runCommand(session, row, received);
    session.runs(undefined);
    // One of a rehearsal, or on standard input, has no number, and nobody to count for.
    const isCounted = row !== undefined && session.sessionId !== undefined;
    if (isCounted) commandCounts.add(received.name, completion.status, session.clock.ticks() - startedAt);
    if (row?.untilDone === true && completion.status === 'OK') {
      session.expectLateDone(false);
      this.#idling = new Idling(session, received.tag, completion);
      return this.#announce(this.#idling);
    }
    // NOTIFY itself may have made them.
    const { notifications } = session;
    notifications?.noteAnswer(completion);
    const ownDoing = row?.changesMessages === true;
    const looked = row?.looksAtMailbox === true && completion.status === 'OK';
    await session.announceChanges({ expunges: row?.usesSequenceNumbers !== true, ownDoing }, looked);
    await notifications?.tellOthers();
    await this.#answer(received.tag, completion);
    if (row?.usesSequenceNumbers === true) notifications?.tellHeldBack();
  }

  /** Tells what the client wants to hear of at any time. */
  async #notify(notifications: Notifications): Promise<void> {
    await notifications.tell();
    if (this.#session.ended) this.end = 'DISCONNECTED';
  }

  async #announce(idling: Idling): Promise<void> {
    await idling.announce();
    if (this.#session.ended) this.end = 'DISCONNECTED';
    else if (!this.#session.mayHearOfMailbox) await this.#refuseIdling(idling);
  }

  /** Somebody took the right to read the mailbox away. A DONE may be on its way. */
  async #refuseIdling(idling: Idling): Promise<void> {
    this.close();
    this.#session.expectLateDone(true);
    await this.#answer(idling.tag, no('You may no longer read this mailbox.', 'NOPERM'));
  }

  async #endIdling(idling: Idling, received: ReceivedCommand | BadLine): Promise<void> {
    this.close();
    const isDone = received.kind === 'command' || received.tag.toUpperCase() === 'DONE';
    await this.#session.announceChanges({ expunges: true });
    await this.#answer(idling.tag, isDone ? idling.completion : bad('Expected DONE.'));
  }

  async #answer(tag: string, completion: Completion): Promise<void> {
    const session = this.#session;
    await session.respond(encodeCompletion(tag, completion));
    await session.answered();
    if (session.leavesClient) await session.flush();
    if (session.ended) {
      this.end = completion.status === 'OK' ? 'LOGOUT' : 'DISCONNECTED';
      return;
    }
    this.#badCommands = completion.status === 'BAD' ? this.#badCommands + 1 : 0;
    if (this.#badCommands < session.settings.maxBadCommands) return;
    session.write(Buffer.from('* BYE [ALERT] Fatal error: TOO MANY CONSECUTIVE PROTOCOL VIOLATIONS\r\n'));
    session.log.write('warning', `${session.account.address}: TOO MANY CONSECUTIVE PROTOCOL VIOLATIONS`);
    this.end = 'DISCONNECTED';
  }
}
