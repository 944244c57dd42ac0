/**
 * SEARCH_FACTS of a message whose header nobody has looked at yet: read, put into a record, and kept.
 */
import { type FactView, type FolderFacts, SEARCH_FACTS } from '../cache/folder-facts.js';
import { headerBuffer } from '../message/field-machine.js';
import { endOfHeader, readHeader } from '../message/header.js';
import { encodeSearchFacts } from './search-facts.js';

/** Most headers are shorter, and one read gives them. Used for one message after the other, and never across a wait. */
const firstRead = headerBuffer;

/**
 * Shows the record of a message: remembered, or made from its header. Valid until the next one is made.
 *
 * @returns whether a file was opened
 * @throws {MaildirError} 'message gone'
 */
export function showSearchFacts(facts: FolderFacts, row: number, view: FactView): boolean {
  if (facts.look(row, SEARCH_FACTS, view)) return false;
  readSearchFacts(facts, row, view);
  return true;
}

/**
 * Reads a message's header and shows the record that was made of it, kept or not.
 */
function readSearchFacts(facts: FolderFacts, row: number, view: FactView): void {
  const { folder } = facts;
  const file = folder.openMessage(folder.table.uidAt(row), firstRead);
  const { sizeOctets, internalDate, inode } = file;
  try {
    const first = file.whole ?? firstRead;
    const end = endOfHeader(first) ?? (file.whole === undefined ? undefined : first.length);
    const payload = end === undefined ? encodeSearchFacts(readHeader(file)) : encodeSearchFacts(first, end);
    facts.keep(row, SEARCH_FACTS, payload, { sizeOctets, modifiedAt: internalDate, inode });
    view.octets = payload;
    view.start = 0;
    view.end = payload.length;
    view.fileOctets = sizeOctets;
    view.internalDate = internalDate;
  } finally {
    file.close();
  }
}
