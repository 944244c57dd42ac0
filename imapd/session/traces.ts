/** The traces of the sessions of one mail worker: begun at login, or when the administrator has the files looked for. */
import type { FileSystem } from '../../maildir/file-system.js';
import type { Session } from './session.js';
import { SessionTrace } from './trace.js';

/** Few sessions have a trace, and the others hold nothing for it. */
export class Traces {
  readonly #fileSystem: FileSystem;
  readonly #traces = new Map<Session, SessionTrace>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Begins or ends the trace of a session, as its file is there or not; says whether there is one. */
  look(session: Session): boolean {
    const trace = this.#traces.get(session);
    const isWanted = SessionTrace.isWanted(session, this.#fileSystem);
    if (isWanted && trace?.ended === false) return true;
    this.end(session);
    const begun = isWanted ? SessionTrace.begin(session, this.#fileSystem) : undefined;
    if (begun !== undefined) this.#traces.set(session, begun);
    return begun !== undefined;
  }

  /** The session is over. */
  end(session: Session): void {
    this.#traces.get(session)?.close();
    this.#traces.delete(session);
  }
}
