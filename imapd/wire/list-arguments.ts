/**
 * The arguments of LIST: the plain form, LIST-EXTENDED (RFC 5258) and LIST-STATUS (RFC 5819).
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { MAX_LIST_PATTERNS } from './limits.js';
import { parseEntries } from './metadata-arguments.js';
import { parseStatusItems, type StatusItem } from './status-items.js';

const selectionOptions = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'] as const;

export type ListSelection = (typeof selectionOptions)[number];

export interface ListReturns {
  readonly subscribed: boolean;
  readonly children: boolean;
  readonly specialUse: boolean;
  readonly status?: readonly StatusItem[];
  /** LIST-MYRIGHTS (RFC 8440). */
  readonly myRights?: boolean;
  /** LIST-METADATA (RFC 9590): names of annotations. */
  readonly metadata?: readonly string[];
}

const courierItems = ['ACL', 'MYRIGHTS', 'POSTADDRESS'] as const;

/** What `LIST (ACL MYRIGHTS POSTADDRESS)`, Courier's own form, adds to each line. */
export type CourierListItem = (typeof courierItems)[number];

export interface ListArguments {
  readonly selection: ReadonlySet<ListSelection>;
  readonly courierItems: ReadonlySet<CourierListItem>;
  readonly reference: Buffer;
  /** At least one; one empty pattern asks for the delimiter. */
  readonly patterns: readonly Buffer[];
  readonly returns: ListReturns;
  /** Any of LIST-EXTENDED's syntax was used. */
  readonly extended: boolean;
}

/** `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`, from the first space to the end. */
export function parseList(cursor: Cursor): ListArguments {
  cursor.sp();
  const hasSelection = cursor.peekOctet() === 0x28;
  const selection = new Set<ListSelection>();
  const items = new Set<CourierListItem>();
  if (hasSelection) {
    const options = cursor.parenthesised(() => parseSelection(cursor), { most: 100 });
    for (const option of options) {
      if (isCourierItem(option)) items.add(option);
      else selection.add(option);
    }
    cursor.sp();
  }
  if (selection.has('RECURSIVEMATCH') && !selection.has('SUBSCRIBED'))
    throw new SyntaxFailure('RECURSIVEMATCH needs SUBSCRIBED.');

  const reference = cursor.mailbox();
  cursor.sp();
  const hasPatterns = cursor.peekOctet() === 0x28;
  const patterns = hasPatterns
    ? cursor.parenthesised(() => cursor.listMailbox(), { most: MAX_LIST_PATTERNS })
    : [cursor.listMailbox()];
  if (patterns.length === 0) throw new SyntaxFailure('LIST needs at least one pattern.');

  const hasReturns = cursor.take(' RETURN ');
  const returns = hasReturns ? parseReturns(cursor) : noReturns;
  cursor.end();
  const extended = (hasSelection && items.size === 0) || hasPatterns || hasReturns;
  return { selection, courierItems: items, reference, patterns, returns, extended };
}

/** The arguments of LSUB and XLIST, which have no extended form. */
export interface PlainListArguments {
  readonly reference: Buffer;
  readonly pattern: Buffer;
}

/** `SP mailbox SP list-mailbox` */
export function parsePlainList(cursor: Cursor): PlainListArguments {
  cursor.sp();
  const reference = cursor.mailbox();
  cursor.sp();
  const pattern = cursor.listMailbox();
  cursor.end();
  return { reference, pattern };
}

const noReturns: ListReturns = { subscribed: false, children: false, specialUse: false };

function isCourierItem(option: ListSelection | CourierListItem): option is CourierListItem {
  return courierItems.some((known) => known === option);
}

function parseSelection(cursor: Cursor): ListSelection | CourierListItem {
  const word = cursor.atom();
  const option = [...selectionOptions, ...courierItems].find((known) => known === word.toUpperCase());
  if (option === undefined) throw new SyntaxFailure(`Unknown selection option ${nameWord(word)}.`);
  return option;
}

/** `"(" [return-option *(SP return-option)] ")"` */
function parseReturns(cursor: Cursor): ListReturns {
  const options = cursor.parenthesised(() => parseReturn(cursor), { most: 100 });
  return Object.assign({}, noReturns, ...options);
}

function parseReturn(cursor: Cursor): Partial<ListReturns> {
  const word = cursor.atom();
  switch (word.toUpperCase()) {
    case 'SUBSCRIBED':
      return { subscribed: true };
    case 'CHILDREN':
      return { children: true };
    case 'SPECIAL-USE':
      return { specialUse: true };
    case 'MYRIGHTS':
      return { myRights: true };
    case 'METADATA':
      cursor.sp();
      if (cursor.peekOctet() !== 0x28) throw cursor.failure('a list of annotations');
      return { metadata: parseEntries(cursor) };
    case 'STATUS':
      cursor.sp();
      return { status: parseStatusItems(cursor) };
    default:
      throw new SyntaxFailure(`Unknown return option ${nameWord(word)}.`);
  }
}
