/**
 * What a client has sent and nobody has read yet: cut into lines, counted octets, or dropped.
 *
 * Complete lines inside one chunk are not copied. Waiting for more, it holds a copy that is as large as what has
 * arrived, and nothing at all between two lines: thousands of idle connections have one of these each.
 */

/** Where the octets come from. */
export interface OctetSource {
  /** Gives the next octets, not necessarily all that there are; undefined when the client has gone. */
  read(): Promise<Buffer | undefined>;
}

/** A line with its LF, or the beginning of one that is longer than allowed. */
export interface UnreadLine {
  readonly kind: 'complete' | 'too long';
  readonly octets: Buffer;
}

/** Octets of a dropped line's end that are kept, because a literal may be announced there. */
const TAIL_OCTETS = 64;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** The octets between the network and the grammar. */
export class UnreadOctets {
  readonly #source: OctetSource;
  #chunk: Buffer = NOTHING;

  constructor(source: OctetSource) {
    this.#source = source;
  }

  /** Whether something was received that nobody has taken. */
  get any(): boolean {
    return this.#chunk.length > 0;
  }

  /** Gives the next line; undefined when there is none before the end. Of a line that is too long the rest stays. */
  async line(maxOctets: number): Promise<UnreadLine | undefined> {
    const held = new GrowingOctets();
    for (;;) {
      const end = this.#chunk.indexOf(LF) + 1;
      const wanted = end === 0 ? this.#chunk.length : end;
      if (held.length + wanted > maxOctets) {
        return { kind: 'too long', octets: held.with(this.#take(Math.max(maxOctets - held.length, 0))) };
      }
      if (end !== 0) return { kind: 'complete', octets: held.with(this.#take(end)) };
      held.add(this.#chunk);
      if (!(await this.#more())) return undefined;
    }
  }

  /** Gives `sizeOctets` octets; undefined when there are fewer before the end. Memory grows only as they arrive. */
  async exactly(sizeOctets: number): Promise<Buffer | undefined> {
    const held = new GrowingOctets();
    for (;;) {
      const missing = sizeOctets - held.length;
      if (this.#chunk.length >= missing) return held.with(this.#take(missing));
      held.add(this.#chunk);
      if (!(await this.#more())) return undefined;
    }
  }

  /** Gives at least one octet and at most `maxOctets`; undefined at the end. */
  async some(maxOctets: number): Promise<Buffer | undefined> {
    if (this.#chunk.length === 0 && !(await this.#more())) return undefined;
    return this.#take(Math.min(maxOctets, this.#chunk.length));
  }

  /** Drops octets as they arrive; false when there are fewer before the end. */
  async drop(sizeOctets: number): Promise<boolean> {
    for (let left = sizeOctets; ; ) {
      left -= this.#take(Math.min(left, this.#chunk.length)).length;
      if (left === 0) return true;
      if (!(await this.#more())) return false;
    }
  }

  /** Drops the rest of a line whose beginning ended in `tail`; gives the line's last octets, undefined at the end. */
  async dropLine(tail: Buffer): Promise<Buffer | undefined> {
    let last = tail;
    for (;;) {
      const end = this.#chunk.indexOf(LF) + 1;
      const octets = this.#take(end === 0 ? this.#chunk.length : end);
      last = Buffer.concat([last, octets.subarray(-TAIL_OCTETS)]).subarray(-TAIL_OCTETS);
      if (end !== 0) return last;
      if (!(await this.#more())) return undefined;
    }
  }

  /** Takes what has arrived. */
  takeAll(): Buffer {
    return this.#take(this.#chunk.length);
  }

  /** Waits for the next chunk, when the present one is used up. */
  async #more(): Promise<boolean> {
    this.#chunk = NOTHING;
    for (;;) {
      const chunk = await this.#source.read();
      if (chunk === undefined) return false;
      this.#chunk = chunk;
      if (chunk.length > 0) return true;
    }
  }

  #take(sizeOctets: number): Buffer {
    const taken = this.#chunk.subarray(0, sizeOctets);
    this.#chunk = sizeOctets === this.#chunk.length ? NOTHING : this.#chunk.subarray(sizeOctets);
    return taken;
  }
}

/** Octets collected from many small chunks, doubling, so that each is copied a few times at most. */
class GrowingOctets {
  #buffer: Buffer = NOTHING;
  length = 0;

  add(octets: Buffer): void {
    const needed = this.length + octets.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.length);
      this.#buffer = grown;
    }
    octets.copy(this.#buffer, this.length);
    this.length = needed;
  }

  /** Gives all octets with the last ones; without a copy when there is nothing else. */
  with(last: Buffer): Buffer {
    if (this.length === 0) return last;
    this.add(last);
    return this.#buffer.subarray(0, this.length);
  }
}
