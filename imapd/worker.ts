/**
 * The mail worker: one session for each stream that the runtime sends. This file is what the supervisor starts.
 *
 * Everything is in mail-server.ts; here it gets what a process has: the clock, the disk, the host's name.
 */
import { hostname } from 'node:os';
import type { Log } from '../init/runtime/log.js';
import { runLoginExec } from '../init/runtime/login-exec.js';
import { serveMail } from '../init/runtime/mail-worker.js';
import { realFileSystem } from '../maildir/file-system.js';
import { MaildirStore } from '../maildir/maildir-store.js';
import { cacheOptions, FactCache } from './cache/fact-cache.js';
import type { Clock } from './clock.js';
import { ImapServer } from './mail-server.js';
import type { SessionSettings } from './settings/session-settings.js';

const clock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

serveMail((received) => {
  const settings = received as SessionSettings;
  // All sessions of a worker write to the same log; the store has something to say only when there is one.
  let log: Log | undefined;
  const store = new MaildirStore({
    fileSystem: realFileSystem,
    now: clock.now,
    after: clock.after,
    hostName: hostname(),
    processId: process.pid,
    durable: settings.durable,
    useLocks: settings.useLocks,
    keywords: settings.keywords,
    warn: (text) => log?.write('warning', text),
  });
  const facts = new FactCache({
    ...cacheOptions(settings),
    fileSystem: realFileSystem,
    clock,
    warn: (text) => log?.write('warning', text),
  });
  const server = new ImapServer({ store, facts, fileSystem: realFileSystem, settings, clock, runLoginExec });
  return {
    serve(session) {
      log = session.log;
      return server.serve(session);
    },
    async end() {
      await server.end();
      await facts.close();
    },
    reload: (changed) => server.reload(changed),
  };
});
