/**
 * Writes changed keywords to the disk, for a few messages or for many.
 *
 * In fast mode the keywords of a message are changed from what this process knows, and written as a file of its own. In
 * safe mode (IMAP_KEYWORDS=2) the folder's lock is taken and the change is made to what is on the disk at that moment.
 */
import { uniqueNameOf } from './filename.js';
import type { FlagChange } from './flags.js';
import type { FolderState } from './folder-state.js';
import { applyKeywords, changedKeywords, checkKeywordRoom, keywordsInUse, sharing } from './keyword-state.js';
import type { KeywordEntry } from './keyword-text.js';
import { safeKeyword } from './keyword-text.js';
import { withLock } from './lock.js';

/** From this many messages on, one new list under the lock costs less than a synced file for each. */
const MANY_MESSAGES = 32;
/** An update that is in the way is aged by loading; somebody else may have put the next one there. */
const MAX_TRIES = 50;

/** Changes the keywords of messages, on the disk and in memory. It must run in the folder's turn. */
export async function changeKeywords(state: FolderState, uids: readonly number[], asked: FlagChange): Promise<boolean> {
  if (state.surroundings.keywords === 'off' || asked.within?.keywords === false) return false;
  const change = { operation: asked.operation, keywords: asked.keywords.map(safeKeyword) };
  if (change.operation !== 'remove') checkKeywordRoom(state, change.keywords);
  const wanted = wantedKeywords(state, uids, change);
  if (wanted.size === 0) return false;
  const many = wanted.size > MANY_MESSAGES && state.surroundings.useLocks;
  if (state.surroundings.keywords === 'safe' || many) {
    await withLock(state.surroundings, state.paths.tmp, async () => {
      const entries = await loadFresh(state);
      const fresh = wantedKeywords(state, uids, change);
      if (many) await writeMany(state, entries, fresh);
      else await writeFew(state, uids, change);
      remember(state, fresh);
    });
  } else {
    await writeFew(state, uids, change);
  }
  return true;
}

type Wanted = Map<number, KeywordEntry>;

/** What messages are to have, by UID; only those whose keywords change. */
function wantedKeywords(
  state: FolderState,
  uids: readonly number[],
  change: Pick<FlagChange, 'operation' | 'keywords'>,
): Wanted {
  const share = sharing();
  const wanted: Wanted = new Map();
  for (const uid of uids) {
    const row = state.rows.table.rowOf(uid);
    if (row < 0) continue;
    const before = state.rows.keywordsAt(row);
    const keywords = changedKeywords(state, before, change);
    if (keywords !== before) wanted.set(uid, { baseName: state.rows.baseNameAt(row), keywords: share(keywords) });
  }
  return wanted;
}

async function loadFresh(state: FolderState): ReturnType<FolderState['keywordFiles']['load']> {
  const exists = (uniqueName: string): boolean => state.rows.knows(uniqueName);
  const entries = await state.keywordFiles.load(exists, state.writable);
  applyKeywords(state, entries);
  return entries;
}

async function writeFew(
  state: FolderState,
  uids: readonly number[],
  change: Pick<FlagChange, 'operation' | 'keywords'>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const wanted = wantedKeywords(state, uids, change);
    let inTheWay = false;
    for (const [uid, entry] of wanted) {
      if (await state.keywordFiles.writeUpdate(entry)) remember(state, new Map([[uid, entry]]));
      else inTheWay = true;
    }
    if (!inTheWay || tries >= MAX_TRIES) return;
    await loadFresh(state);
  }
}

async function writeMany(
  state: FolderState,
  entries: Map<string, KeywordEntry>,
  wanted: ReadonlyMap<number, KeywordEntry>,
): Promise<void> {
  const changed = new Set<string>();
  for (const entry of wanted.values()) {
    const uniqueName = uniqueNameOf(entry.baseName);
    entries.set(uniqueName, entry);
    changed.add(uniqueName);
  }
  await state.keywordFiles.writeAll(entries, changed);
}

function remember(state: FolderState, wanted: ReadonlyMap<number, KeywordEntry>): void {
  if (wanted.size === 0) return;
  const change = state.nextChange();
  for (const [uid, { keywords }] of wanted) {
    const row = state.rows.table.rowOf(uid);
    if (row < 0) continue;
    state.rows.setKeywords(row, keywords);
    state.rows.setChangedAt(row, change);
  }
  keywordsInUse(state);
}

/** Messages that are about to be added, and their keywords. */
type NewWithKeywords = readonly { readonly baseName: string; readonly keywords: readonly string[] }[];

/**
 * Writes the keywords of messages before they appear in cur, so that nobody sees them without. The folder's lock must
 * be held, or not be used at all.
 *
 * @returns what remains to be done when they are in cur: the keywords of very many messages are one list, and a list
 *   names only messages that are there
 */
export async function keywordsOfNew(
  state: FolderState,
  messages: NewWithKeywords,
): Promise<(() => Promise<void>) | undefined> {
  const marked = messages.filter(({ keywords }) => keywords.length > 0);
  if (marked.length > MANY_MESSAGES && state.surroundings.useLocks) return () => listKeywordsOfNew(state, marked);
  // The names are new, so no update can be in the way.
  for (const message of marked) await state.keywordFiles.writeUpdate(message);
  return undefined;
}

async function listKeywordsOfNew(state: FolderState, marked: NewWithKeywords): Promise<void> {
  const entries = await loadFresh(state);
  for (const message of marked) entries.set(uniqueNameOf(message.baseName), message);
  await state.keywordFiles.writeAll(entries, new Set());
}
