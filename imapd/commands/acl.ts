/**
 * ACL STORE, ACL SET and ACL DELETE: Courier's extension ACL2=UNION, which changes the lists of many mailboxes at once and
 * says identifiers as they stand in files.
 */
import { AclList } from '../../maildir/acl/acl-list.js';
import type { AclChange } from '../../maildir/acl/maildir-acls.js';
import { textFromOctets } from '../../maildir/file-system.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { attributesOf, attributeWords, mailboxTree } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { mailboxPattern } from '../mailbox/mailbox-pattern.js';
import type { Session } from '../session/session.js';
import { changeAcl, ownerOf } from '../sharing/acl-access.js';
import { courierListing } from '../sharing/courier-acl.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { requireRight } from '../sharing/require-right.js';
import { lettersFromText } from '../sharing/rights-wording.js';
import type { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';
import { nameWord, SyntaxFailure } from '../wire/failures.js';
import { MAX_LIST_PATTERNS } from '../wire/limits.js';
import { encodeList } from '../wire/responses.js';

const operations = ['STORE', 'SET', 'DELETE'] as const;

interface AclArguments {
  readonly operation: (typeof operations)[number];
  readonly patterns: readonly Buffer[];
  readonly change: AclChange;
}

/** More entries than a site has groups. */
const MAX_ENTRIES = 1_000;

/** `"ACL" SP ("STORE" / "SET" / "DELETE") SP (mailbox / "(" … ")") 1*(SP identifier [SP rights])` */
export function parseAcl(cursor: Cursor): AclArguments {
  cursor.sp();
  const word = cursor.atom();
  const operation = operations.find((known) => known === word.toUpperCase());
  if (operation === undefined) throw new SyntaxFailure(`Unknown ACL command ${nameWord(word)}.`);
  cursor.sp();
  const patterns =
    cursor.peekOctet() === 0x28
      ? cursor.parenthesised(() => cursor.listMailbox(), { most: MAX_LIST_PATTERNS })
      : [cursor.listMailbox()];
  const changes: AclChange[] = [];
  while (cursor.spaceBeforeMore()) {
    cursor.sp();
    changes.push(parseEntry(cursor, operation));
    if (changes.length > MAX_ENTRIES) throw new SyntaxFailure(`There are more than ${MAX_ENTRIES} entries.`);
  }
  cursor.end();
  const change: AclChange = (list) => {
    const first = operation === 'SET' ? (AclList.parse('') ?? list) : list;
    return changes.reduce((changed, one) => one(changed), first);
  };
  return { operation, patterns, change };
}

function parseEntry(cursor: Cursor, operation: AclArguments['operation']): AclChange {
  const identifier = textFromOctets(cursor.astring());
  if (operation === 'DELETE') return (list) => list.without(identifier);
  cursor.sp();
  const [, sign = '', said = ''] = /^([+-]?)(.*)$/s.exec(cursor.astring().toString('latin1')) ?? [];
  const letters = lettersFromText(said);
  if (letters === undefined) throw new SyntaxFailure(`${nameWord(said)} holds a letter that is no right.`);
  return (list) => withEntry(list, identifier, sign + letters);
}

function withEntry(list: AclList, identifier: string, rights: string): AclList {
  const changed = list.given(identifier, rights);
  if (changed === undefined) throw new CommandFailure('Invalid ACL identifier.', 'CANNOT');
  return changed;
}

/** Where one of the mailboxes cannot be changed, the client is told, and the others are. */
export async function acl(session: Session, { operation, patterns, change }: AclArguments): Promise<Completion> {
  for (const { place, attributes } of namedMailboxes(session, patterns)) {
    const name = session.manner.spoken(mailboxName(place.mailboxName));
    try {
      requireRight(place, 'a', `ACL ${operation}`);
      await changeOne(session, { place, name, change });
      const extension = courierListing(place, new Set(['ACL']));
      await session.respond(encodeList('LIST', DELIMITER, { attributes, name, extension }));
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      await session.respond(new Encoder().atom('* ACLFAILED ').mailbox(name).atom(` NO ${error.message}`).crlf());
    }
  }
  return ok(`ACL ${operation} completed.`);
}

interface NamedMailbox {
  readonly place: MailboxPlace;
  readonly attributes: readonly string[];
}

function namedMailboxes(session: Session, wanted: readonly Buffer[]): NamedMailbox[] {
  const { maildir, settings, space } = session;
  const { personalNames } = space;
  const patterns = wanted.map((pattern) => mailboxPattern(Buffer.alloc(0), pattern, personalNames));
  const tree = mailboxTree(maildir, { personalNames });
  const found: NamedMailbox[] = [];
  for (const name of tree.names) {
    const there = tree.existing.has(name) || tree.parents.has(name);
    if (!there || !patterns.some((pattern) => pattern.matches(name))) continue;
    const attributes = attributesOf(name, { maildir, personalNames, tree, settings, extended: false });
    found.push({ place: space.place(mailboxName(name)), attributes });
  }
  for (const mailbox of space.sharedMailboxes(patterns)) {
    if (mailbox?.place === undefined) continue;
    const facts = { exists: true, hasChildren: mailbox.hasChildren, isMarked: undefined };
    found.push({ place: mailbox.place, attributes: attributeWords(facts, { settings, extended: false }) });
  }
  return found;
}

interface OneChange {
  readonly place: MailboxPlace;
  readonly name: Buffer;
  readonly change: AclChange;
}

/** What nobody may store is explained, and the list stays as it is. */
async function changeOne(session: Session, { place, name, change }: OneChange): Promise<void> {
  const because = change(place.maildir.acls.list(place.folderName)).tooLittleFor(ownerOf(session, place));
  if (because === undefined) {
    await changeAcl(session, place, change);
    return;
  }
  const identifier = typeof because === 'string' ? because : because.identifier;
  const line = new Encoder().atom('* RIGHTS-INFO ').mailbox(name).sp().string(identifier);
  session.write(line.atom(' al c e i p r s t w x').crlf());
}
