/** LSUB: the names that were subscribed, whether there are such folders or not. */
import { type Completion, ok } from '../completion.js';
import { attributesOf, levelsAbove, mailboxTree } from '../mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox-name.js';
import { type MailboxPattern, mailboxPattern } from '../mailbox-pattern.js';
import type { Session } from '../session.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeList } from '../wire/responses.js';

interface LsubArguments {
  readonly reference: Buffer;
  readonly pattern: Buffer;
}

/** `lsub = "LSUB" SP mailbox SP list-mailbox` */
export function parseLsub(cursor: Cursor): LsubArguments {
  cursor.sp();
  const reference = cursor.mailbox();
  cursor.sp();
  const pattern = cursor.listMailbox();
  cursor.end();
  return { reference, pattern };
}

/**
 * Lists subscriptions. A level that is not subscribed stands for those below it that `%` cuts off, as \Noselect (RFC
 * 3501 section 6.3.9).
 */
export async function lsub(session: Session, { reference, pattern }: LsubArguments): Promise<Completion> {
  if (pattern.length === 0) {
    session.write(encodeList('LSUB', DELIMITER, { attributes: ['\\Noselect'], name: '' }));
    return ok('LSUB completed');
  }
  const { maildir, settings } = session;
  const tree = mailboxTree(maildir);
  const asked = mailboxPattern(reference, pattern);
  const stands = levelsThatStandFor(tree.subscribed, asked);
  for (const name of tree.names) {
    const subscribed = tree.subscribed.has(name) && asked.matches(name);
    if (!subscribed && !stands.has(name)) continue;
    const attributes = subscribed
      ? attributesOf(name, { maildir, tree, settings, extended: false }).filter((each) => each !== '\\Noselect')
      : ['\\Noselect', '\\HasChildren'];
    await session.respond(encodeList('LSUB', DELIMITER, { attributes, name: mailboxName(name) }));
  }
  return ok('LSUB completed');
}

function levelsThatStandFor(subscribed: ReadonlySet<string>, asked: MailboxPattern): Set<string> {
  const levels = new Set<string>();
  for (const name of subscribed) {
    if (asked.matches(name)) continue;
    for (const above of levelsAbove(name)) if (!subscribed.has(above) && asked.matches(above)) levels.add(above);
  }
  return levels;
}
