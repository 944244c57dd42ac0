/**
 * ClientInput: what comes from the client, with the end of patience built in.
 *
 * It takes from the stream only what somebody asks for, so a client that sends faster than we work is slowed down by
 * its own socket. It knows no protocol.
 */
import type { Duplex, Readable } from 'node:stream';
import { noteWork } from '../service/activity.js';
import type { Clock } from '../system/clock.js';

/** Why nothing more comes. */
export type InputEnd = 'client' | 'timeout' | 'stopped';

/** Whose input it is. */
export interface InputOwner {
  /** How long the client may be silent now. */
  readonly patienceSeconds: number;
  /** Sends what was collected: called before read() waits. */
  flush(): Promise<void>;
  /** Called when read() has waited. */
  beginSlice(): void;
}

/** What ClientInput needs beside the stream. */
export interface InputOptions {
  /** What was received before and comes first. */
  readonly unread: Buffer;
  readonly clock: Clock;
  readonly owner: InputOwner;
}

// The close that follows an error tells all that matters; without a listener the error would end the process.
const ENDS = ['end', 'close', 'error'] as const;

/** The reading half of a client's stream. */
export class ClientInput {
  /** Is shown all that comes. */
  trace: ((octets: Buffer) => void) | undefined;
  readonly #stream: Duplex;
  /** Where the octets are read: the stream, or what was made of it. */
  #source: Readable;
  readonly #clock: Clock;
  readonly #owner: InputOwner;
  #unread: Buffer | undefined;
  #wake: (() => void) | undefined;
  #interrupted = false;
  /** Ends the patience with the client that has begun. */
  #cancelPatience: (() => void) | undefined;
  #end: InputEnd | undefined;
  /** The stream has said that there is something to read, which may be its end, and nobody has looked yet. */
  #mayRead = false;
  #receivedOctets: number;
  #endedAt: number | undefined;

  constructor(stream: Duplex, { unread, clock, owner }: InputOptions) {
    this.#stream = stream;
    this.#source = stream;
    this.#clock = clock;
    this.#owner = owner;
    this.#unread = unread.length > 0 ? unread : undefined;
    this.#receivedOctets = unread.length;
    stream.on('readable', this.#noticeOctets);
    for (const event of ENDS) stream.on(event, this.#noticeEnd);
  }

  /** From now on reads what `make` makes of the stream: with compression, what is inflated. */
  readThrough(make: (stream: Duplex) => Readable): void {
    const stream = this.#stream;
    stream.off('readable', this.#noticeOctets);
    for (const event of ENDS) stream.off(event, this.#noticeEnd);
    const noticeEndOfStream = (): void => {
      this.#endedAt ??= this.#clock.now();
    };
    for (const event of ENDS) stream.on(event, noticeEndOfStream);
    const source = make(stream);
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
    return this.#endedAt === undefined ? 0 : this.#clock.now() - this.#endedAt;
  }

  /** Looks whether read() need not wait: there are octets, or there will be none. */
  look(): boolean {
    if (this.#unread !== undefined || this.#end === 'stopped' || this.#end === 'timeout') return true;
    this.#mayRead = false;
    const octets: unknown = this.#source.read();
    if (!Buffer.isBuffer(octets)) return this.#end !== undefined;
    noteWork();
    this.#endPatience();
    this.#receivedOctets += octets.length;
    this.trace?.(octets);
    this.#unread = octets;
    return true;
  }

  /** The next octets as they came, or undefined when there will be none. */
  async read(): Promise<Buffer | undefined> {
    while (!this.look()) {
      await this.#owner.flush();
      await this.arrival();
      this.#owner.beginSlice();
    }
    const octets = this.#unread;
    this.#unread = undefined;
    return octets;
  }

  /**
   * Settles when look() may have become true, or interrupt() was called. The patience with the client begins with the
   * first such waiting, and lasts until it has sent something.
   */
  arrival(): Promise<void> {
    // While answers were flushed, octets or the end may have come, whose event found nobody waiting.
    const mayBeReady = this.#end !== undefined || this.#mayRead || this.#interrupted;
    this.#interrupted = false;
    if (mayBeReady) return Promise.resolve();
    this.#cancelPatience ??= this.#clock.after(this.#owner.patienceSeconds * 1000, () => this.#finish('timeout'));
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Makes the present or the next arrival() settle although the client has sent nothing. */
  interrupt(): void {
    if (this.#wake === undefined) this.#interrupted = true;
    else this.#rouse();
  }

  /** Makes every further read() give undefined. */
  stop(): void {
    this.#finish('stopped');
  }

  /** Leaves the stream to others, and gives what was received and not used: `unused`, and what comes behind it. */
  release(unused: Buffer): Buffer {
    this.#endPatience();
    this.#stream.off('readable', this.#noticeOctets);
    for (const event of ENDS) this.#stream.off(event, this.#noticeEnd);
    const all = this.#unread === undefined ? unused : Buffer.concat([unused, this.#unread]);
    this.#unread = undefined;
    this.#receivedOctets -= all.length;
    return all;
  }

  /** Nobody reads any more. */
  close(): void {
    this.#endPatience();
  }

  readonly #noticeOctets = (): void => {
    this.#mayRead = true;
    this.#rouse();
  };

  readonly #noticeEnd = (): void => {
    this.#endedAt ??= this.#clock.now();
    this.#finish('client');
  };

  #finish(end: InputEnd): void {
    this.#end ??= end;
    this.#endPatience();
    this.#rouse();
  }

  #endPatience(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
