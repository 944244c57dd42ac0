/**
 * ClientOutput: what is on its way to the client. Collects answers into large writes and waits when the client is slow.
 *
 * Much is written straight into a chunk (`room`); single answers of others are put into it, or collected as they are. It
 * knows no protocol.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../system/clock.js';
import { ClientGone } from './client-gone.js';

/** So much may wait before a command that writes much must flush: large enough for few writes, small per session. */
const FULL_OUTPUT_OCTETS = 256 * 1024;

/** The answer that fills a chunk up goes a little beyond. */
const CHUNK_OCTETS = FULL_OUTPUT_OCTETS + 64 * 1024;

/** Chunks that wait for the next session that writes much; an idle session holds none. */
const MAX_SPARE_CHUNKS = 4;

/** A larger answer is sent from where it lies, and not copied into a chunk. */
const MAX_COPIED_OCTETS = 16 * 1024;

/** A client that takes nothing for so long is given up. Courier allows 60 s; a mobile network may pause for longer. */
const WRITE_TIMEOUT_SECONDS = 120;

const spareChunks: Buffer[] = [];

/** What answers are written into: a buffer that is being filled, in the way of a protocol. */
export interface OutputChunk {
  /** All of the buffer. */
  readonly octets: Buffer;
  /** How much of it is filled. */
  readonly length: number;
  /** Adds octets of another buffer. */
  copy(from: Buffer, start: number, end: number): void;
  /** What is filled. */
  view(): Buffer;
}

/** What changes all octets on their way to the client. */
export interface OutputFilter {
  /** Takes the next octets; resolves when they were passed on. */
  add(octets: Buffer): Promise<void>;
}

/** The writing half of a client's stream. */
export class ClientOutput<Chunk extends OutputChunk> {
  /** Is shown all that goes, before it is filtered. */
  trace: ((octets: Buffer) => void) | undefined;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #newChunk: (octets: Buffer) => Chunk;
  /** Sockets have taken what was written when they say so; other streams may hand the buffer on. */
  readonly #takesCopies: boolean;
  #pieces: Buffer[] = [];
  /** Chunks that are in #pieces, and free again when they were sent. */
  #chunks: Buffer[] = [];
  /** What is being filled. */
  #chunk: Chunk | undefined;
  #waitingOctets = 0;
  #sentOctets = 0;
  #gone = false;
  #drained: Promise<void> | undefined;
  #filter: OutputFilter | undefined;
  /** Settles when the stream has got all that was filtered so far. */
  #filtered: Promise<void> | undefined;

  constructor(stream: Duplex, clock: Clock, newChunk: (octets: Buffer) => Chunk) {
    this.#stream = stream;
    this.#clock = clock;
    this.#newChunk = newChunk;
    this.#takesCopies = 'bytesWritten' in stream;
    stream.once('close', () => {
      this.#gone = true;
    });
  }

  /** Octets that were given to the stream or wait for it. */
  get sentOctets(): number {
    return this.#sentOctets + (this.#chunk?.length ?? 0);
  }

  /** Whether a command that goes on writing should flush now. */
  get full(): boolean {
    return this.#waitingOctets + (this.#chunk?.length ?? 0) > FULL_OUTPUT_OCTETS;
  }

  get gone(): boolean {
    return this.#gone || this.#stream.destroyed;
  }

  /** Something to write into, with room for so many octets. They go out with the next flush, in their order. */
  room(octets: number): Chunk {
    const chunk = this.#chunk;
    if (chunk !== undefined && chunk.octets.length - chunk.length >= octets) return chunk;
    this.#seal();
    const fits = octets <= CHUNK_OCTETS;
    const fresh = fits ? (spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_OCTETS)) : Buffer.allocUnsafeSlow(octets);
    const made = this.#newChunk(fresh);
    this.#chunk = made;
    return made;
  }

  /** Adds octets; they go out with the next flush. */
  write(octets: Buffer): void {
    if (octets.length === 0) return;
    const chunk = this.#chunk;
    if (chunk !== undefined && octets.length <= MAX_COPIED_OCTETS) {
      chunk.copy(octets, 0, octets.length);
      return;
    }
    this.#seal();
    this.#add(octets);
  }

  /**
   * Sends what was collected, and waits until the client has taken most of it.
   *
   * @throws {ClientGone}
   */
  async flush(): Promise<void> {
    if (this.gone) throw new ClientGone();
    this.#seal();
    if (this.#pieces.length > 0 && !this.#send()) this.#drained ??= this.#drain();
    if (this.#filtered !== undefined) await this.#filtered;
    if (this.#drained !== undefined) await this.#drained;
  }

  /** Puts everything that is written from now on through a filter. What was written before is to be flushed first. */
  writeThrough(make: (send: (octets: Buffer) => void) => OutputFilter): void {
    this.#filter = make((octets) => {
      if (this.gone || this.#stream.write(octets)) return;
      this.#drained ??= this.#drain();
      // Whoever flushes next hears of it; until then nobody may be waiting.
      this.#drained.catch(() => {});
    });
  }

  /** Gives the client up. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** Ends the stream after what was collected; never throws. */
  end(): void {
    if (!this.gone) {
      this.#seal();
      if (this.#pieces.length > 0) this.#send();
    }
    const end = (): void => void this.#stream.end();
    if (this.#filtered === undefined) end();
    else this.#filtered.then(end, end);
  }

  #add(octets: Buffer): void {
    this.#pieces.push(octets);
    this.#waitingOctets += octets.length;
    this.#sentOctets += octets.length;
  }

  /** Nothing is written into the chunk any more. */
  #seal(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    this.#chunk = undefined;
    this.#chunks.push(chunk.octets);
    if (chunk.length > 0) this.#add(chunk.view());
  }

  /** Gives the collected pieces to the stream as one write; false when the client has to take some of it first. */
  #send(): boolean {
    const [only, ...others] = this.#pieces;
    const octets = only !== undefined && others.length === 0 ? only : Buffer.concat(this.#pieces);
    const chunks = this.#chunks;
    this.#pieces = [];
    this.#chunks = [];
    this.#waitingOctets = 0;
    this.trace?.(octets);
    if (this.#filter !== undefined) {
      this.#filtered = this.#filter.add(octets).then(() => giveBack(chunks));
      return true;
    }
    if (chunks.length === 0 || !this.#takesCopies) return this.#stream.write(octets) || this.#hasTakenAll;
    const more = this.#stream.write(octets, () => giveBack(chunks));
    // The stream says so only when nobody has anything to do any more: until then a command that writes much would take
    // new memory for each of its chunks.
    if (this.#hasTakenAll) giveBack(chunks);
    return more || this.#hasTakenAll;
  }

  /** The system took all that was written at once, as it nearly always does: then nobody need wait, however much it was. */
  get #hasTakenAll(): boolean {
    return this.#stream.writableLength === 0;
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

/** Takes the chunks out of the list, so that they are given back once. */
function giveBack(chunks: Buffer[]): void {
  for (const chunk of chunks.splice(0)) {
    if (chunk.length === CHUNK_OCTETS && spareChunks.length < MAX_SPARE_CHUNKS) spareChunks.push(chunk);
  }
}
