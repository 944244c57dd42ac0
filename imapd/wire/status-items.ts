/**
 * What STATUS, and LIST with RETURN (STATUS …), can ask of a mailbox.
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';

const statusItems = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'DELETED-STORAGE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'SIZE',
  'APPENDLIMIT',
] as const;

export type StatusItem = (typeof statusItems)[number];

/** `"(" status-att *(SP status-att) ")"` (RFC 9051 section 9); each item once, in the order asked for. */
export function parseStatusItems(cursor: Cursor): StatusItem[] {
  const items = new Set(cursor.parenthesised(() => parseStatusItem(cursor), { most: 100 }));
  if (items.size === 0) throw new SyntaxFailure('STATUS needs at least one item.');
  return [...items];
}

function parseStatusItem(cursor: Cursor): StatusItem {
  const word = cursor.atom();
  const item = statusItems.find((known) => known === word.toUpperCase());
  if (item === undefined) throw new SyntaxFailure(`Unknown status item ${nameWord(word)}.`);
  return item;
}
