/** A mail store for tests: on the real disk, with the real time, and nothing that only durability needs. */
import { realClock } from '../../init/runtime/system/real-clock.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { type MaildirOptions, MaildirStore } from '../../maildir/maildir-store.js';

/** Makes one; `changes` come over the usual options. */
export function testStore(changes: Partial<MaildirOptions> = {}): MaildirStore {
  return new MaildirStore({
    fileSystem: realFileSystem,
    now: realClock.now,
    hostName: 'mx.example.com',
    processId: process.pid,
    durable: false,
    useLocks: false,
    keywords: 'fast',
    warn: () => undefined,
    ...changes,
  });
}
