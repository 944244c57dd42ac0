/**
 * RehearsalClient: a client in this process that says one command after the other and listens only for their ends.
 */
import { Duplex } from 'node:stream';

const LF = 0x0a;
/** A tag, a blank, and the word that tells how a command ended. */
const END_OCTETS = 16;

/** The server's end of the conversation, with the client in it. */
export class RehearsalClient extends Duplex {
  /** Says to our output what it says of a socket: what was written is done with when the stream says so. */
  readonly bytesWritten = 0;
  #tag = 0;
  #answered: ((word: string) => void) | undefined;

  /** Says a command without its tag and line end. @throws unless it is answered with OK */
  async ask(command: string): Promise<void> {
    this.#tag += 1;
    const word = await new Promise<string>((resolve) => {
      this.#answered = resolve;
      this.push(`r${this.#tag} ${command}\r\n`, 'latin1');
    });
    if (word !== 'OK') throw new Error(`${command}: ${word}`);
  }

  /** Goes away. */
  leave(): void {
    this.push(null);
  }

  override _read(): void {}

  override _write(octets: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    const start = octets.lastIndexOf(LF, -2) + 1;
    const [tag, word = ''] = octets.toString('latin1', start, start + END_OCTETS).split(' ');
    taken();
    if (tag === `r${this.#tag}`) this.#answered?.(word);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#answered?.('the session has ended');
    done(error);
  }
}
