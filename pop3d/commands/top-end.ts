/**
 * TopEnd: where the answer to TOP ends: behind the header, the blank line, and so many lines of the body.
 */

const LF = 0x0a;
const CR = 0x0d;

/** Is shown a message piece by piece. */
export class TopEnd {
  #bodyLines: number;
  #inHeader = true;
  /** Octets of the present line of the header, but for a CR at its beginning. */
  #lineOctets = 0;
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
    const isOnlyCr = this.#lineOctets === 0 && stop === start + 1 && octets[start] === CR;
    // A CR that begins a line of a piece, and whose LF is in the next, counts as nothing, too.
    if (!isOnlyCr) this.#lineOctets += stop - start;
    if (end < 0) return octets.length;
    if (this.#lineOctets === 0) this.#inHeader = false;
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
