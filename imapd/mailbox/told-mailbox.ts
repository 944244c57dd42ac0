/** A mailbox as it is told unasked: in a LIST response, with the name that it had before. */
import type { Session } from '../session/session.js';
import { visiblePlace } from '../sharing/visible-place.js';
import { Encoder } from '../wire/encoder.js';
import { encodeList } from '../wire/responses.js';
import { attributeWords, type MailboxTree, mailboxTree } from './mailbox-list.js';
import { DELIMITER, mailboxName } from './mailbox-name.js';
import { exactPattern } from './mailbox-pattern.js';
import { specialUses } from './special-uses.js';

/** Names are decoded. */
export interface ToldMailbox {
  readonly name: string;
  readonly oldName?: string;
}

/** The LIST response for a name as it is now. `tree` is what there is, for who has looked already. */
export function toldMailbox(session: Session, { name, oldName }: ToldMailbox, tree = ownTree(session)): Buffer {
  const { maildir, settings, space, manner } = session;
  const encoded = mailboxName(name);
  const exists = visiblePlace(session, encoded) !== undefined;
  const hasChildren = tree.parents.has(name) || sharedChildren(session, name);
  const attributes = attributeWords({ exists, hasChildren, isMarked: undefined }, { settings, extended: true });
  if (tree.subscribed.has(name) || tree.subscribedElsewhere.has(name)) attributes.push('\\Subscribed');
  const { personalNames } = space;
  if (exists) attributes.push(...(specialUses({ maildir, settings, personalNames }).get(name) ?? []));
  const { spoken } = manner;
  const extension = oldName === undefined ? undefined : oldNameItem(spoken(mailboxName(oldName)));
  return encodeList('LIST', DELIMITER, { attributes, name: spoken(encoded), extension });
}

function ownTree({ maildir, space }: Session): MailboxTree {
  return mailboxTree(maildir, { personalNames: space.personalNames });
}

/** `oldname-extended-item = "OLDNAME" SP "(" mailbox ")"` (RFC 9051 section 9) */
function oldNameItem(name: Buffer): Buffer {
  return new Encoder().atom(' ("OLDNAME" (').mailbox(name).atom('))').octets();
}

function sharedChildren(session: Session, name: string): boolean {
  for (const mailbox of session.space.sharedMailboxes([exactPattern(name)])) {
    if (mailbox?.name === name) return mailbox.hasChildren;
  }
  return false;
}
