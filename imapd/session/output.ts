/**
 * ClientOutput: what is on its way to the client. Collects answers into large writes and waits when the client is slow.
 *
 * It knows no protocol.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.js';
import { ClientGone } from '../completion.js';

/** So much may wait before a command that writes much must flush: large enough for few writes, small per session. */
export const FULL_OUTPUT_OCTETS = 262_144;

/** A client that takes nothing for so long is given up. Courier allows 60 s; a mobile network may pause for longer. */
export const WRITE_TIMEOUT_SECONDS = 120;

/** The writing half of a client's stream. */
export class ClientOutput {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  #pieces: Buffer[] = [];
  #waitingOctets = 0;
  #sentOctets = 0;
  #gone = false;
  #drained: Promise<void> | undefined;

  constructor(stream: Duplex, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    stream.once('close', () => {
      this.#gone = true;
    });
  }

  /** Octets that were given to the stream or wait for it. */
  get sentOctets(): number {
    return this.#sentOctets;
  }

  /** Whether a command that goes on writing should flush now. */
  get full(): boolean {
    return this.#waitingOctets > FULL_OUTPUT_OCTETS;
  }

  get gone(): boolean {
    return this.#gone || this.#stream.destroyed;
  }

  /** Adds octets; they go out with the next flush. */
  write(octets: Buffer): void {
    if (octets.length === 0) return;
    this.#pieces.push(octets);
    this.#waitingOctets += octets.length;
    this.#sentOctets += octets.length;
  }

  /**
   * Sends what was collected, and waits until the client has taken most of it.
   *
   * @throws {ClientGone}
   */
  async flush(): Promise<void> {
    if (this.gone) throw new ClientGone();
    if (this.#pieces.length > 0) {
      const [only, ...others] = this.#pieces;
      const octets = only !== undefined && others.length === 0 ? only : Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#waitingOctets = 0;
      if (!this.#stream.write(octets)) this.#drained ??= this.#drain();
    }
    if (this.#drained !== undefined) await this.#drained;
  }

  /** Ends the stream after what was collected; never throws. */
  end(): void {
    if (this.gone) return;
    for (const piece of this.#pieces) this.#stream.write(piece);
    this.#pieces = [];
    this.#waitingOctets = 0;
    this.#stream.end();
  }

  #drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        this.#drained = undefined;
        cancel();
        this.#stream.off('drain', drained);
        this.#stream.off('close', closed);
        end();
      };
      const drained = (): void => settle(resolve);
      const closed = (): void => settle(() => reject(new ClientGone()));
      const cancel = this.#clock.after(WRITE_TIMEOUT_SECONDS * 1000, () => {
        this.#stream.destroy();
        closed();
      });
      this.#stream.once('drain', drained);
      this.#stream.once('close', closed);
    });
  }
}
