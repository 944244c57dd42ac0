/**
 * DEFLATE for one client's stream (RFC 4978): what goes out is compressed and flushed with each batch of answers, what
 * comes in is inflated as it is asked for.
 *
 * The memory of an idle session counts: the compressing half is thrown away when nothing was sent for some seconds. A
 * new one goes on where it ended, because every batch ends on an octet's edge and nothing must refer to what was before.
 * It knows no protocol.
 */
import type { Duplex, Readable } from 'node:stream';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw } from 'node:zlib';
import type { Clock } from '../clock.js';

/** 48 KiB per session in place of 256, for hardly more octets: answers repeat themselves at short distances. */
const DEFLATE_WINDOW_BITS = 13;
const DEFLATE_MEMORY_LEVEL = 5;

/** Octets that come out of either half at once. A client that inflates to a thousand times more waits for its turn. */
const PIECE_OCTETS = 4_096;

/** The compressing half lives so long after it was used. */
const RELEASE_MS = 5_000;

/** Compresses batches of octets; each batch can be read whole by the client. */
export class Deflater {
  readonly #send: (octets: Buffer) => void;
  readonly #clock: Clock;
  #deflate: DeflateRaw | undefined;
  #batches = 0;
  #cancelRelease: () => void = () => {};

  /** `send` gets what is to go to the client, in order. */
  constructor(send: (octets: Buffer) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Compresses a batch; resolves when `send` has had all of it. Batches may be added while others are under way. */
  async add(octets: Buffer): Promise<void> {
    this.#cancelRelease();
    const deflate = this.#deflate ?? this.#begin();
    this.#batches += 1;
    deflate.write(octets);
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    this.#batches -= 1;
    if (this.#batches === 0) this.#cancelRelease = this.#clock.after(RELEASE_MS, () => this.release());
  }

  /** Lets the memory go. Call it when no batch is under way. */
  release(): void {
    this.#cancelRelease();
    this.#deflate?.destroy();
    this.#deflate = undefined;
  }

  #begin(): DeflateRaw {
    const deflate = createDeflateRaw({
      windowBits: DEFLATE_WINDOW_BITS,
      memLevel: DEFLATE_MEMORY_LEVEL,
      chunkSize: PIECE_OCTETS,
    });
    deflate.on('data', (octets: Buffer) => this.#send(octets));
    this.#deflate = deflate;
    return deflate;
  }
}

/**
 * Gives the inflated octets of a stream; `received` were read from it before. It takes from the stream only what is
 * asked for. It is destroyed with the stream, and by octets that are not compressed.
 */
export function inflated(stream: Duplex, received: Buffer): Readable {
  const inflate = createInflateRaw({
    chunkSize: PIECE_OCTETS,
    readableHighWaterMark: PIECE_OCTETS,
    // What was received when the client ended its side is good as far as it goes.
    finishFlush: constants.Z_SYNC_FLUSH,
  } as Parameters<typeof createInflateRaw>[0]);
  if (received.length > 0) inflate.write(received);
  stream.pipe(inflate);
  stream.once('close', () => inflate.destroy());
  return inflate;
}
