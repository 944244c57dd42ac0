/**
 * FETCH responses, streamed: small ones are collected in one buffer, large literals pass through in pieces.
 *
 * It knows no message and no session; what it writes has been formatted by others. A literal is announced with a number
 * of octets, and exactly so many are written, or LiteralFailure is thrown and the connection cannot go on.
 */
import { Encoder } from './encoder.js';

/** Octets that are produced while they are sent. */
export interface StreamedLiteral {
  readonly sizeOctets: number;
  readonly pieces: Iterable<Buffer>;
}

/** One item of a FETCH response with its value, ready for the wire: text as it is, or the content of a literal. */
export interface FetchAnswer {
  /** `RFC822.SIZE`, `BODY[1.MIME]<0>`. */
  readonly name: string;
  readonly value: string | Buffer | StreamedLiteral;
}

/** Where the octets go. `flush` sends them and waits for a slow client. */
export interface FetchOutput {
  write(octets: Buffer): void;
  flush(): Promise<void>;
  pace(): Promise<void> | undefined;
}

/** What was announced cannot be sent: the file has become shorter. Nothing that follows would be understood. */
export class LiteralFailure extends Error {
  override readonly name = 'LiteralFailure';
}

/** Responses are collected up to this size: few writes, and no more memory than a socket buffers anyway. */
const BATCH_OCTETS = 32_768;

/** A literal up to this size is collected like everything else; a larger one is passed on piece by piece. */
const MAX_COLLECTED_LITERAL_OCTETS = 65_536;

/** Writes FETCH responses one after the other. `end` must follow the last. */
export class FetchWriter {
  readonly #output: FetchOutput;
  #batch = new Encoder(BATCH_OCTETS * 2);

  constructor(output: FetchOutput) {
    this.#output = output;
  }

  /**
   * Writes `* 4 FETCH (UID 9 FLAGS (\Seen))`.
   *
   * @returns a promise only when there is something to wait for.
   * @throws {LiteralFailure} also by the promise
   */
  message(sequenceNumber: number, answers: readonly FetchAnswer[]): Promise<void> | undefined {
    this.#batch.raw(`* ${sequenceNumber} FETCH (`);
    for (const [index, answer] of answers.entries()) {
      if (index > 0) this.#batch.sp();
      if (isLarge(answer)) return this.#messageFrom(answers, index);
      this.#small(answer);
    }
    this.#endMessage();
    return undefined;
  }

  /** Hands over what is collected. */
  end(): void {
    if (this.#batch.length === 0) return;
    this.#output.write(this.#batch.octets());
    this.#batch = new Encoder(BATCH_OCTETS * 2);
  }

  async #messageFrom(answers: readonly FetchAnswer[], start: number): Promise<void> {
    for (const [index, answer] of answers.slice(start).entries()) {
      if (index > 0) this.#batch.sp();
      if (isLarge(answer)) await this.#large(answer.name, answer.value);
      else this.#small(answer);
    }
    this.#endMessage();
  }

  #endMessage(): void {
    this.#batch.raw(')\r\n');
    if (this.#batch.length >= BATCH_OCTETS) this.end();
  }

  #small({ name, value }: FetchAnswer): void {
    this.#batch.raw(name).sp();
    if (typeof value === 'string' || Buffer.isBuffer(value)) {
      this.#batch.raw(value);
      return;
    }
    this.#batch.literalHead(value.sizeOctets);
    const end = this.#batch.length + value.sizeOctets;
    for (const piece of value.pieces) this.#batch.raw(piece);
    if (this.#batch.length !== end) throw new LiteralFailure(mismatch(value.sizeOctets));
  }

  async #large(name: string, { sizeOctets, pieces }: StreamedLiteral): Promise<void> {
    this.#batch.raw(name).sp().literalHead(sizeOctets);
    this.end();
    let leftOctets = sizeOctets;
    for (const piece of pieces) {
      leftOctets -= piece.length;
      if (leftOctets < 0) throw new LiteralFailure(mismatch(sizeOctets));
      this.#output.write(piece);
      // One piece at a time: collected pieces would be copied once more, and wait for the garbage collector.
      await this.#output.flush();
      const turn = this.#output.pace();
      if (turn !== undefined) await turn;
    }
    if (leftOctets !== 0) throw new LiteralFailure(mismatch(sizeOctets));
  }
}

function isLarge(answer: FetchAnswer): answer is FetchAnswer & { readonly value: StreamedLiteral } {
  const { value } = answer;
  return typeof value === 'object' && !Buffer.isBuffer(value) && value.sizeOctets > MAX_COLLECTED_LITERAL_OCTETS;
}

function mismatch(sizeOctets: number): string {
  return `a literal of ${sizeOctets} octets was announced and the message has other octets now`;
}
