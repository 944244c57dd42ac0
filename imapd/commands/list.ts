/** LIST, with LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819) and SPECIAL-USE (RFC 6154). */
import { MaildirError } from '../../maildir/errors.js';
import type { CurStatuses, Maildir } from '../../maildir/maildir.js';
import { type Completion, ok } from '../completion.js';
import { tellMetadata } from '../mailbox/annotations.js';
import { type AttributeOptions, attributesOf, levelsAbove, mailboxTree } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName, type PersonalNames } from '../mailbox/mailbox-name.js';
import { type MailboxPattern, mailboxPattern } from '../mailbox/mailbox-pattern.js';
import { asksForSizes, type CountedFolder, statusOf } from '../mailbox/mailbox-status.js';
import { specialUses } from '../mailbox/special-uses.js';
import type { ItemsAsked, ToldLines } from '../mailbox/told-lines.js';
import type { Session } from '../session/session.js';
import { asksForRights, extensionFor } from '../sharing/courier-acl.js';
import { listShared } from '../sharing/list-shared.js';
import { myRightsLine } from '../sharing/rights-wording.js';
import type { ListArguments } from '../wire/list-arguments.js';
import { encodeList } from '../wire/responses.js';

/** One LIST on its way. */
interface Listing extends AttributeOptions {
  readonly personalNames: PersonalNames;
  readonly args: ListArguments;
  readonly patterns: readonly MailboxPattern[];
  readonly uses: ReadonlyMap<string, readonly string[]>;
  /** Levels above subscribed names that the patterns leave out: RECURSIVEMATCH lists them for their sake. */
  readonly aboveSubscribed: ReadonlySet<string>;
  /** For STATUS: what was seen of the folders when they were listed. */
  readonly curStatuses: CurStatuses | undefined;
  /** For STATUS: what is asked. */
  readonly asked: ItemsAsked | undefined;
}

/** The same with what is said. */
interface ListingInLines extends Listing {
  readonly lines: Lines;
}

/** RFC 9051 section 6.3.9. */
export async function list(session: Session, args: ListArguments): Promise<Completion> {
  if (!args.extended && args.patterns[0]?.length === 0) {
    session.write(encodeList('LIST', DELIMITER, { attributes: ['\\Noselect'], name: '' }));
    return ok('LIST completed');
  }
  const lines = new Lines(session);
  const listing = { ...prepare(session, args), lines };
  const names = listing.tree.names.filter((name) => listing.patterns.some((pattern) => pattern.matches(name)));
  const looks = listing.asked === undefined ? undefined : new Looks(session.maildir, listing, names);
  try {
    for (const [index, name] of names.entries()) {
      const listed = listOne(session, listing, { name, look: looks?.take(index) });
      if (listed !== undefined) await listed;
      if (session.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
  } finally {
    lines.pass();
  }
  await listShared(session, { args, patterns: listing.patterns, subscribed: listing.tree.subscribedElsewhere });
  return ok('LIST completed');
}

/** So much is collected before it is passed on. */
const PASSED_OCTETS = 16 * 1024;

/** Lines that were put together before: most of a long list goes out in a few pieces. */
class Lines {
  readonly #session: Session;
  #text = '';

  constructor(session: Session) {
    this.#session = session;
  }

  add(line: string): void {
    this.#text += line;
    if (this.#text.length >= PASSED_OCTETS) this.pass();
  }

  /** To be called before anybody else writes. */
  pass(): void {
    if (this.#text !== '') this.#session.write(Buffer.from(this.#text, 'latin1'));
    this.#text = '';
  }
}

/** Folders that are looked at together: those that have no UID list yet get theirs in the same rounds of syncing. */
const FOLDERS_AT_ONCE = 32;

type Look = CountedFolder | Promise<CountedFolder> | undefined;

/** Looks at folders some way ahead of where they are told of. */
class Looks {
  readonly #maildir: Maildir;
  readonly #listing: Listing;
  readonly #names: readonly string[];
  readonly #ahead: Look[] = [];
  #next = 0;

  constructor(maildir: Maildir, listing: Listing, names: readonly string[]) {
    this.#maildir = maildir;
    this.#listing = listing;
    this.#names = names;
  }

  /** The look at the next name; undefined if there is no folder. Names are taken in their order. */
  take(index: number): Look {
    const end = Math.min(this.#names.length, index + FOLDERS_AT_ONCE);
    for (; this.#next < end; this.#next += 1) this.#ahead.push(this.#look(this.#names[this.#next] ?? ''));
    return this.#ahead.shift();
  }

  #look(name: string): Look {
    if (!this.#listing.tree.existing.has(name)) return undefined;
    try {
      const { folderName } = this.#listing.tree.told.of(name);
      const folder = this.#maildir.listedFolder(folderName);
      const counts = folder.countsAtHand(this.#listing.curStatuses?.get(folderName));
      if (counts !== undefined) return { folder, counts };
      const soon = folder.counts({ sizes: false }).then((found) => ({ folder, counts: found }));
      // Whoever takes it hears of a failure.
      soon.catch(() => undefined);
      return soon;
    } catch (error) {
      // What cannot be looked at is listed without STATUS; a bug is told when this is taken.
      const failed = Promise.reject<CountedFolder>(error);
      failed.catch(() => undefined);
      return failed;
    }
  }
}

function prepare({ maildir, settings, space }: Session, args: ListArguments): Listing {
  const { personalNames } = space;
  const patterns = args.patterns.map((pattern) => mailboxPattern(args.reference, pattern, personalNames));
  const curStatuses: CurStatuses | undefined = args.returns.status && new Map();
  const tree = mailboxTree(maildir, { personalNames, curStatuses });
  const aboveSubscribed = new Set<string>();
  if (args.selection.has('RECURSIVEMATCH')) {
    for (const name of tree.subscribed) for (const above of levelsAbove(name)) aboveSubscribed.add(above);
  }
  const items = args.returns.status;
  return {
    args,
    patterns,
    tree,
    curStatuses,
    asked: items && { items, text: items.join(' ') },
    aboveSubscribed,
    uses: specialUses({ maildir, settings, personalNames }),
    personalNames,
    maildir,
    settings,
    extended: args.extended,
  };
}

const NO_WORDS: readonly string[] = [];
const ABOVE_SUBSCRIBED: readonly string[] = ['SUBSCRIBED'];

/** A promise only if there is something to wait for. */
function listOne(
  session: Session,
  listing: ListingInLines,
  { name, look }: { readonly name: string; readonly look: Look },
): Promise<void> | undefined {
  const { args, tree, lines, asked } = listing;
  const uses = (tree.existing.has(name) ? listing.uses.get(name) : undefined) ?? NO_WORDS;
  const childInfo = listing.aboveSubscribed.has(name) ? ABOVE_SUBSCRIBED : NO_WORDS;
  if (!isSelected(listing, name, uses) && childInfo.length === 0) return undefined;

  const attributes = attributesOf(name, listing);
  const saysSubscribed = args.returns.subscribed || args.selection.has('SUBSCRIBED');
  if (saysSubscribed && tree.subscribed.has(name)) attributes.push('\\Subscribed');
  for (const use of uses) attributes.push(use);
  const told = tree.told.of(name);
  if (asksForRights(args) || args.returns.metadata !== undefined || childInfo.length > 0) {
    lines.pass();
    tellMore(session, listing, { name, attributes, childInfo });
  } else lines.add(told.list(attributes, session.manner));
  if (asked === undefined || look === undefined) return undefined;
  if (!(look instanceof Promise || asksForSizes(asked.items))) {
    lines.add(told.status(asked, look.counts, session.manner));
    return undefined;
  }
  lines.pass();
  return tellLater(session, { told, asked }, look);
}

/** One mailbox whose line is not like most lines, or not alone. */
function tellMore(
  session: Session,
  { args, tree }: Listing,
  { name, attributes, childInfo }: { name: string; attributes: readonly string[]; childInfo: readonly string[] },
): void {
  const encoded = mailboxName(name);
  const wireName = session.manner.spoken(encoded);
  const rights = asksForRights(args) ? session.space.place(encoded) : undefined;
  const extension = rights === undefined ? undefined : extensionFor(args, rights);
  session.write(encodeList('LIST', DELIMITER, { attributes, name: wireName, childInfo, extension }));
  if (rights !== undefined && args.returns.myRights === true) session.write(myRightsLine(wireName, rights));
  const { metadata } = args.returns;
  if (metadata !== undefined && tree.existing.has(name)) tellMetadata(session, encoded, metadata);
}

async function tellLater(
  session: Session,
  { told, asked }: { readonly told: ToldLines; readonly asked: ItemsAsked },
  look: CountedFolder | Promise<CountedFolder>,
): Promise<void> {
  const { items } = asked;
  try {
    const counted = await look;
    if (!asksForSizes(items)) {
      session.write(Buffer.from(told.status(asked, counted.counts, session.manner), 'latin1'));
      return;
    }
    const question = { mailboxName: session.manner.spoken(mailboxName(told.name)), items };
    session.write(await statusOf(session, question, counted));
  } catch (error) {
    // RFC 5819 section 2: a mailbox that cannot be looked at is listed without STATUS.
    if (!(error instanceof MaildirError)) throw error;
  }
}

/** Whether a name that matches a pattern is what the selection options ask for. */
function isSelected({ args, tree }: Listing, name: string, uses: readonly string[]): boolean {
  if (args.selection.has('SPECIAL-USE') && uses.length === 0) return false;
  if (args.selection.has('SUBSCRIBED')) return tree.subscribed.has(name);
  return tree.existing.has(name) || tree.parents.has(name);
}
