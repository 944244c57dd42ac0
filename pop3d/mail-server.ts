/**
 * What a mail worker does with the sessions it is sent: opens the maildir, refuses or greets, and serves.
 *
 * The order and the texts are Courier's. It knows no process and no socket.
 */

import { logValue } from '../init/runtime/log/log.js';
import { who } from '../init/runtime/log/session-lines.js';
import type { Clock } from '../init/runtime/system/clock.js';
import { Admission, Refusal, type RefusalKind, tellRefusal } from '../init/runtime/worker/admission.js';
import type { LiveSession, SessionChoice } from '../init/runtime/worker/live-sessions.js';
import type { MailServer, WorkerSession } from '../init/runtime/worker/mail-worker.js';
import { SessionList } from '../init/runtime/worker/session-list.js';
import { diskErrors, errorCode, MaildirError } from '../maildir/errors.js';
import type { FileSystem } from '../maildir/file-system.js';
import type { Maildir } from '../maildir/maildir.js';
import type { MaildirStore } from '../maildir/maildir-store.js';
import type { Maildrop } from '../maildir/maildrop.js';
import { makeMaildir } from '../maildir/new-maildir.js';
import { UTF8_TAG } from './before-login/login-attempt.js';
import { LoginIntervals } from './login-intervals.js';
import { serveSession } from './session/dialogue.js';
import { Session } from './session/session.js';
import { loginLine } from './session/session-log.js';
import { Traces } from './session/traces.js';
import type { SessionSettings } from './settings/session-settings.js';
import { encodeReply, err, ok, type Reply } from './wire/replies.js';

/** What the sessions of one worker share. */
export interface MailServerParts {
  readonly store: MaildirStore;
  readonly fileSystem: FileSystem;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  /** Runs `loginexec` of a maildir, if there is one. Never rejects. */
  readonly runLoginExec: (session: WorkerSession) => Promise<void>;
}

/** What a client is told that is not let in. */
const refusals: Readonly<Record<RefusalKind, Reply>> = {
  locked: err('Your account is temporarily unavailable (+t bit set on home directory).', 'SYS/TEMP'),
  disabled: err('POP3 access disabled for this account.', 'SYS/PERM'),
  'disabled without TLS': err('POP3 access disabled via insecure connection.', 'SYS/PERM'),
  'not available': err('Mailbox is not available at this time.', 'SYS/TEMP'),
  'wrong owner': err("Account's mailbox directory is not owned by the correct uid or gid.", 'SYS/PERM'),
  'clock skew': err('Clock skew detected. Check the clock on the file server', 'SYS/TEMP'),
  closed: err('The server is closed.', 'SYS/TEMP'),
};

/** Serves the sessions of one mail worker. */
export class Pop3Server implements MailServer {
  readonly #parts: MailServerParts;
  readonly #admission: Admission<Maildir>;
  readonly #intervals: LoginIntervals;
  readonly #traces: Traces;
  readonly #sessions = new SessionList<Session>({
    protocol: 'pop3',
    view: ({ idleMilliseconds }) => ({ idleMilliseconds }),
    sayGoodbye: (session, text) => session.sayGoodbye(text),
  });
  #settings: SessionSettings;
  #made = 0;

  constructor(parts: MailServerParts) {
    this.#parts = parts;
    this.#settings = parts.settings;
    this.#admission = this.#newAdmission();
    this.#intervals = new LoginIntervals(parts.clock);
    this.#traces = new Traces(parts.fileSystem);
  }

  /** Answers the login, and serves the client until it is gone. */
  async serve(arrived: WorkerSession): Promise<void> {
    const session = await this.#begin(arrived);
    if (session === undefined) return;
    this.#sessions.enter(session);
    this.#traces.look(session);
    try {
      await serveSession(session);
    } finally {
      this.#traces.end(session);
      this.#sessions.leave(session);
    }
  }

  /** Says goodbye to all sessions; each ends when it has answered the command it is at. */
  async end(): Promise<void> {
    for (const session of this.#sessions.all) session.input.stop();
  }

  reload(settings: unknown): void {
    this.#settings = settings as SessionSettings;
  }

  sessions(choice: SessionChoice): LiveSession[] {
    return this.#sessions.list(choice);
  }

  kick(choice: SessionChoice): LiveSession[] {
    return this.#sessions.kick(choice);
  }

  lookForTraces(choice: SessionChoice): LiveSession[] {
    const traced = this.#sessions.chosen(choice).filter((session) => this.#traces.look(session));
    return traced.map((session) => this.#sessions.describe(session));
  }

  /** Answers the login; gives nothing if that was a refusal. */
  async #begin(arrived: WorkerSession): Promise<Session | undefined> {
    const reply = this.#tooSoon(arrived) ?? (await this.#admitted(arrived));
    if ('maildrop' in reply) {
      const session = this.#session(arrived, reply.maildrop);
      session.write(ok('logged in.'));
      return session;
    }
    arrived.stream.on('error', () => undefined);
    arrived.stream.end(encodeReply(reply));
    return undefined;
  }

  async #admitted(arrived: WorkerSession): Promise<Reply | { readonly maildrop: Maildrop }> {
    const { log } = arrived;
    try {
      const maildir = await this.#admission.admit(arrived, this.#settings);
      const maildrop = await maildir.maildrop();
      const { trouble } = maildrop;
      if (trouble !== undefined) {
        const user = logValue(arrived.account.address);
        log.write('error', `Error while saving courierpop3dsizelist, user=${user}: ${errorCode(trouble) ?? trouble}`);
      }
      log.write('info', loginLine(arrived), arrived.sessionId);
      return { maildrop };
    } catch (error) {
      const refusal = error instanceof Refusal ? error : refusalFor(error);
      tellRefusal(arrived, refusal);
      return refusals[refusal.kind];
    }
  }

  /** LOGIN-DELAY of RFC 2449 section 6.5: clients that look for mail all the time. */
  #tooSoon({ account }: WorkerSession): Reply | undefined {
    const { loginIntervalSeconds } = this.#settings;
    const seconds = this.#intervals.secondsUntilNext(account.maildir, loginIntervalSeconds);
    if (seconds === 0) return undefined;
    return err(`Only one login in ${loginIntervalSeconds} seconds; ${seconds} are left.`, 'LOGIN-DELAY');
  }

  #session(arrived: WorkerSession, maildrop: Maildrop): Session {
    const { clock } = this.#parts;
    return new Session({ ...arrived, maildrop, settings: this.#settings, clock, utf8: arrived.tag === UTF8_TAG });
  }

  #newAdmission(): Admission<Maildir> {
    const { clock, fileSystem, runLoginExec } = this.#parts;
    return new Admission({
      clock,
      modeOf: (path) => diskErrors(path, () => fileSystem.status(path)?.mode),
      open: async (arrived) => this.#open(arrived),
      runLoginExec,
      troubleOf: (error) => (error instanceof MaildirError ? `${error.kind}: ${error.detail}` : undefined),
      disabledBy: 'disablepop3',
      disabledInsecureBy: 'disableinsecurepop3',
    });
  }

  #open(arrived: WorkerSession): Maildir {
    const { store, fileSystem } = this.#parts;
    const { maildir } = arrived.account;
    if (this.#settings.makeMaildirs && diskErrors(maildir, () => fileSystem.status(maildir)) === undefined) {
      this.#made += 1;
      makeMaildir(fileSystem, maildir, `angarium-${process.pid}-${this.#made}`);
      arrived.log.write('info', `MAILDIR MADE, ${who(arrived)}, maildir=${logValue(maildir)}`);
    }
    return store.peek(maildir);
  }
}

/** Bugs stay what they are. */
function refusalFor(error: unknown): Refusal {
  if (!(error instanceof MaildirError)) throw error;
  return new Refusal('not available', { logText: `${error.kind}: ${error.detail}` });
}
