/**
 * A message as it lies in its file, read piece by piece.
 *
 * Lines of the file end in LF or CRLF. On the wire each LF without a CR before it becomes CRLF; all other octets, lone
 * CR, NUL and 8-bit ones included, stay what they are.
 */

export interface MessageSource {
  /** Octets of the file. */
  readonly sizeOctets: number;
  /** Gives `length` octets from `position`, fewer only at the end. `reused` may be filled with them and given back. */
  read(position: number, length: number, reused?: Buffer): Buffer;
}

/** A message that is in memory already. */
export function sourceOf(octets: Buffer): MessageSource {
  return {
    sizeOctets: octets.length,
    read: (position, length) => octets.subarray(position, position + length),
  };
}
