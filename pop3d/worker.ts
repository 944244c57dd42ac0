/**
 * The mail worker: one session for each stream that the runtime sends. This file is what the supervisor starts.
 *
 * Everything is in mail-server.ts; here it gets what a process has: the clock, the disk, the host's name.
 */
import { hostname } from 'node:os';
import type { Log } from '../init/runtime/log/log.js';
import { tellTallies } from '../init/runtime/metrics/counts.js';
import { realClock } from '../init/runtime/system/real-clock.js';
import { runLoginExec } from '../init/runtime/worker/login-exec.js';
import { type MailServer, serveMail } from '../init/runtime/worker/mail-worker.js';
import { realFileSystem } from '../maildir/file-system.js';
import { MaildirStore } from '../maildir/maildir-store.js';
import { tallies } from '../maildir/tallies.js';
import { Pop3Server } from './mail-server.js';
import { rehearse } from './rehearsal.js';
import type { SessionSettings } from './settings/session-settings.js';

function start(received: unknown): MailServer {
  const settings = received as SessionSettings;
  // All sessions of a worker write to the same log; the store has something to say only when there is one.
  let log: Log | undefined;
  const store = new MaildirStore({
    fileSystem: realFileSystem,
    now: realClock.now,
    after: realClock.after,
    hostName: hostname(),
    processId: process.pid,
    durable: settings.durable,
    useLocks: true,
    keywords: 'off',
    trashCounts: settings.trashCounts,
    warn: (text) => log?.write('warning', text),
  });
  tellTallies(tallies);
  const server = new Pop3Server({ store, fileSystem: realFileSystem, settings, clock: realClock, runLoginExec });
  return {
    serve(session) {
      log = session.log;
      return server.serve(session);
    },
    end: () => server.end(),
    reload: (changed) => server.reload(changed),
    sessions: (choice) => server.sessions(choice),
    kick: (choice) => server.kick(choice),
    lookForTraces: (choice) => server.lookForTraces(choice),
  };
}

serveMail(start, ({ settings, log, quiet }) =>
  rehearse({ settings: settings as SessionSettings, clock: realClock, log, quiet }),
);
