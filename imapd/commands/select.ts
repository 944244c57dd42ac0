/** SELECT and EXAMINE: open a mailbox and describe it, and bring a client up to date that knows it from before. */

import { MaildirError } from '../../maildir/errors.js';
import { type Completion, ok } from '../completion.js';
import { DELIMITER } from '../mailbox/mailbox-name.js';
import { warnAtSelect } from '../mailbox/quota-warning.js';
import { resynchronise } from '../mailbox/resynchronise.js';
import { SelectedMailbox, type SelectOptions } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';
import { encodeExists, encodeList, encodeRecent, encodeUntagged } from '../wire/responses.js';
import { parseSelectParameters, type SelectParameters } from '../wire/select-parameters.js';

interface SelectArguments {
  readonly mailboxName: Buffer;
  readonly readOnly: boolean;
  readonly parameters: SelectParameters;
}

/** `select = "SELECT" SP mailbox [select-params]`; `examine = "EXAMINE" SP mailbox [select-params]` */
export function parseSelect(cursor: Cursor, readOnly: boolean): SelectArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  const parameters = parseSelectParameters(cursor);
  cursor.end();
  return { mailboxName, readOnly, parameters };
}

/**
 * Closes the mailbox that was selected, without expunging and even if this one cannot be opened; then opens this one
 * and says all that RFC 3501 section 6.3.1 wants, in Courier's order.
 */
export async function select(session: Session, args: SelectArguments): Promise<Completion> {
  const { mailboxName, readOnly, parameters } = args;
  const { resync } = parameters;
  if (resync !== undefined && !session.manner.resync) throw new SyntaxFailure('QRESYNC is not enabled.');
  if (session.manner.uidsOnly && resync?.matches !== undefined) {
    throw new SyntaxFailure('Messages have no numbers.', 'UIDREQUIRED');
  }
  if (session.state === 'selected' && (session.manner.resync || session.manner.rev2)) say(session, 'CLOSED');
  session.select(undefined);
  if (parameters.condstore) await session.useModSequences();
  const mailbox = await open(session, { mailboxName, readOnly });
  session.select(mailbox);
  if (session.manner.modSequences) await mailbox.folder.sequences.keep();
  // What came meanwhile is part of what is described: the numbers below cover it.
  mailbox.changes({ expunges: true });

  session.write(mailbox.describeFlags());
  session.write(encodeExists(mailbox.count));
  if (!session.manner.rev2) session.write(encodeRecent(mailbox.recentCount));
  const unseen = session.manner.uidsOnly || session.manner.rev2 ? undefined : mailbox.firstUnseen;
  if (unseen !== undefined) say(session, `UNSEEN ${unseen}`);
  say(session, `UIDVALIDITY ${mailbox.uidValidity}`);
  say(session, `UIDNEXT ${mailbox.folder.uidNext}`);
  say(session, `MAILBOXID (${mailbox.folder.id})`);
  say(session, `HIGHESTMODSEQ ${mailbox.folder.sequences.highest}`);
  if (resync !== undefined && resync.uidValidity === mailbox.uidValidity) await resynchronise(session, resync);
  const { rev2, spoken } = session.manner;
  if (rev2) session.write(encodeList('LIST', DELIMITER, { attributes: [], name: spoken(mailboxName) }));
  const warned = warnAtSelect(session);
  if (warned !== undefined) await warned;
  return ok('Ok', mailbox.readOnly ? 'READ-ONLY' : 'READ-WRITE');
}

async function open(
  session: Session,
  { mailboxName, readOnly }: Pick<SelectArguments, 'mailboxName' | 'readOnly'>,
): Promise<SelectedMailbox> {
  const { wording } = session;
  const options = { readOnly, keywords: session.settings.keywords !== 'off', wording };
  try {
    return await openOnce(session, mailboxName, options);
  } catch (error) {
    // Others have selected it with UIDs that are void now; they end, and this session begins with the new ones.
    if (!(error instanceof MaildirError && error.kind === 'numbered anew')) throw error;
    return await openOnce(session, mailboxName, options);
  }
}

function openOnce(
  session: Session,
  mailboxName: Buffer,
  options: Omit<SelectOptions, 'place'>,
): Promise<SelectedMailbox> {
  const { place, folder } = session.folderNamed(mailboxName, 'r', 'SELECT/EXAMINE');
  return SelectedMailbox.open(folder, { ...options, place });
}

function say(session: Session, code: string): void {
  session.write(encodeUntagged({ status: 'OK', code, text: 'Ok' }));
}
