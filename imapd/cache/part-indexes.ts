/**
 * PartIndexes: where the parts of large messages are, kept in memory for clients that fetch them piece by piece.
 *
 * The index of a smaller message is not kept: scanning it again costs less than a tenth of a millisecond, and the index
 * takes a few hundred octets per part.
 */
import type { MessageFile } from '../../maildir/folder.js';
import type { MessageIndex, Part } from '../message/mime.js';

/** Indexes of smaller messages are not kept. */
const MIN_OCTETS_OF_KEPT_INDEX = 65_536;

/** Some 16 MB: a part costs about 800 octets. */
const MAX_PARTS_HELD = 20_000;

interface Kept {
  readonly index: MessageIndex;
  readonly parts: number;
  readonly sizeOctets: number;
  readonly internalDate: number;
}

/** Keyed by the inode, since messages of one folder may be moved to another one. The least recently used is first. */
const kept = new Map<number, Kept>();
let partsHeld = 0;

/** The index that was found in this file before. */
export function keptIndex(file: MessageFile): MessageIndex | undefined {
  if (file.sizeOctets < MIN_OCTETS_OF_KEPT_INDEX) return undefined;
  const known = kept.get(file.inode);
  if (known === undefined) return undefined;
  forget(file.inode);
  if (known.sizeOctets !== file.sizeOctets || known.internalDate !== file.internalDate) return undefined;
  hold(file.inode, known);
  return known.index;
}

/** Keeps an index, if the message is large, and lets go of those that were not used for longest. */
export function keepIndex(file: MessageFile, index: MessageIndex): void {
  const { sizeOctets, internalDate, inode } = file;
  if (sizeOctets < MIN_OCTETS_OF_KEPT_INDEX) return;
  forget(inode);
  hold(inode, { index, parts: countParts(index.root), sizeOctets, internalDate });
  for (const oldest of kept.keys()) {
    if (partsHeld <= MAX_PARTS_HELD || oldest === inode) return;
    forget(oldest);
  }
}

function hold(inode: number, entry: Kept): void {
  kept.set(inode, entry);
  partsHeld += entry.parts;
}

function forget(inode: number): void {
  partsHeld -= kept.get(inode)?.parts ?? 0;
  kept.delete(inode);
}

/** Parts, the messages inside messages included. */
function countParts({ children, message }: Part): number {
  const inside = message === undefined ? 0 : countParts(message);
  return children.reduce((count, child) => count + countParts(child), 1 + inside);
}
