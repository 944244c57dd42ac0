/**
 * The traces of the sessions of one mail worker (POP3DEBUGFILE): begun at login, or when the administrator has the files looked
 * for. A client that logs in once more is refused, and what it says then is left out.
 */
import { errorCode } from '../../maildir/errors.js';
import type { FileSystem } from '../../maildir/file-system.js';
import { TraceFile } from '../../maildir/trace-file.js';
import type { Session } from './session.js';

const SECRET_COMMAND = /^[ \t]*(PASS|APOP|AUTH)\b/i;

/** Few sessions have a trace, and the others hold nothing for it. */
export class Traces {
  readonly #fileSystem: FileSystem;
  readonly #files = new Map<Session, TraceFile>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Begins or ends the trace of a session, as its file is there or not; says whether there is one. */
  look(session: Session): boolean {
    const { debugFile } = session.settings;
    const path = debugFile === undefined ? undefined : `${session.account.maildir}/${debugFile}`;
    const isWanted = path !== undefined && TraceFile.isThere(this.#fileSystem, path);
    if (isWanted && this.#files.get(session)?.ended === false) return true;
    this.end(session);
    if (!isWanted) return false;
    try {
      this.#begin(session, TraceFile.open(this.#fileSystem, path));
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      session.log.write('warning', `there is no trace, since ${path} cannot be written: ${code}`, session.sessionId);
      return false;
    }
  }

  /** The session is over. */
  end(session: Session): void {
    session.trace = undefined;
    session.output.trace = undefined;
    this.#files.get(session)?.close();
    this.#files.delete(session);
  }

  #begin(session: Session, file: TraceFile): void {
    this.#files.set(session, file);
    session.trace = (line) => file.add('READ', withoutSecrets(line), session.clock.now());
    session.output.trace = (octets) => file.add('WRITE', octets.toString('latin1'), session.clock.now());
  }
}

function withoutSecrets(line: string): string {
  const command = SECRET_COMMAND.exec(line);
  return command === null ? line : `${command[0]} (not shown)`;
}
