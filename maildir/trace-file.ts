/**
 * The file that a session is traced in: what was read and written, with the time.
 *
 *     2026-11-21T15:13:48.123Z READ: a1 NOOP
 *     2026-11-21T15:13:48.124Z WRITE: a1 OK NOOP completed
 *
 * Whoever wants a trace makes the file. What is secret, others have left out before.
 */
import { errorCode } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';

/** Of what is read or written at once, so much is shown. */
const MAX_SHOWN_OCTETS = 64 * 1024;
/** Then a trace ends: it fills the disk of its user. */
const MAX_TRACE_OCTETS = 100 * 1024 * 1024;

/** A trace that is being written. */
export class TraceFile {
  #file: OpenFile | undefined;
  #octets = 0;

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  /** Whether somebody has made the file. */
  static isThere(fileSystem: FileSystem, path: string): boolean {
    try {
      return fileSystem.status(path)?.kind === 'file';
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return false;
    }
  }

  /** Goes on with it. @throws the errors of the operating system */
  static open(fileSystem: FileSystem, path: string): TraceFile {
    return new TraceFile(fileSystem.openToAppend(path));
  }

  /** It was closed, has become too large, or its disk is full. */
  get ended(): boolean {
    return this.#file === undefined;
  }

  /** Adds what went in a direction; each character is an octet. */
  add(direction: 'READ' | 'WRITE', all: string, now: number): void {
    const shown = all.slice(0, MAX_SHOWN_OCTETS).replaceAll('\r', '');
    const more = all.length > MAX_SHOWN_OCTETS ? `[${all.length - MAX_SHOWN_OCTETS} more octets]\n` : '';
    const time = new Date(now).toISOString();
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

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
