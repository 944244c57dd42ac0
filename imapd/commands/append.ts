/**
 * APPEND: puts messages into a folder. What is received how: append/add-messages.ts.
 */
import { addMessages, type MessageHead, parseMessageHead } from '../append/add-messages.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { appendUidCode } from '../wire/uidplus.js';

interface AppendArguments {
  readonly mailboxName: Buffer;
  readonly first: MessageHead;
}

/** `append = "APPEND" SP mailbox 1*append-message` (RFC 9051 section 9 and RFC 3502), up to the first literal. */
export function parseAppend(cursor: Cursor, { streamingLiteral }: ReceivedCommand): AppendArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  return { mailboxName, first: parseMessageHead(cursor, streamingLiteral) };
}

/** Says which UIDs the messages have (RFC 4315). */
export function append(session: Session, args: AppendArguments): Promise<Completion> {
  return addMessages(session, { ...args, command: 'APPEND' }, async ({ folder, uids }) =>
    ok('APPEND Ok.', appendUidCode(folder.uidValidity, uids)),
  );
}
