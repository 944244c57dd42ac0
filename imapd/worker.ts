/**
 * The mail worker: one session for each stream that the runtime sends. This file is what the supervisor starts.
 *
 * Everything is in mail-server.ts; here it gets what a process has: the clock, the disk, the host's name.
 */
import type { Log } from '../init/runtime/log/log.js';
import { tellTallies, whenSomebodyLooks } from '../init/runtime/metrics/counts.js';
import { realClock } from '../init/runtime/system/real-clock.js';
import { runLoginExec } from '../init/runtime/worker/login-exec.js';
import { type MailServer, serveMail } from '../init/runtime/worker/mail-worker.js';
import { realFileSystem } from '../maildir/file-system.js';
import { tallies } from '../maildir/tallies.js';
import { cacheCounts } from './cache/cache-counts.js';
import { cacheOptions, FactCache } from './cache/fact-cache.js';
import { ImapServer } from './mail-server.js';
import { mailStore } from './mail-store.js';
import { rehearse } from './rehearsal/rehearsal.js';
import type { SessionSettings } from './settings/session-settings.js';

function start(received: unknown): MailServer {
  const settings = received as SessionSettings;
  // All sessions of a worker write to the same log; the store has something to say only when there is one.
  let log: Log | undefined;
  const store = mailStore(settings, realClock, (text) => log?.write('warning', text));
  const facts = new FactCache({
    ...cacheOptions(settings),
    fileSystem: realFileSystem,
    clock: realClock,
    warn: (text) => log?.write('warning', text),
    counts: cacheCounts(),
  });
  tellTallies(tallies);
  whenSomebodyLooks((tell) => tell.level('cache_memory_bytes', facts.heldOctets));
  const server = new ImapServer({ store, facts, fileSystem: realFileSystem, settings, clock: realClock, runLoginExec });
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
    sessions: (choice) => server.sessions(choice),
    kick: (choice) => server.kick(choice),
    lookForTraces: (choice) => server.lookForTraces(choice),
  };
}

serveMail(start, ({ settings, log, quiet }) =>
  rehearse({ settings: settings as SessionSettings, clock: realClock, log, quiet }),
);
