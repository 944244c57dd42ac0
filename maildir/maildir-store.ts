/**
 * MaildirStore: the maildirs that a process has open, each of them once, so that all sessions share one view.
 *
 * It knows no accounts and no settings files; its options are plain values.
 */
import type { FileSystem } from './file-system.js';
import type { Maildir } from './maildir.js';

/** What the mail store needs from outside. */
export interface MaildirOptions {
  readonly fileSystem: FileSystem;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly hostName: string;
  readonly processId: number;
  /** Whether a promise that settles means that the change survives a power cut. */
  readonly durable: boolean;
  /** Whether tmp/courier.lock is taken (IMAP_USELOCKS). */
  readonly useLocks: boolean;
  /** IMAP_KEYWORDS 0, 1 and 2. */
  readonly keywords: 'off' | 'fast' | 'safe';
  /** For the log: repairs that were made, trouble that others caused. */
  warn(text: string): void;
  /** Calls once after so many milliseconds; gives a function that cancels. Without it, a real timer is used. */
  readonly after?: (milliseconds: number, run: () => void) => () => void;
}

/** The maildirs of one process. */
export class MaildirStore {
  constructor(_options: MaildirOptions) {}

  /** @throws {MaildirError} `'not a maildir'` unless there are cur, new and tmp. */
  open(_path: string): Maildir {
    throw new Error('not built yet');
  }

  /** Brings everything to rest: journals are folded, watches and timers end. */
  async close(): Promise<void> {}
}
