/**
 * TopEnd: where the answer to TOP ends: behind the header, the blank line, and so many lines of the body.
 */

const LF = 0x0a;
const CR = 0x0d;

/** Is shown a message piece by piece. */
export class TopEnd {
  #bodyLines: number;
  #inHeader = true;
  /** Octets of the present line of the header. */
  #lineOctets = 0;
  #beginsWithCr = false;
  #reached = false;

  constructor(bodyLines: number) {
    this.#bodyLines = bodyLines;
  }

  get reached(): boolean {
    return this.#reached;
  }

  /** Gives how much of the next octets is wanted. */
  within(octets: Buffer): number {
    let at = 0;
    while (at < octets.length && !this.#reached) {
      if (this.#inHeader) at = this.#passHeaderLine(octets, at);
      else at = this.#passBodyLine(octets, at);
      if (!this.#inHeader && this.#bodyLines === 0) this.#reached = true;
    }
    return at;
  }

  #passHeaderLine(octets: Buffer, start: number): number {
    const end = octets.indexOf(LF, start);
    const stop = end < 0 ? octets.length : end;
    if (this.#lineOctets === 0) this.#beginsWithCr = octets[start] === CR;
    this.#lineOctets += stop - start;
    if (end < 0) return octets.length;
    const isBlank = this.#lineOctets === 0 || (this.#lineOctets === 1 && this.#beginsWithCr);
    if (isBlank) this.#inHeader = false;
    this.#lineOctets = 0;
    return end + 1;
  }

  #passBodyLine(octets: Buffer, start: number): number {
    const end = octets.indexOf(LF, start);
    if (end < 0) return octets.length;
    this.#bodyLines -= 1;
    return end + 1;
  }
}
