/** GETMETADATA: annotations of a mailbox, or of the server (RFC 5464 section 4.2). */
import { type Completion, ok } from '../completion.js';
import { annotatedThing, findAnnotations } from '../mailbox/annotations.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import {
  encodeMetadata,
  type MetadataQuestion,
  parseEntries,
  parseMetadataOptions,
} from '../wire/metadata-arguments.js';

interface GetMetadataArguments extends MetadataQuestion {
  readonly mailboxName: Buffer;
}

/** `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries` */
export function parseGetMetadata(cursor: Cursor): GetMetadataArguments {
  cursor.sp();
  let options = parseMetadataOptions(cursor);
  if (options !== undefined) cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.sp();
  const behind = cursor.position;
  if (options === undefined && cursor.peekOctet() === 0x28) options = optionsOrEntries(cursor);
  if (cursor.position > behind) cursor.sp();
  const entries = parseEntries(cursor);
  cursor.end();
  return { mailboxName, entries, ...(options ?? { depth: 0, maxSize: undefined }) };
}

/** Behind the mailbox, names of annotations begin with a slash, or a quote, and options with a letter. */
function optionsOrEntries(cursor: Cursor): ReturnType<typeof parseMetadataOptions> {
  return /[dm]/i.test(String.fromCharCode(cursor.peekOctet(1) ?? 0)) ? parseMetadataOptions(cursor) : undefined;
}

/** What is not set is told as NIL; what is longer than the client wants is left out, and its size told. */
export async function getMetadata(
  session: Session,
  { mailboxName, ...question }: GetMetadataArguments,
): Promise<Completion> {
  const { entries, longest } = findAnnotations(session, annotatedThing(session, mailboxName), question);
  if (entries.length > 0) session.write(encodeMetadata(session.manner.spoken(mailboxName), entries));
  return ok('GETMETADATA completed.', longest === undefined ? undefined : `METADATA LONGENTRIES ${longest}`);
}
