/**
 * What every part of the mail store is given: the options, plus unique names and ways to wait made from them.
 */
import { UniqueNames } from './filename.js';
import { RememberedEntries } from './folder-entries.js';
import { KeptMaildrops } from './kept-maildrops.js';
import { LockQueues } from './lock.js';
import { LockFiles } from './lock-files.js';
import type { MaildirOptions } from './maildir-store.js';
import { Polls } from './polls.js';
import { ReservedUidValidities } from './uid-validity.js';
import { realTimer } from './watch.js';

/** The options of the store with all that follows from them. */
export interface Surroundings extends MaildirOptions {
  readonly names: UniqueNames;
  readonly folderEntries: RememberedEntries;
  readonly uidValidities: ReservedUidValidities;
  readonly lockQueues: LockQueues;
  readonly lockFiles: LockFiles;
  readonly maildrops: KeptMaildrops;
  readonly polls: Polls;
  readonly after: (milliseconds: number, run: () => void) => () => void;
  wait(milliseconds: number): Promise<void>;
  /** Like warn(), but a text that was logged before is not logged again. */
  warnOnce(text: string): void;
}

/** So that trouble in a million folders does not fill the memory; then old warnings may come again. */
const MAX_REMEMBERED_WARNINGS = 1_000;

/** Completes the options. */
export function surroundingsFrom(options: MaildirOptions): Surroundings {
  const warned = new Set<string>();
  const after = options.after ?? realTimer;
  return {
    ...options,
    warn: (text) => options.warn(text),
    after,
    names: new UniqueNames(options),
    folderEntries: new RememberedEntries(options.now),
    uidValidities: new ReservedUidValidities(),
    lockQueues: new LockQueues(),
    lockFiles: new LockFiles(),
    maildrops: new KeptMaildrops(),
    polls: new Polls({ now: options.now, after }),
    wait: (milliseconds) => new Promise((resolve) => void after(milliseconds, resolve)),
    warnOnce(text) {
      if (warned.has(text)) return;
      if (warned.size >= MAX_REMEMBERED_WARNINGS) warned.clear();
      warned.add(text);
      options.warn(text);
    },
  };
}
