/**
 * Which mailboxes a command is about that takes several: `personal`, `subtree ("INBOX.a" "INBOX.b")` (RFC 5465 section 6,
 * RFC 7377 section 2.2). It knows no mailbox.
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { parseReturnOptions, type ReturnOptions } from './return-options.js';
import { parseCharset, parseKeys, type SearchKey } from './search-keys.js';

const plainFilters = ['selected', 'selected-delayed', 'inboxes', 'personal', 'subscribed'] as const;
const namedFilters = ['subtree', 'subtree-one', 'mailboxes'] as const;

/** Some mailboxes. */
export type MailboxFilter =
  | { readonly kind: (typeof plainFilters)[number] }
  | { readonly kind: (typeof namedFilters)[number]; readonly names: readonly Buffer[] };

/** No site has so many roots of mailboxes that somebody would name them one by one. */
const MAX_NAMES = 1_000;

/** `filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other` */
export function parseMailboxFilter(cursor: Cursor): MailboxFilter {
  const word = cursor.atom();
  const plain = plainFilters.find((known) => known === word.toLowerCase());
  if (plain !== undefined) return { kind: plain };
  const named = namedFilters.find((known) => known === word.toLowerCase());
  if (named === undefined) throw new SyntaxFailure(`Unknown mailboxes ${nameWord(word)}.`);
  cursor.sp();
  if (cursor.peekOctet() !== 0x28) return { kind: named, names: [cursor.mailbox()] };
  const names = cursor.parenthesised(() => cursor.mailbox(), { most: MAX_NAMES });
  if (names.length === 0) throw new SyntaxFailure(`${word} needs a mailbox.`);
  return { kind: named, names };
}

/** What ESEARCH searches, and for what. */
export interface MultiSearchProgram {
  readonly filters: readonly MailboxFilter[];
  readonly return: ReturnOptions;
  readonly charset: string | undefined;
  readonly key: SearchKey;
}

const MAX_FILTERS = 100;

/** `esearch = "ESEARCH" [SP "IN" SP "(" source-mbox ")"] [search-return-opts] SP search-program`, from behind the name. */
export function parseMultiSearch(cursor: Cursor): MultiSearchProgram {
  const filters = cursor.take(' IN ')
    ? cursor.parenthesised(() => parseMailboxFilter(cursor), { most: MAX_FILTERS })
    : [{ kind: 'selected' as const }];
  if (filters.length === 0) throw new SyntaxFailure('IN needs mailboxes.');
  const options = parseReturnOptions(cursor) ?? { words: ['ALL' as const] };
  cursor.sp();
  const charset = parseCharset(cursor);
  const key = parseKeys(cursor);
  const wrong = options.words.find((word) => word === 'SAVE' || word === 'UPDATE' || word === 'RELEVANCY');
  if (wrong !== undefined) throw new SyntaxFailure(`ESEARCH has no ${wrong}.`);
  if (countsMessages(key)) throw new SyntaxFailure('Sequence numbers mean nothing in several mailboxes.');
  return { filters, return: options, charset, key };
}

/** Whether a key has sequence numbers, or what was saved of one mailbox. */
function countsMessages(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(countsMessages);
  if (key.kind === 'not' || key.kind === 'fuzzy') return countsMessages(key.key);
  return key.kind === 'sequence set' || (key.kind === 'uid' && key.set === '$');
}
