/**
 * Idling: what a session does between IDLE and DONE (RFC 2177): it is woken when there may be something to tell, and every
 * now and then it says that the server is still there.
 *
 * Nothing of it waits by itself: it interrupts the waiting for the client's next octets. It knows no command's syntax.
 */
import type { Completion } from '../completion.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { encodeUntagged } from '../wire/responses.js';
import type { Session } from './session.js';

/** One IDLE of a session. */
export class Idling {
  readonly tag: string;
  /** What ends it. */
  readonly completion: Completion;
  readonly #session: Session;
  #beatDue = false;
  #cancelBeat: (() => void) | undefined;
  #stopLooking: (() => void) | undefined;

  /** From now on the session is woken. */
  constructor(session: Session, tag: string, completion: Completion) {
    this.tag = tag;
    this.completion = completion;
    this.#session = session;
    if (session.state === 'selected') this.#watch(session.selected);
    this.#scheduleBeat();
  }

  /** Writes what is to be told now. */
  async announce(): Promise<void> {
    await this.#session.announceChanges({ expunges: true });
    await this.#session.notifications?.tellOthers();
    if (this.#beatDue) this.#session.write(encodeUntagged({ status: 'OK', text: 'Still here' }));
    this.#beatDue = false;
  }

  end(): void {
    this.#cancelBeat?.();
    this.#stopLooking?.();
    if (this.#session.state === 'selected' && !this.#isWatched) this.#session.selected.unwatch();
  }

  #watch(mailbox: SelectedMailbox): void {
    if (!this.#isWatched) mailbox.watch(() => this.#session.input.interrupt());
    const { namespace, maildir, folderName } = mailbox.place;
    // The owner's list is changed by his own sessions, which are all here; lists of others also elsewhere.
    if (namespace === 'virtual') this.#stopLooking = maildir.acls.keepLooking(folderName);
  }

  /** With NOTIFY the mailbox is watched all the time, or the client does not want to hear of it. */
  get #isWatched(): boolean {
    return this.#session.notifications !== undefined;
  }

  #scheduleBeat(): void {
    const { clock, settings, input } = this.#session;
    if (settings.idleHeartbeatSeconds <= 0) return;
    this.#cancelBeat = clock.after(settings.idleHeartbeatSeconds * 1000, () => {
      this.#beatDue = true;
      input.interrupt();
      this.#scheduleBeat();
    });
  }
}
