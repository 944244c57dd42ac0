/**
 * How the few lines of SMAP look that are said before somebody is logged in (courier.md section 5.2): the client writes
 * `\SMAP1` in the place of a tag, and is answered with `+OK` and `-ERR`.
 */
import type { CompletionLine } from './responses.js';

/** In the place of the tag it says that the client speaks SMAP. */
export const SMAP_TAG = '\\SMAP1';

/** `+OK text` or `-ERR text`, with the line end of SMAP. */
export function smapLine({ status }: Pick<CompletionLine, 'status'>, text: string): Buffer {
  return Buffer.from(`${status === 'OK' ? '+OK' : '-ERR'} ${text}\n`);
}
