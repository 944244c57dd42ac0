/**
 * The mail store of a process that serves mail, made of its settings: in mail workers and in `imapd MAILDIR`. It knows no
 * session.
 */
import { hostname } from 'node:os';
import type { Clock } from '../init/runtime/system/clock.js';
import { realFileSystem } from '../maildir/file-system.js';
import { MaildirStore } from '../maildir/maildir-store.js';
import type { SessionSettings } from './settings/session-settings.js';

/** Makes a store on the real disk; `warn` gets what the log should say. */
export function mailStore(settings: SessionSettings, clock: Clock, warn: (text: string) => void): MaildirStore {
  return new MaildirStore({
    fileSystem: realFileSystem,
    now: clock.now,
    after: clock.after,
    hostName: hostname(),
    processId: process.pid,
    durable: settings.durable,
    useLocks: settings.useLocks,
    keywords: settings.keywords,
    trashCounts: settings.trashCounts,
    warn,
  });
}
