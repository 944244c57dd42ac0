/**
 * A log file: appended to, opened again after it was rotated, and bounded: when it has reached its size it is renamed to
 * FILE.old, which takes the place of the one before, and a new one begins. Several processes may write to the same.
 *
 * Only opening it at the start can fail; whatever happens later costs lines at most.
 */
import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

/** See the head of this file. */
export class LogFile {
  readonly #path: string;
  readonly #maxOctets: number;
  #fd: number;
  /** As far as we know: others may write, too. */
  #octets: number;

  /** @throws when the file cannot be opened, with its path in the message. */
  constructor(path: string, maxOctets: number) {
    this.#path = path;
    this.#maxOctets = maxOctets;
    this.#fd = open(path);
    this.#octets = fstatSync(this.#fd).size;
  }

  /** Opens it again. @throws as the constructor does; the file before stays open then. */
  reopen(): void {
    const next = open(this.#path);
    closeSync(this.#fd);
    this.#fd = next;
    this.#octets = fstatSync(next).size;
  }

  /** Adds a whole line; false when it is lost, for the most part because the disk is full. */
  write(line: string): boolean {
    const octets = Buffer.from(line);
    if (this.#maxOctets > 0 && this.#octets + octets.length > this.#maxOctets) this.#beginAnew();
    let written = 0;
    try {
      while (written < octets.length) written += writeSync(this.#fd, octets, written);
    } catch {
      // What stands there of the line is to be no part of the next one.
      if (written > 0) this.#endLine();
    }
    this.#octets += written;
    return written === octets.length;
  }

  #beginAnew(): void {
    try {
      const [ours, there] = [fstatSync(this.#fd), statSync(this.#path)];
      this.#octets = there.size;
      // Whoever else writes to it may have renamed it already.
      const isOurs = ours.ino === there.ino && ours.dev === there.dev;
      if (isOurs && there.size >= this.#maxOctets / 2) renameSync(this.#path, `${this.#path}.old`);
    } catch {
      // Without the file there is nothing to rename; without the right to, it grows on.
    }
    try {
      this.reopen();
    } catch {
      this.#octets = 0;
    }
  }

  #endLine(): void {
    try {
      writeSync(this.#fd, '\n');
    } catch {
      // The disk is full to the last octet.
    }
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw new Error(`the log file ${path} cannot be opened (${(error as NodeJS.ErrnoException).code})`);
  }
}
