/**
 * The trace of a session: what was read and written, in a file in the maildir (IMAPDEBUGFILE; see trace-file.ts).
 *
 * It begins after login, and ends when a client gives its login back, so no password is in it; mail is. A client that logs in
 * once more is refused, and its password is left out. Whoever wants a trace makes the file; the account's next sessions
 * add to it, and those that are there when they are told to look. It knows no other command.
 */
import { errorCode } from '../../maildir/errors.js';
import type { FileSystem } from '../../maildir/file-system.js';
import { TraceFile } from '../../maildir/trace-file.js';
import type { Session } from './session.js';

/** Of a line that is not whole yet, so much is kept to see what command it is. */
const MAX_LINE_BEGINNING = 1_024;

/** Commands whose arguments are secret. */
const SECRET_COMMAND = /^\S+ (LOGIN|AUTHENTICATE)\b/i;

/** The trace of one session. */
export class SessionTrace {
  readonly #session: Session;
  readonly #file: TraceFile;
  /** The line that has begun, as far as it matters. */
  #line = '';
  /** What comes until the next answer belongs to a command that is secret. */
  #secret = false;

  private constructor(session: Session, file: TraceFile) {
    this.#session = session;
    this.#file = file;
    session.input.trace = (octets) => this.#read(octets);
    session.output.trace = (octets) => this.#written(octets);
  }

  /** Whether there is the file for it. */
  static isWanted(session: Session, fileSystem: FileSystem): boolean {
    const path = traceFile(session);
    return path !== undefined && TraceFile.isThere(fileSystem, path);
  }

  /** Begins a trace where isWanted() says that there is to be one; undefined when the file cannot be written. */
  static begin(session: Session, fileSystem: FileSystem): SessionTrace | undefined {
    const path = traceFile(session) ?? '';
    try {
      return new SessionTrace(session, TraceFile.open(fileSystem, path));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      session.log.write(
        'warning',
        `there is no trace, since ${path} cannot be written: ${code} (${session.whoForLog})`,
      );
      return undefined;
    }
  }

  /** It has become too large, or its disk is full. */
  get ended(): boolean {
    return this.#file.ended;
  }

  /** Ends it. */
  close(): void {
    this.#session.input.trace = undefined;
    this.#session.output.trace = undefined;
    this.#file.close();
  }

  /** What follows UNAUTHENTICATE may be a password. */
  #read(octets: Buffer): void {
    const text = octets.toString('latin1');
    const end = /^\S+ UNAUTHENTICATE\b/im.exec(text);
    this.#add('READ', this.#withoutSecrets(end === null ? text : text.slice(0, end.index + end[0].length)));
    if (end !== null) this.close();
  }

  /** A tagged answer, or none that asks for more, ends what is secret. */
  #written(octets: Buffer): void {
    if (octets[0] !== 0x2b) this.#secret = false;
    this.#add('WRITE', octets.toString('latin1'));
  }

  /** Leaves out what a client says that logs in once more: it is refused, but the password may be right. */
  #withoutSecrets(text: string): string {
    if (this.#secret) return '(not shown)';
    const lines = (this.#line + text).split('\n');
    const place = lines.findIndex((line) => SECRET_COMMAND.test(line));
    this.#line = place === -1 ? (lines.at(-1) ?? '').slice(0, MAX_LINE_BEGINNING) : '';
    if (place === -1) return text;
    this.#secret = true;
    const command = SECRET_COMMAND.exec(lines[place] ?? '')?.[0] ?? '';
    const before = lines.slice(0, place).join('\n');
    const shown = place === 0 ? `${command} (not shown)` : `${before}\n${command} (not shown)`;
    // What was shown of its line before is the command's name at most.
    return shown;
  }

  #add(direction: 'READ' | 'WRITE', all: string): void {
    this.#file.add(direction, all, this.#session.clock.now());
    if (this.ended) this.close();
  }
}

function traceFile({ settings, maildir }: Session): string | undefined {
  return settings.debugFile === undefined ? undefined : `${maildir.path}/${settings.debugFile}`;
}
