/** SETMETADATA: sets and removes annotations (RFC 5464 section 4.3). */
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { annotatedThing, setAnnotations } from '../mailbox/annotations.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { type EntryValue, parseEntryValues } from '../wire/metadata-arguments.js';

interface SetMetadataArguments {
  readonly mailboxName: Buffer;
  readonly values: readonly EntryValue[];
}

/** `setmetadata = "SETMETADATA" SP mailbox SP entry-values` */
export function parseSetMetadata(cursor: Cursor): SetMetadataArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.sp();
  const values = parseEntryValues(cursor);
  cursor.end();
  return { mailboxName, values };
}

/** All of them or none; they are on the disk when this is answered. */
export async function setMetadata(
  session: Session,
  { mailboxName, values }: SetMetadataArguments,
): Promise<Completion> {
  try {
    const thing = annotatedThing(session, mailboxName);
    session.notifications?.own(thing.place?.mailboxName ?? '');
    await setAnnotations(session, thing, values);
  } catch (error) {
    if (!(error instanceof MaildirError) || error.kind !== 'too many annotations') throw error;
    throw new CommandFailure('The mailbox has too many annotations.', 'METADATA TOOMANY');
  }
  return ok('SETMETADATA completed.');
}
