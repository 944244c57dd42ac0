/**
 * The trace of a session: what was read and written, with the time, in a file in the maildir (IMAPDEBUGFILE).
 *
 *     2026-11-21T15:13:48.123Z READ: a1 NOOP
 *     2026-11-21T15:13:48.124Z WRITE: a1 OK NOOP completed
 *
 * It begins after login, and ends when a client gives its login back, so no password is in it; mail is. Whoever wants one makes
 * the file; the account's next sessions add to it. It knows no command but that one.
 */
import { errorCode } from '../../maildir/errors.js';
import type { FileSystem, OpenFile } from '../../maildir/file-system.js';
import type { Session } from './session.js';

/** Of what is read or written at once, so much is shown. */
const MAX_SHOWN_OCTETS = 64 * 1024;
/** Then a trace ends: it fills the disk of its user. */
const MAX_TRACE_OCTETS = 100 * 1024 * 1024;

/** The trace of one session. */
export class SessionTrace {
  readonly #session: Session;
  #file: OpenFile | undefined;
  #octets = 0;

  private constructor(session: Session, file: OpenFile) {
    this.#session = session;
    this.#file = file;
    session.input.trace = (octets) => this.#read(octets);
    session.output.trace = (octets) => this.#add('WRITE', octets);
  }

  /** Begins a trace if there is the file for it. */
  static begin(session: Session, fileSystem: FileSystem): SessionTrace | undefined {
    const { debugFile } = session.settings;
    if (debugFile === undefined) return undefined;
    const path = `${session.maildir.path}/${debugFile}`;
    try {
      if (fileSystem.status(path)?.kind !== 'file') return undefined;
      return new SessionTrace(session, fileSystem.openToAppend(path));
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Ends it. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    this.#session.input.trace = undefined;
    this.#session.output.trace = undefined;
    file?.close();
  }

  /** What follows UNAUTHENTICATE may be a password. */
  #read(octets: Buffer): void {
    const text = octets.toString('latin1');
    const end = /^\S+ UNAUTHENTICATE\b/im.exec(text);
    this.#add('READ', end === null ? octets : octets.subarray(0, end.index + end[0].length));
    if (end !== null) this.close();
  }

  #add(direction: 'READ' | 'WRITE', octets: Buffer): void {
    const time = new Date(this.#session.clock.now()).toISOString();
    const shown = octets.toString('latin1', 0, MAX_SHOWN_OCTETS).replaceAll('\r', '');
    const more = octets.length > MAX_SHOWN_OCTETS ? `[${octets.length - MAX_SHOWN_OCTETS} more octets]\n` : '';
    const text = `${time} ${direction}: ${shown.endsWith('\n') ? shown : `${shown}\n`}${more}`;
    this.#octets += text.length;
    if (this.#octets > MAX_TRACE_OCTETS) {
      this.close();
      return;
    }
    try {
      this.#file?.write(Buffer.from(text, 'latin1'));
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.close();
    }
  }
}
