/**
 * Asking an identity provider over HTTP: what its answers may be, and what went wrong in one line.
 */

/** Gives the text of an answer, and reads no more of it than that. @throws {Error} It is longer. */
export async function limitedText(response: Response, maxOctets: number): Promise<string> {
  const pieces: Buffer[] = [];
  let octets = 0;
  for await (const piece of response.body ?? []) {
    octets += piece.length;
    if (octets > maxOctets) throw new Error('the answer is too long');
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Tells why a request failed; fetch() hides what happened in `cause`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
