/** COMPRESS DEFLATE: both directions are compressed behind the tagged OK (RFC 4978). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';

/** `compress = "COMPRESS" SP algorithm`; there is one algorithm. */
export function parseCompress(cursor: Cursor): void {
  cursor.sp();
  if (cursor.atom().toUpperCase() !== 'DEFLATE') throw new SyntaxFailure('Only DEFLATE is known.');
  cursor.end();
}

/** Compresses from the end of its own answer on; a second time is refused, as RFC 4978 section 3 wants it. */
export async function compress(session: Session): Promise<Completion> {
  if (session.compressed) throw new CommandFailure('DEFLATE is active already.', 'COMPRESSIONACTIVE');
  session.compressAfterAnswer();
  return ok('DEFLATE active');
}
