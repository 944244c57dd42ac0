/**
 * The mailboxes of an account as LIST and LSUB see them: folders that exist, subscriptions, and the levels above both.
 *
 * It knows names and attributes; it reads no arguments and writes no response.
 */
import type { CurStatuses, Maildir } from '../../maildir/maildir.js';
import { SHARED_PREFIX } from '../../maildir/shared-folders.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { belowInbox, DELIMITER, PERSONAL_PREFIX, type PersonalNames, withInboxInCapitals } from './mailbox-name.js';
import { ToldMailboxes } from './told-lines.js';

/** What there is to list, by the names that clients see. */
export interface MailboxTree {
  readonly existing: ReadonlySet<string>;
  readonly subscribed: ReadonlySet<string>;
  /** Folders, subscriptions and all levels above them, sorted, INBOX first. */
  readonly names: readonly string[];
  /** Names that have a folder, or a level that leads to one, below them. */
  readonly parents: ReadonlySet<string>;
  /** Names that have a subscription below them. */
  readonly subscribedParents: ReadonlySet<string>;
  /** Subscriptions of shared mailboxes. */
  readonly subscribedElsewhere: ReadonlySet<string>;
  /** What was said of them. */
  readonly told: ToldMailboxes;
}

/** How a tree is made. */
export interface TreeOptions {
  /** Folder names where absent. */
  readonly personalNames?: PersonalNames | undefined;
  /** See Maildir.listFolders(). */
  readonly curStatuses?: CurStatuses | undefined;
}

/** A tree, and what it was made from. */
interface KnownTree {
  readonly tree: MailboxTree;
  readonly personalNames: PersonalNames;
  readonly subscriptions: readonly string[];
  readonly elsewhere: readonly string[];
}

/** By the folders: they are the same array while nobody makes or removes one, and forgotten with it. */
const knownTrees = new WeakMap<readonly string[], KnownTree>();

/** Reads the account's folders and subscriptions. While they stay the same, it is the same tree. */
export function mailboxTree(
  maildir: Maildir,
  { personalNames = belowInbox, curStatuses }: TreeOptions = {},
): MailboxTree {
  const folders = maildir.listFolders(curStatuses);
  const subscriptions = maildir.subscriptions();
  const elsewhere = maildir.sharedFolders.subscriptions();
  const known = knownTrees.get(folders);
  if (known?.personalNames === personalNames && isSame(known.subscriptions, subscriptions)) {
    if (isSame(known.elsewhere, elsewhere)) return known.tree;
  }
  const tree = treeOf(folders, { personalNames, subscriptions, elsewhere });
  knownTrees.set(folders, { tree, personalNames, subscriptions, elsewhere });
  return tree;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function treeOf(
  folders: readonly string[],
  { personalNames, subscriptions, elsewhere }: Omit<KnownTree, 'tree'>,
): MailboxTree {
  const existing = new Set(personalNames === belowInbox ? folders : folders.map(personalNames.mailboxName));
  const subscribed = new Set<string>();
  const subscribedElsewhere = new Set<string>();
  for (const name of subscriptions.map(withInboxInCapitals)) {
    if (name === 'INBOX' || name.startsWith(PERSONAL_PREFIX)) subscribed.add(personalNames.mailboxName(name));
    // Of filesystem shared mailboxes, only directories count.
    else if (!name.startsWith(SHARED_PREFIX)) subscribedElsewhere.add(name);
  }
  for (const name of elsewhere) subscribedElsewhere.add(name);
  const all = new Set(existing);
  for (const name of subscribed) all.add(name);
  const parents = allLevelsAbove(existing);
  const subscribedParents = allLevelsAbove(subscribed);
  for (const above of parents) all.add(above);
  for (const above of subscribedParents) all.add(above);
  const names = sortedByLevels(all);
  if (personalNames !== belowInbox) names.sort((one, other) => Number(other === 'INBOX') - Number(one === 'INBOX'));
  const told = new ToldMailboxes(personalNames);
  return { existing, subscribed, parents, subscribedParents, subscribedElsewhere, names, told };
}

/** Every level above names, up to the first. */
export function allLevelsAbove(names: ReadonlySet<string>): Set<string> {
  const all = new Set<string>();
  for (const name of names) {
    // What is above a level that was met was met with it.
    let dot = name.lastIndexOf(DELIMITER);
    for (let above = name.slice(0, dot); dot > 0 && !all.has(above); above = name.slice(0, dot)) {
      all.add(above);
      dot = above.lastIndexOf(DELIMITER);
    }
  }
  return all;
}

/** `INBOX.a.b` -> `INBOX.a`, `INBOX`. */
export function levelsAbove(name: string): string[] {
  const levels: string[] = [];
  for (let dot = name.lastIndexOf(DELIMITER); dot > 0; dot = name.lastIndexOf(DELIMITER, dot - 1)) {
    levels.push(name.slice(0, dot));
  }
  return levels;
}

/** Sorted so that a folder comes right before those below it. */
export function sortedByLevels(names: Iterable<string>): string[] {
  const keys = Array.from(names, (name) => name.replaceAll(DELIMITER, '\u0000')).sort();
  return keys.map((key) => key.replaceAll('\u0000', DELIMITER));
}

/** How attributes are said. */
export interface AttributeOptions {
  readonly maildir: Maildir;
  readonly personalNames?: PersonalNames;
  readonly tree: MailboxTree;
  readonly settings: Pick<SessionSettings, 'checkAllFolders' | 'obsoleteClient'>;
  /** LIST-EXTENDED was used, so the client knows \NonExistent. */
  readonly extended: boolean;
  /** LSUB: subscriptions count as children, whether there are such folders or not. */
  readonly amongSubscriptions?: boolean;
}

/** Attributes of a personal mailbox. */
export function attributesOf(name: string, options: AttributeOptions): string[] {
  const { maildir, tree, settings, amongSubscriptions, personalNames = belowInbox } = options;
  const exists = tree.existing.has(name);
  const looked = exists && (name === 'INBOX' || settings.checkAllFolders);
  const hasChildren = tree.parents.has(name) || (amongSubscriptions === true && tree.subscribedParents.has(name));
  const isMarked = looked ? maildir.hasNewOrUnseen(personalNames.folderName(name) ?? name) : undefined;
  return attributeWords({ exists, hasChildren, isMarked }, options);
}

/** What attributes tell of a mailbox. */
export interface AttributeFacts {
  readonly exists: boolean;
  readonly hasChildren: boolean;
  /** Undefined: nobody looked. */
  readonly isMarked: boolean | undefined;
}

/** Attributes in Courier's order: \Noselect \Unmarked \Marked \HasNoChildren \Noinferiors \HasChildren. */
export function attributeWords(
  { exists, hasChildren, isMarked }: AttributeFacts,
  { settings, extended }: Pick<AttributeOptions, 'settings' | 'extended'>,
): string[] {
  const attributes: string[] = [];
  if (!exists) attributes.push(extended ? '\\NonExistent' : '\\Noselect');
  if (isMarked !== undefined) attributes.push(isMarked ? '\\Marked' : '\\Unmarked');
  if (settings.obsoleteClient) {
    if (!hasChildren) attributes.push('\\Noinferiors');
  } else {
    attributes.push(hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  }
  return attributes;
}
