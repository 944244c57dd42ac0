/** LSUB: the names that were subscribed, whether there are such folders or not. */
import { type Completion, ok } from '../completion.js';
import { allLevelsAbove, attributesOf, attributeWords, mailboxTree, sortedByLevels } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { type MailboxPattern, mailboxPattern } from '../mailbox/mailbox-pattern.js';
import type { Session } from '../session/session.js';
import type { PlainListArguments } from '../wire/list-arguments.js';
import { encodeList } from '../wire/responses.js';

/**
 * Lists subscriptions, and the levels above them as \Noselect. RFC 3501 section 6.3.9 wants those only where `%` cuts off
 * what is below; Courier lists them always, and clients that build a tree are glad of it.
 */
export async function lsub(session: Session, { reference, pattern }: PlainListArguments): Promise<Completion> {
  if (pattern.length === 0) {
    session.write(encodeList('LSUB', DELIMITER, { attributes: ['\\Noselect'], name: '' }));
    return ok('LSUB completed');
  }
  const { maildir, settings } = session;
  const { personalNames } = session.space;
  const tree = mailboxTree(maildir, { personalNames });
  const asked = mailboxPattern(reference, pattern, personalNames);
  await lsubElsewhere(session, tree.subscribedElsewhere, asked);
  for (const name of tree.names) {
    const subscribed = tree.subscribed.has(name);
    if (!(subscribed || tree.subscribedParents.has(name)) || !asked.matches(name)) continue;
    const attributes = subscribed
      ? attributesOf(name, {
          maildir,
          personalNames,
          tree,
          settings,
          extended: false,
          amongSubscriptions: true,
        }).filter((each) => each !== '\\Noselect')
      : ['\\Noselect', '\\HasChildren'];
    await session.respond(
      encodeList('LSUB', DELIMITER, { attributes, name: session.manner.spoken(mailboxName(name)) }),
    );
  }
  return ok('LSUB completed');
}

/** The same for shared mailboxes. As in Courier, a pattern that does not begin with `#` leaves out what does. */
async function lsubElsewhere(session: Session, subscribed: ReadonlySet<string>, asked: MailboxPattern): Promise<void> {
  const shared = new Set([...subscribed].filter((name) => !name.startsWith('#') || asked.prefix.startsWith('#')));
  if (shared.size === 0) return;
  const parents = allLevelsAbove(shared);
  for (const name of sortedByLevels(new Set([...shared, ...parents]))) {
    if (!asked.matches(name)) continue;
    const facts = { exists: true, hasChildren: parents.has(name), isMarked: undefined };
    const attributes = shared.has(name)
      ? attributeWords(facts, { settings: session.settings, extended: false })
      : ['\\Noselect', '\\HasChildren'];
    await session.respond(
      encodeList('LSUB', DELIMITER, { attributes, name: session.manner.spoken(mailboxName(name)) }),
    );
  }
}
