/**
 * Takes DEFLATE away from what comes from one client (RFC 4978 section 3), as fast as somebody reads it.
 *
 * The memory of an idle session counts, and zlib takes 50 KiB for a stream. Most clients flush behind each command: what
 * has come then begins and ends between two blocks, and is inflated in one go by a zlib that is gone afterwards. Only the
 * text that the client may still refer to is kept, which is hardly more than its commands. What is cut elsewhere goes
 * through a zlib that stays until the client rests between two blocks again. It knows no protocol.
 */
import { type Duplex, Readable } from 'node:stream';
import { constants, createInflateRaw, type InflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Clock } from '../../init/runtime/system/clock.js';
import { OctetTail } from './octet-tail.js';

/** How far back DEFLATE can refer (RFC 1951 section 2). */
const WINDOW_OCTETS = 32_768;

/** Octets that wait for the reader, and that come out of zlib at once: whoever inflates to a thousand times more waits. */
const PIECE_OCTETS = 4_096;

/** As much may come out in one go: that takes a few milliseconds. */
const MAX_WHOLE_OCTETS = 1_048_576;

/** So many compressed octets are kept to find out whether they end between two blocks. Behind more, zlib stays. */
const MAX_SINCE_OCTETS = 262_144;

/** After so long without a word from the client it is tried. */
const REST_MS = 5_000;

/** An empty last block. Behind octets that end inside a block or inside an octet, it is something else. */
const LAST_BLOCK = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff]);

/**
 * Gives the inflated octets of a stream; `received` were read from it before. It is destroyed with the stream, and by
 * octets that are not compressed.
 */
export function inflated(stream: Duplex, received: Buffer, clock: Clock): Readable {
  return new Inflation(stream, received, clock).readable;
}

class Inflation {
  readonly readable: Readable;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  /** The last that was inflated before the octets in #since. */
  readonly #history = new OctetTail(WINDOW_OCTETS);
  /** What was inflated in no one go: zlib, and the octets that it got, as long as they are not too many. */
  #zlib: InflateRaw | undefined;
  #since: Buffer[] | undefined;
  #sinceOctets = 0;
  #wanted = false;
  #cancelRest: () => void = () => {};

  constructor(stream: Duplex, received: Buffer, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.readable = new Readable({
      highWaterMark: PIECE_OCTETS,
      read: () => {
        this.#wanted = true;
        this.#zlib?.resume();
        this.#take();
      },
      destroy: (error, done) => {
        this.#cancelRest();
        this.#zlib?.destroy();
        done(error);
      },
    });
    if (received.length > 0) this.#inflate(received);
    stream.on('readable', () => this.#take());
    stream.once('end', () => this.#finish());
    stream.once('close', () => this.readable.destroy());
  }

  /** Takes from the stream while somebody wants it. */
  #take(): void {
    while (this.#wanted && this.#zlib?.writableNeedDrain !== true) {
      const octets = this.#stream.read() as Buffer | null;
      if (octets === null) return;
      this.#inflate(octets);
    }
  }

  #inflate(octets: Buffer): void {
    if (this.#zlib !== undefined) {
      this.#feed(this.#zlib, octets);
      return;
    }
    const whole = inflateWhole(octets, this.#history.octets);
    if (whole === undefined) {
      this.#zlib = this.#begin();
      this.#feed(this.#zlib, octets);
      return;
    }
    this.#history.add(whole);
    this.#give(whole);
  }

  #give(octets: Buffer): boolean {
    if (octets.length > 0) this.#wanted = this.readable.push(octets);
    return this.#wanted;
  }

  #begin(): InflateRaw {
    const zlib = createInflateRaw({
      ...withHistory(this.#history.octets),
      chunkSize: PIECE_OCTETS,
      readableHighWaterMark: PIECE_OCTETS,
      // What was received when the client ended its side is good as far as it goes.
      finishFlush: constants.Z_SYNC_FLUSH,
    } as ZlibOptions);
    zlib.on('data', (octets: Buffer) => {
      if (!this.#give(octets)) zlib.pause();
    });
    zlib.on('drain', () => this.#take());
    zlib.once('end', () => this.readable.push(null));
    zlib.on('error', (error) => this.readable.destroy(error));
    this.#since = [];
    this.#sinceOctets = 0;
    return zlib;
  }

  #feed(zlib: InflateRaw, octets: Buffer): void {
    zlib.write(octets);
    this.#cancelRest();
    this.#sinceOctets += octets.length;
    if (this.#sinceOctets > MAX_SINCE_OCTETS) this.#since = undefined;
    this.#since?.push(octets);
    if (this.#since !== undefined) this.#cancelRest = this.#clock.after(REST_MS, () => this.#rest(zlib));
  }

  /** Lets zlib go, if it has done all its work and nothing of a block is in it. */
  #rest(zlib: InflateRaw): void {
    if (this.#since === undefined || zlib.writableLength > 0 || zlib.readableLength > 0) return;
    const whole = inflateWhole(Buffer.concat(this.#since), this.#history.octets);
    if (whole === undefined) return;
    this.#history.add(whole);
    this.#since = undefined;
    this.#zlib = undefined;
    zlib.removeAllListeners();
    zlib.destroy();
  }

  #finish(): void {
    this.#cancelRest();
    if (this.#zlib === undefined) this.readable.push(null);
    else this.#zlib.end();
  }
}

/** Inflates octets that begin and end between two blocks, at the edges of octets; undefined when they do not. */
function inflateWhole(octets: Buffer, history: Buffer): Buffer | undefined {
  const input = Buffer.concat([octets, LAST_BLOCK]);
  const options = { ...withHistory(history), maxOutputLength: MAX_WHOLE_OCTETS, chunkSize: PIECE_OCTETS, info: true };
  try {
    const { buffer, engine } = inflateRawSync(input, options) as unknown as WithInfo;
    // A client that ended its compressed stream by itself may have sent more behind it.
    return engine.bytesWritten === input.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

/** What zlib gives with `info`. */
interface WithInfo {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function withHistory(history: Buffer): Pick<ZlibOptions, 'dictionary'> {
  return history.length > 0 ? { dictionary: history } : {};
}
