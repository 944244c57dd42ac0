/**
 * The mailboxes that filters name (RFC 5465 section 6), each once. Whether this account may read them is not asked here.
 */
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { MailboxFilter } from '../wire/mailbox-filter.js';
import { decodeMailboxName } from '../wire/modified-utf7.js';
import { mailboxTree } from './mailbox-list.js';
import { DELIMITER, mailboxName, withInboxInCapitals } from './mailbox-name.js';
import { mailboxPattern } from './mailbox-pattern.js';

/** Names as they are said to clients; those of the filter `selected` are not among them. */
export async function filteredMailboxes(session: Session, filters: readonly MailboxFilter[]): Promise<Buffer[]> {
  const tree = mailboxTree(session.maildir, { personalNames: session.space.personalNames });
  const names = new Set<string>();
  const add = (some: Iterable<string>): void => {
    for (const name of some) names.add(name);
  };
  for (const filter of filters) {
    switch (filter.kind) {
      case 'selected':
      case 'selected-delayed':
        break;
      case 'inboxes':
        add(['INBOX']);
        break;
      case 'personal':
        add(tree.existing);
        break;
      case 'subscribed':
        add([...tree.subscribed].filter((name) => tree.existing.has(name)));
        add(tree.subscribedElsewhere);
        break;
      case 'mailboxes':
        add(filter.names.flatMap((name) => decodedName(name) ?? []));
        break;
      case 'subtree':
      case 'subtree-one':
        for (const name of filter.names) add(await subtree(session, tree.existing, name, filter.kind === 'subtree'));
    }
  }
  return Array.from(names, mailboxName);
}

/** A mailbox and what is below it; one level or all. */
async function subtree(
  session: Session,
  existing: ReadonlySet<string>,
  root: Buffer,
  deep: boolean,
): Promise<readonly string[]> {
  const name = decodedName(root);
  if (name === undefined || /[*%]/.test(name)) return [];
  const below = Buffer.concat([mailboxName(name), Buffer.from(DELIMITER), Buffer.from(deep ? '*' : '%')]);
  const pattern = mailboxPattern(Buffer.alloc(0), below, session.space.personalNames);
  const names = [name, ...[...existing].filter((each) => pattern.matches(each))];
  await paced(session, sharedBelow(session, [pattern], names));
  return names;
}

function* sharedBelow(
  session: Session,
  patterns: readonly ReturnType<typeof mailboxPattern>[],
  names: string[],
): Generator<void, void> {
  for (const shared of session.space.sharedMailboxes(patterns)) {
    if (shared === undefined) yield;
    else if (shared.place !== undefined) names.push(shared.name);
  }
}

function decodedName(name: Buffer): string | undefined {
  const decoded = decodeMailboxName(name);
  return decoded && withInboxInCapitals(decoded);
}
