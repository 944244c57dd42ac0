/** LIST, with LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819) and SPECIAL-USE (RFC 6154). */
import { MaildirError } from '../../maildir/errors.js';
import { type Completion, ok } from '../completion.js';
import { type AttributeOptions, attributesOf, levelsAbove, mailboxTree, specialUses } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { type MailboxPattern, mailboxPattern } from '../mailbox/mailbox-pattern.js';
import { statusResponse } from '../mailbox/mailbox-status.js';
import type { Session } from '../session/session.js';
import type { ListArguments } from '../wire/list-arguments.js';
import { encodeList } from '../wire/responses.js';

/** One LIST on its way. */
interface Listing extends AttributeOptions {
  readonly args: ListArguments;
  readonly patterns: readonly MailboxPattern[];
  readonly uses: ReadonlyMap<string, readonly string[]>;
  /** Levels above subscribed names that the patterns leave out: RECURSIVEMATCH lists them for their sake. */
  readonly aboveSubscribed: ReadonlySet<string>;
}

/** RFC 9051 section 6.3.9. */
export async function list(session: Session, args: ListArguments): Promise<Completion> {
  if (!args.extended && args.patterns[0]?.length === 0) {
    session.write(encodeList('LIST', DELIMITER, { attributes: ['\\Noselect'], name: '' }));
    return ok('LIST completed');
  }
  const listing = prepare(session, args);
  const names = listing.tree.names.filter((name) => listing.patterns.some((pattern) => pattern.matches(name)));
  for (const [index, name] of names.entries()) {
    if (args.returns.status !== undefined && index % FOLDERS_AT_ONCE === 0) {
      await lookAhead(session, listing, names.slice(index, index + FOLDERS_AT_ONCE));
    }
    await listOne(session, listing, name);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return ok('LIST completed');
}

/** Folders that are looked at together: those that have no UID list yet get theirs in the same rounds of syncing. */
const FOLDERS_AT_ONCE = 16;

/** Brings folders up to date, so that their STATUS is answered from memory. What cannot be looked at is told later. */
async function lookAhead({ maildir }: Session, { tree }: Listing, names: readonly string[]): Promise<void> {
  const looks = names.map(async (name) => {
    if (tree.existing.has(name)) await maildir.folder(name).counts({ sizes: false });
  });
  await Promise.allSettled(looks);
}

function prepare({ maildir, settings }: Session, args: ListArguments): Listing {
  const patterns = args.patterns.map((pattern) => mailboxPattern(args.reference, pattern));
  const tree = mailboxTree(maildir);
  const aboveSubscribed = new Set<string>();
  if (args.selection.has('RECURSIVEMATCH')) {
    for (const name of tree.subscribed) for (const above of levelsAbove(name)) aboveSubscribed.add(above);
  }
  return {
    args,
    patterns,
    tree,
    aboveSubscribed,
    uses: specialUses(settings),
    maildir,
    settings,
    extended: args.extended,
  };
}

async function listOne(session: Session, listing: Listing, name: string): Promise<void> {
  const { args, tree } = listing;
  const uses = tree.existing.has(name) ? (listing.uses.get(name) ?? []) : [];
  const childInfo = listing.aboveSubscribed.has(name) ? ['SUBSCRIBED'] : [];
  if (!isSelected(listing, name, uses) && childInfo.length === 0) return;

  const attributes = attributesOf(name, listing);
  const saysSubscribed = args.returns.subscribed || args.selection.has('SUBSCRIBED');
  if (saysSubscribed && tree.subscribed.has(name)) attributes.push('\\Subscribed');
  const wireName = mailboxName(name);
  const mailbox = { attributes: [...attributes, ...uses], name: wireName, childInfo };
  await session.respond(encodeList('LIST', DELIMITER, mailbox));
  const items = args.returns.status;
  if (items === undefined || !tree.existing.has(name)) return;
  try {
    await session.respond(await statusResponse(session, { folderName: name, mailboxName: wireName, items }));
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
