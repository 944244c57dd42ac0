/**
 * What a mail worker does with the sessions it is sent: opens the maildir, refuses or greets, and serves.
 *
 * The order and the texts are Courier's. A refusal comes before the login is answered with OK, so a client that was
 * let in has a mailbox. It knows no process and no socket.
 */

import type { Clock } from '../init/runtime/system/clock.js';
import { Admission, Refusal, type RefusalKind, tellRefusal } from '../init/runtime/worker/admission.js';
import type { LiveSession, SessionChoice } from '../init/runtime/worker/live-sessions.js';
import type { MailServer, WorkerSession } from '../init/runtime/worker/mail-worker.js';
import { SessionList } from '../init/runtime/worker/session-list.js';
import { diskErrors, MaildirError } from '../maildir/errors.js';
import type { FileSystem } from '../maildir/file-system.js';
import type { Maildir } from '../maildir/maildir.js';
import type { MaildirStore } from '../maildir/maildir-store.js';
import { parseLimits } from '../maildir/quota/quota-limits.js';
import type { FactCache } from './cache/fact-cache.js';
import { capabilityCode } from './capability.js';
import { Emptying } from './emptying.js';
import { prepareFirstLogin } from './first-login.js';
import { Notices } from './notices.js';
import { sayGoodbye } from './session/closing.js';
import { serveSession } from './session/dialogue.js';
import { Session } from './session/session.js';
import { loginLine } from './session/session-log.js';
import { Traces } from './session/traces.js';
import type { SessionSettings } from './settings/session-settings.js';
import { Sharing } from './sharing/sharing.js';
import { encodeCompletion, encodeUntagged } from './wire/responses.js';
import { SMAP_TAG } from './wire/smap-tag.js';

/** What the sessions of one worker share. */
export interface MailServerParts {
  readonly store: MaildirStore;
  readonly facts: FactCache;
  readonly fileSystem: FileSystem;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  /** Runs `loginexec` of a maildir, if there is one. Never rejects. */
  readonly runLoginExec: (session: WorkerSession) => Promise<void>;
}

/** What a client is told that is not let in; the texts are Courier's. */
const refusals: Readonly<Record<RefusalKind, { readonly code: string; readonly text: string }>> = {
  locked: {
    code: 'UNAVAILABLE',
    text: 'Your account is temporarily unavailable (+t bit set on home directory).',
  },
  disabled: { code: 'AUTHORIZATIONFAILED', text: 'IMAP access disabled for this account.' },
  'disabled without TLS': { code: 'PRIVACYREQUIRED', text: 'IMAP access disabled via insecure connection.' },
  'not available': { code: 'UNAVAILABLE', text: 'Mailbox is not available at this time.' },
  'wrong owner': {
    code: 'UNAVAILABLE',
    text: "Account's mailbox directory is not owned by the correct uid or gid.",
  },
  'clock skew': { code: 'UNAVAILABLE', text: 'Clock skew detected. Check the clock on the file server' },
  closed: { code: 'UNAVAILABLE', text: 'The server is closed.' },
};

/** Serves the sessions of one mail worker. */
export class ImapServer implements MailServer {
  readonly #parts: MailServerParts;
  readonly #sharing: Sharing;
  readonly #sessions = new SessionList<Session>({ protocol: 'imap', view: viewOf, sayGoodbye });
  readonly #traces: Traces;
  readonly #emptying: Emptying;
  readonly #notices: Notices;
  readonly #admission: Admission<Maildir>;
  #settings: SessionSettings;

  constructor(parts: MailServerParts) {
    this.#parts = parts;
    this.#emptying = new Emptying(parts.clock);
    this.#traces = new Traces(parts.fileSystem);
    this.#notices = new Notices({ ...parts, sessions: this.#sessions.all });
    this.#sharing = new Sharing(parts.store, parts.fileSystem);
    this.#settings = parts.settings;
    this.#admission = this.#newAdmission();
  }

  /** Answers the login, and serves the client until it is gone. */
  async serve(arrived: WorkerSession): Promise<void> {
    const session = await this.#begin(arrived);
    if (session === undefined) return;
    try {
      await (this.#speaksSmap(arrived) ? serveSmapSession(session) : serveSession(session));
    } finally {
      this.#traces.end(session);
      this.#sessions.leave(session);
      this.#notices.end();
    }
  }

  /** Answers the login; gives nothing if that was a refusal. */
  async #begin(arrived: WorkerSession): Promise<Session | undefined> {
    try {
      return this.#greeted(arrived, await this.#admit(arrived));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      tellRefusal(arrived, error);
      const { code, text } = { ...refusals[error.kind], ...(error.kind === 'closed' ? { text: error.message } : {}) };
      const bye = this.#speaksSmap(arrived) ? [] : [encodeUntagged({ status: 'BYE', code, text })];
      arrived.stream.on('error', () => undefined);
      const answer = encodeCompletion(arrived.tag, { status: 'NO', code, text });
      arrived.stream.end(Buffer.concat([...bye, answer]));
      return undefined;
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

  #speaksSmap({ tag }: WorkerSession): boolean {
    return tag === SMAP_TAG && this.#settings.smap !== undefined;
  }

  #greeted(arrived: WorkerSession, maildir: Maildir): Session {
    const { facts, clock } = this.#parts;
    const session = new Session({
      ...arrived,
      maildir,
      facts,
      settings: this.#settings,
      clock,
      sharing: this.#sharing,
    });
    const code = capabilityCode(session.capabilityContext);
    const isSmap = this.#speaksSmap(arrived);
    this.#notices.begin(session, maildir, isSmap ? '\n' : '\r\n');
    const text = isSmap ? 'SMAP1 LOGIN Ok.' : 'LOGIN Ok.';
    session.write(encodeCompletion(arrived.tag, { status: 'OK', code, text }));
    session.log.write('info', loginLine(arrived, isSmap ? 'SMAP1' : 'IMAP'), arrived.sessionId);
    this.#sessions.enter(session);
    this.#traces.look(session);
    this.#emptying.afterLogin(arrived, maildir, this.#settings);
    return session;
  }

  /** @throws {Refusal} */
  async #admit(arrived: WorkerSession): Promise<Maildir> {
    const shutdown = this.#notices.shutdownText(this.#settings);
    if (shutdown !== undefined) throw new Refusal('closed', { text: shutdown });
    return this.#admission.admit(arrived, this.#settings);
  }

  #newAdmission(): Admission<Maildir> {
    const { clock, fileSystem, runLoginExec } = this.#parts;
    return new Admission({
      clock,
      modeOf: (path) => diskErrors(path, () => fileSystem.status(path)?.mode),
      open: (arrived) => this.#open(arrived),
      runLoginExec,
      troubleOf: (error) => (error instanceof MaildirError ? `${error.kind}: ${error.detail}` : undefined),
      disabledBy: 'disableimap',
      disabledInsecureBy: 'disableinsecureimap',
    });
  }

  async #open(arrived: WorkerSession): Promise<Maildir> {
    await prepareFirstLogin(arrived, { ...this.#parts, settings: this.#settings });
    const { account } = arrived;
    const maildir = this.#parts.store.open(account.maildir);
    const quota = account.quota ?? this.#settings.siteQuota;
    maildir.quota.want(quota === undefined ? undefined : parseLimits(quota));
    return maildir;
  }
}

/** The folder under the name that its client has for it. */
function viewOf(session: Session) {
  const folder = session.state === 'selected' ? session.selected.place.mailboxName : undefined;
  return { folder, idleMilliseconds: session.idleMilliseconds };
}

/** Few clients speak SMAP, and those that do not need nothing of it in memory. */
async function serveSmapSession(session: Session): Promise<void> {
  const { serveSmap } = await import('./smap/dialogue.js');
  await serveSmap(session);
}
