/**
 * SmapSession: one client that logged in with `\SMAP1` and speaks SMAP instead of IMAP.
 *
 * It stands on the same Session as IMAP does, for the maildir, the input and the output, and adds what SMAP has of its
 * own: lines that end in LF alone, and a message that is put together by several commands.
 */
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure } from '../completion.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { type Addition, NO_ADDITION } from './addition.js';
import { ClientLines } from './client-lines.js';
import { mailboxNameOf } from './folder-words.js';
import { denied } from './replies.js';
import type { SnapshotChain } from './snapshot-chain.js';

/** One client after login. */
export class SmapSession {
  readonly session: Session;
  readonly lines: ClientLines;
  /** What ADD has gathered so far. */
  addition: Addition = NO_ADDITION;
  /** Of the open folder, if the client wants to come back to what it knows. */
  chain: SnapshotChain | undefined;

  constructor(session: Session) {
    this.session = session;
    this.lines = new ClientLines(session);
  }

  /** Adds one line to what is collected for the client. */
  say(line: string): void {
    this.session.write(Buffer.from(`${line}\n`, 'utf8'));
  }

  /** Whether a folder is open. */
  get isOpen(): boolean {
    return this.session.state === 'selected';
  }

  /** The open folder. The command table lets only commands that need one get here. */
  get selected(): SelectedMailbox {
    return this.session.selected;
  }

  /** Where words lead. @throws {SmapFailure | MaildirError} */
  place(folder: readonly string[]): MailboxPlace {
    return this.#asked(() => this.session.space.place(mailboxNameOf(folder)));
  }

  /** Where the words of a folder lead that is to be made. @throws {SmapFailure | MaildirError} */
  placeOfNew(folder: readonly string[]): MailboxPlace {
    return this.#asked(() => this.session.space.placeOfNew(mailboxNameOf(folder)));
  }

  /** What ADD gathered is for the message that follows it at once. */
  forgetAddition(): void {
    this.addition = NO_ADDITION;
  }

  /** Closes the open folder, if there is one, without expunging. */
  close(): void {
    this.chain = undefined;
    this.session.select(undefined);
  }

  #asked(place: () => MailboxPlace): MailboxPlace {
    try {
      return place();
    } catch (error) {
      // Nobody learns by the words which folders of others there are.
      if (error instanceof CommandFailure)
        throw error.code === 'NOPERM' ? denied('c') : new MaildirError('no such folder', error.message);
      throw error;
    }
  }
}
