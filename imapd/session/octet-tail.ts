/**
 * The last octets of a stream, up to a number, in memory that grows with what there is. It knows nothing of what they are.
 */

/** There is room for so many tails, so that few additions move what is there. */
const ROOM = 1.25;

const FIRST_OCTETS = 256;

/** A tail of so many octets at the most. */
export class OctetTail {
  readonly #mostOctets: number;
  #room: Buffer = Buffer.alloc(0);
  #end = 0;

  constructor(mostOctets: number) {
    this.#mostOctets = mostOctets;
  }

  /** A view, good until the next addition. */
  get octets(): Buffer {
    return this.#room.subarray(Math.max(0, this.#end - this.#mostOctets), this.#end);
  }

  /** Adds octets at the end; the first ones go if they are too many. */
  add(octets: Buffer): void {
    const added = octets.subarray(-this.#mostOctets);
    if (this.#end + added.length > this.#room.length) this.#makeRoom(added.length);
    this.#end += added.copy(this.#room, this.#end);
  }

  #makeRoom(octets: number): void {
    const kept = this.octets.subarray(-Math.max(1, this.#mostOctets - octets));
    const wanted = Math.min(2 * (kept.length + octets), this.#mostOctets * ROOM);
    const fits = wanted <= this.#room.length;
    const room = fits ? this.#room : Buffer.allocUnsafeSlow(Math.max(FIRST_OCTETS, wanted));
    this.#end = kept.copy(room);
    this.#room = room;
  }
}
