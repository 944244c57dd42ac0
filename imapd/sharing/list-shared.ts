/**
 * What LIST tells of shared mailboxes: those that a pattern leads to, with what the account may know of them.
 *
 * It knows no syntax of LIST, and nothing of the account's own mailboxes.
 */
import { hasRight } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import { tellMetadata } from '../mailbox/annotations.js';
import { allLevelsAbove, attributeWords, sortedByLevels } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { exactPattern, type MailboxPattern } from '../mailbox/mailbox-pattern.js';
import { statusResponse } from '../mailbox/mailbox-status.js';
import type { Session } from '../session/session.js';
import type { ListArguments } from '../wire/list-arguments.js';
import { encodeList } from '../wire/responses.js';
import { extensionFor } from './courier-acl.js';
import { folderAt, type MailboxPlace } from './mailbox-place.js';
import { myRightsLine } from './rights-wording.js';
import type { SharedMailbox } from './virtual-mailboxes.js';

/** One LIST, as far as it is about shared mailboxes. */
export interface SharedListing {
  readonly args: ListArguments;
  readonly patterns: readonly MailboxPattern[];
  /** Subscribed names of shared mailboxes. */
  readonly subscribed: ReadonlySet<string>;
}

/** Writes the LIST lines. Where nobody asks for shared mailboxes, nothing is looked at. */
export async function listShared(session: Session, listing: SharedListing): Promise<void> {
  const { args, patterns } = listing;
  if (args.selection.has('SPECIAL-USE')) return;
  if (args.selection.has('SUBSCRIBED')) {
    await listSubscribed(session, listing);
    return;
  }
  for (const mailbox of session.space.sharedMailboxes(patterns)) {
    if (mailbox !== undefined) await tell(session, mailbox, listing);
    await breathe(session);
  }
}

/** Looks only at what is subscribed, not at all accounts; what does not exist is told, too (RFC 5258 section 3.1). */
async function listSubscribed(session: Session, listing: SharedListing): Promise<void> {
  const { args, patterns, subscribed } = listing;
  const asked = (name: string): boolean => patterns.some((pattern) => pattern.matches(name));
  const above = args.selection.has('RECURSIVEMATCH') ? allLevelsAbove(subscribed) : new Set<string>();
  const names = [...subscribed, ...above].filter((name) => asked(name));
  const found = new Map<string, SharedMailbox>();
  for (const mailbox of session.space.sharedMailboxes(names.map(exactPattern))) {
    if (mailbox !== undefined) found.set(mailbox.name, mailbox);
    await breathe(session);
  }
  for (const name of sortedByLevels(new Set(names))) {
    const mailbox = found.get(name) ?? { name, place: undefined, hasChildren: false };
    await tell(session, mailbox, listing, above.has(name) ? ['SUBSCRIBED'] : []);
    await breathe(session);
  }
}

async function tell(
  session: Session,
  { name, place, hasChildren }: SharedMailbox,
  { args, subscribed }: SharedListing,
  childInfo: readonly string[] = [],
): Promise<void> {
  const facts = { exists: place !== undefined, hasChildren, isMarked: markOf(session, place) };
  const attributes = attributeWords(facts, { settings: session.settings, extended: args.extended });
  const saysSubscribed = args.returns.subscribed || args.selection.has('SUBSCRIBED');
  if (saysSubscribed && subscribed.has(name)) attributes.push('\\Subscribed');
  const encoded = mailboxName(name);
  const wireName = session.manner.spoken(encoded);
  const extension = extensionFor(args, place);
  session.write(encodeList('LIST', DELIMITER, { attributes, name: wireName, childInfo, extension }));
  if (place !== undefined && args.returns.myRights === true) session.write(myRightsLine(wireName, place));
  const { status: items, metadata } = args.returns;
  if (metadata !== undefined && place !== undefined) tellMetadata(session, encoded, metadata);
  if (items === undefined || place === undefined || !mayCount(place)) return;
  // RFC 5819 section 2: a mailbox that cannot be looked at is listed without STATUS.
  const response = await unlessImpossible(() =>
    statusResponse(session, { mailboxName: wireName, items }, folderAt(place)),
  );
  if (response !== undefined) session.write(response);
}

/** A look at a folder of links would subscribe to it, and a LIST must not subscribe to all there are. */
function mayCount({ rights, shared, maildir }: MailboxPlace): boolean {
  return hasRight(rights, 'r') && (shared === undefined || maildir.sharedFolders.isSubscribed(shared));
}

/** Undefined where nobody asks for it, or where it may not be known. */
function markOf({ settings }: Session, place: MailboxPlace | undefined): boolean | undefined {
  if (!settings.checkAllFolders || place === undefined || place.shared !== undefined) return undefined;
  if (!hasRight(place.rights, 'r')) return undefined;
  try {
    return place.maildir.hasNewOrUnseen(place.folderName);
  } catch (error) {
    if (error instanceof MaildirError) return undefined;
    throw error;
  }
}

async function unlessImpossible<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof MaildirError) return undefined;
    throw error;
  }
}

async function breathe(session: Session): Promise<void> {
  if (session.full) await session.flush();
  const turn = session.pace();
  if (turn !== undefined) await turn;
}
