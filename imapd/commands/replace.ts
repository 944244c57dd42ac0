/**
 * REPLACE and UID REPLACE: puts a message into a folder, and removes the one that it takes the place of (RFC 8508). So a
 * draft is saved in one step, and is never there twice or not at all.
 */
import { addMessages, type MessageHead, parseMessageHead } from '../append/add-messages.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { highestCode } from '../mailbox/highest-code.js';
import type { Session } from '../session/session.js';
import { requireSelectedRight } from '../sharing/require-right.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeUntagged } from '../wire/responses.js';
import type { SequenceSet, SetNumber } from '../wire/sequence-set.js';
import { appendUidCode } from '../wire/uidplus.js';

interface ReplaceArguments {
  readonly message: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly mailboxName: Buffer;
  readonly first: MessageHead;
}

/** `replace = "REPLACE" SP seq-number SP mailbox append-message` (RFC 8508 section 6), up to the first literal. */
export function parseReplace(
  cursor: Cursor,
  { streamingLiteral }: ReceivedCommand,
  by: ReplaceArguments['by'],
): ReplaceArguments {
  cursor.sp();
  const number: SetNumber = cursor.take('*') ? '*' : cursor.nzNumber();
  cursor.sp();
  const mailboxName = cursor.mailbox();
  const message = [{ first: number, last: number }];
  return { message, by, mailboxName, first: parseMessageHead(cursor, streamingLiteral) };
}

/** The new message is safe before the old one leaves. The EXPUNGE response is what the session announces afterwards. */
export async function replace(session: Session, { message, by, ...sent }: ReplaceArguments): Promise<Completion> {
  const mailbox = session.selected;
  if (mailbox.readOnly) throw new CommandFailure('Current box is selected READ-ONLY.', 'READ-ONLY');
  const [uid] = mailbox.pickUids(message, by);
  if (uid === undefined) throw new CommandFailure('There is no such message.', 'NONEXISTENT');
  requireSelectedRight(mailbox, 't', 'REPLACE');
  requireSelectedRight(mailbox, 'e', 'REPLACE');
  return addMessages(session, { ...sent, command: 'REPLACE' }, async ({ folder, uids }) => {
    const code = appendUidCode(folder.uidValidity, uids);
    session.write(encodeUntagged({ status: 'OK', code, text: 'Replacement stored.' }));
    await mailbox.folder.removeMessages([uid]);
    return ok('REPLACE completed.', await highestCode(session));
  });
}
