/** CREATE: makes a folder. */
import { MaildirError } from '../../maildir/errors.js';
import type { Maildir } from '../../maildir/maildir.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { giveRoles, knownRoles, requireRoom } from '../mailbox/special-uses.js';
import type { Session } from '../session/session.js';
import { requireCreation } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';

interface CreateArguments {
  readonly mailboxName: Buffer;
  /** What the mailbox is to be used for, as the client wrote it. */
  readonly uses: readonly string[];
}

/** RFC 6154 has five of them that can be given. */
const MAX_USES = 100;

/** `create = "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]` (RFC 6154 section 6) */
export function parseCreate(cursor: Cursor): CreateArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  const uses = cursor.spaceBeforeMore() ? parseParameters(cursor) : [];
  cursor.end();
  return { mailboxName, uses };
}

/** `create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"` */
function parseParameters(cursor: Cursor): string[] {
  cursor.sp();
  const parameters = cursor.parenthesised(
    () => {
      cursor.expect('USE ');
      return cursor.parenthesised(() => parseUse(cursor), { most: MAX_USES });
    },
    { most: 1 },
  );
  return parameters.flat();
}

function parseUse(cursor: Cursor): string {
  cursor.expect('\\');
  return `\\${cursor.atom()}`;
}

/**
 * Makes the folder. Levels above it that do not exist stay \Noselect. A name that ends in the delimiter only announces
 * that folders below it will follow, and as in Courier there is nothing to do for it (RFC 9051 section 6.3.4).
 */
export async function create(session: Session, { mailboxName, uses }: CreateArguments): Promise<Completion> {
  const place = session.space.placeOfNew(mailboxName);
  const { maildir, folderName } = place;
  const branchOnly = mailboxName.at(-1) === 0x2e;
  if (folderName === 'INBOX' && !branchOnly) throw new CommandFailure('INBOX already exists!', 'ALREADYEXISTS');
  requireCreation(place);
  const roles = knownRoles(uses);
  if (roles.length > 0) requireRoom(place);
  const text = `"${mailboxName.toString('latin1')}" created.`;
  if (branchOnly) return ok(text);
  session.notifications?.own(place.mailboxName);
  await maildir.createFolder(folderName);
  if (roles.length > 0) await giveRolesOrDelete(session, folderName, roles);
  return ok(text, `MAILBOXID (${await idOf(maildir, folderName)})`);
}

/** RFC 6154 section 3: a mailbox that cannot be used so is not made. */
async function giveRolesOrDelete(session: Session, folderName: string, roles: readonly string[]): Promise<void> {
  try {
    await giveRoles(folderName, roles, session);
  } catch (error) {
    await session.maildir.deleteFolder(folderName);
    throw error;
  }
}

/** RFC 8474 section 4.2. */
async function idOf(maildir: Maildir, folderName: string): Promise<string> {
  const folder = maildir.folder(folderName);
  try {
    await folder.refresh();
    return folder.id;
  } catch (error) {
    // Others had selected a folder of this name that somebody removed: the next object is of this one.
    if (!(error instanceof MaildirError && error.kind === 'numbered anew')) throw error;
    const fresh = maildir.folder(folderName);
    await fresh.refresh();
    return fresh.id;
  }
}
