/**
 * DEFLATE for what goes to one client (RFC 4978 section 3): each batch of answers is compressed by itself and can be read
 * by itself.
 *
 * The memory of an idle session counts: zlib is there while a batch is compressed, and then gone. A batch may refer to
 * the end of what was sent before, which the client has; that is all that is kept. It knows no protocol.
 */
import { promisify } from 'node:util';
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { OctetTail } from './octet-tail.js';

/** So much of what was sent is kept: with 8,192 octets, answers to one message at a time are smaller by a twentieth. */
const KEPT_OCTETS = 2_048;

/** A smaller batch is compressed at once, in less time than it takes to give it to a thread. */
const MAX_AT_ONCE_OCTETS = 16_384;

/** What zlib works with, for a batch that is compressed at once: 48 KiB in place of 256, for the same octets. */
const SMALL: ZlibOptions = { windowBits: 13, memLevel: 5, chunkSize: 4_096 };
const LARGE: ZlibOptions = { chunkSize: 65_536 };

const deflateInThread = promisify(deflateRaw) as (octets: Buffer, options: ZlibOptions) => Promise<Buffer>;

/** Compresses batches of octets; each batch can be read whole by the client. */
export class Deflater {
  readonly #send: (octets: Buffer) => void;
  /** The end of what was sent, before it was compressed. */
  readonly #kept = new OctetTail(KEPT_OCTETS);
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** `send` gets what is to go to the client, in order. */
  constructor(send: (octets: Buffer) => void) {
    this.#send = send;
  }

  /** Compresses a batch; resolves when `send` has had all of it. Batches may be added while others are under way. */
  add(octets: Buffer): Promise<void> {
    if (this.#waiting === 0 && octets.length <= MAX_AT_ONCE_OCTETS) {
      this.#send(deflateRawSync(octets, this.#options(SMALL)));
      this.#kept.add(octets);
      return Promise.resolve();
    }
    this.#waiting += 1;
    this.#last = this.#addLarge(this.#last, octets);
    return this.#last;
  }

  async #addLarge(before: Promise<void>, octets: Buffer): Promise<void> {
    try {
      await before;
      this.#send(await deflateInThread(octets, this.#options(LARGE)));
      this.#kept.add(octets);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Every batch ends on an octet's edge, with nothing held back, and never with the end of the stream. */
  #options(options: ZlibOptions): ZlibOptions {
    const { octets } = this.#kept;
    return { ...options, ...(octets.length > 0 ? { dictionary: octets } : {}), finishFlush: constants.Z_SYNC_FLUSH };
  }
}
