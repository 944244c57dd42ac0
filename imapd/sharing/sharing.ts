/**
 * Sharing: what all sessions of a process know of mailboxes that are not their own.
 *
 * It knows no session and nobody's rights.
 */
import type { FileSystem } from '../../maildir/file-system.js';
import type { MaildirStore } from '../../maildir/maildir-store.js';
import { SharedIndexes } from './shared-index.js';

/** So that trouble with very many accounts does not fill the memory; then old warnings may come again. */
const MAX_REMEMBERED_WARNINGS = 1000;

/** One for each process that serves mail. */
export class Sharing {
  readonly store: MaildirStore;
  readonly disk: FileSystem;
  readonly indexes: SharedIndexes;
  readonly #told = new Set<string>();

  constructor(store: MaildirStore, disk: FileSystem) {
    this.store = store;
    this.disk = disk;
    this.indexes = new SharedIndexes(disk);
  }

  /** Tells the log what it was not told before. */
  tellOnce(text: string, warn: (text: string) => void): void {
    if (this.#told.has(text)) return;
    if (this.#told.size >= MAX_REMEMBERED_WARNINGS) this.#told.clear();
    this.#told.add(text);
    warn(text);
  }
}
