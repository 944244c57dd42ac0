/**
 * ClientInput: what comes from the client, with the end of patience built in.
 *
 * It takes from the stream only what somebody asks for, so a client that sends faster than we work is slowed down by
 * its own socket. It knows no protocol.
 */
import type { Duplex, Readable } from 'node:stream';
import { noteWork } from '../../init/runtime/activity.js';
import type { Clock } from '../clock.js';
import { inflated } from './inflation.js';

/** Why nothing more comes. */
export type InputEnd = 'client' | 'timeout' | 'stopped';

/** What ClientInput needs beside the stream. */
export interface InputOptions {
  /** What was received before and comes first. */
  readonly unread: Buffer;
  readonly clock: Clock;
  /** How long the client may be silent. Asked each time the waiting begins. */
  readonly patienceSeconds: () => number;
  /** Called before waiting: the moment to send what was collected. */
  readonly beforeWaiting: () => Promise<void>;
  /** Called when the waiting is over. */
  readonly afterWaiting: () => void;
}

// The close that follows an error tells all that matters; without a listener the error would end the process.
const ENDS = ['end', 'close', 'error'] as const;

/** The reading half of a client's stream. */
export class ClientInput {
  readonly #stream: Duplex;
  /** Where the octets are read: the stream, or what inflates it. */
  #source: Readable;
  readonly #options: InputOptions;
  #unread: Buffer | undefined;
  #wake: (() => void) | undefined;
  #end: InputEnd | undefined;
  /** The stream has said that there is something to read, which may be its end, and nobody has looked yet. */
  #mayRead = false;
  #receivedOctets: number;
  #endedAt: number | undefined;

  constructor(stream: Duplex, options: InputOptions) {
    this.#stream = stream;
    this.#source = stream;
    this.#options = options;
    this.#unread = options.unread.length > 0 ? options.unread : undefined;
    this.#receivedOctets = options.unread.length;
    stream.on('readable', this.#noticeOctets);
    for (const event of ENDS) stream.on(event, this.#noticeEnd);
  }

  /** Takes everything that comes from now on for compressed; `received` was read before and is the first of it. */
  inflate(received: Buffer): void {
    const stream = this.#stream;
    stream.off('readable', this.#noticeOctets);
    for (const event of ENDS) stream.off(event, this.#noticeEnd);
    const noticeEndOfStream = (): void => {
      this.#endedAt ??= this.#options.clock.now();
    };
    for (const event of ENDS) stream.on(event, noticeEndOfStream);
    const source = inflated(stream, received, this.#options.clock);
    source.on('readable', this.#noticeOctets);
    for (const event of ENDS) source.on(event, this.#noticeEnd);
    this.#source = source;
  }

  /** Octets received so far, those before login that came with `unread` included. */
  get receivedOctets(): number {
    return this.#receivedOctets;
  }

  /** Why read() gives nothing more; undefined while it may. */
  get end(): InputEnd | undefined {
    return this.#end;
  }

  /**
   * Milliseconds since the client ended its side; 0 while it has not. A client that has gone altogether looks the same
   * as one that waits for its last answer.
   */
  get endedForMilliseconds(): number {
    // Without reading anything, this makes the stream notice an end that stands right before it.
    const isPlain = this.#source === this.#stream;
    if (isPlain && this.#end === undefined && this.#stream.readableLength === 0) this.#stream.read(0);
    return this.#endedAt === undefined ? 0 : this.#options.clock.now() - this.#endedAt;
  }

  /** The next octets as they came, or undefined when there will be none. */
  async read(): Promise<Buffer | undefined> {
    const first = this.#unread;
    if (first !== undefined) {
      this.#unread = undefined;
      return first;
    }
    for (;;) {
      if (this.#end === 'stopped' || this.#end === 'timeout') return undefined;
      this.#mayRead = false;
      const octets: unknown = this.#source.read();
      if (Buffer.isBuffer(octets)) {
        noteWork();
        this.#receivedOctets += octets.length;
        return octets;
      }
      if (this.#end !== undefined) return undefined;
      await this.#options.beforeWaiting();
      await this.#somethingHappened();
      this.#options.afterWaiting();
    }
  }

  /** Makes the present and every further read() give undefined. */
  stop(): void {
    this.#end ??= 'stopped';
    this.#wake?.();
  }

  readonly #noticeOctets = (): void => {
    this.#mayRead = true;
    this.#wake?.();
  };

  readonly #noticeEnd = (): void => {
    this.#end ??= 'client';
    this.#endedAt ??= this.#options.clock.now();
    this.#wake?.();
  };

  #somethingHappened(): Promise<void> {
    // While answers were flushed, octets or the end may have come, whose event found nobody waiting.
    if (this.#end !== undefined || this.#mayRead) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
      const cancel = this.#options.clock.after(this.#options.patienceSeconds() * 1000, () => {
        this.#end ??= 'timeout';
        wake();
      });
      this.#wake = wake;
    });
  }
}
