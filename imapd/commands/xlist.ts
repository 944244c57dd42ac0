/**
 * XLIST: what Gmail had before SPECIAL-USE, for phones and programs of those years that ask for nothing else.
 *
 * It is LIST in its plain form, with the roles of mailboxes in the words of that time: \Inbox, \AllMail, \Spam, \Starred.
 */
import { type Completion, ok } from '../completion.js';
import { attributesOf, mailboxTree } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { mailboxPattern } from '../mailbox/mailbox-pattern.js';
import { specialUses } from '../mailbox/special-uses.js';
import type { Session } from '../session/session.js';
import type { PlainListArguments } from '../wire/list-arguments.js';
import { encodeList } from '../wire/responses.js';

/** What RFC 6154 calls otherwise; \Drafts, \Sent and \Trash are the same. */
const olderWords: ReadonlyMap<string, string> = new Map([
  ['\\All', '\\AllMail'],
  ['\\Junk', '\\Spam'],
  ['\\Flagged', '\\Starred'],
]);

/** Tells the account's own mailboxes. */
export async function xlist(session: Session, { reference, pattern }: PlainListArguments): Promise<Completion> {
  const { maildir, settings } = session;
  const { personalNames } = session.space;
  const tree = mailboxTree(maildir, { personalNames });
  const uses = specialUses({ maildir, settings, personalNames });
  const asked = mailboxPattern(reference, pattern, personalNames);
  for (const name of tree.names) {
    const isListed = tree.existing.has(name) || tree.parents.has(name);
    if (!isListed || !asked.matches(name)) continue;
    const roles = tree.existing.has(name) ? (uses.get(name) ?? []) : [];
    const words = name === 'INBOX' ? ['\\Inbox'] : roles.map((role) => olderWords.get(role) ?? role);
    const attributes = [...attributesOf(name, { maildir, personalNames, tree, settings, extended: false }), ...words];
    await session.respond(
      encodeList('XLIST', DELIMITER, { attributes, name: session.manner.spoken(mailboxName(name)) }),
    );
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return ok('XLIST completed');
}
