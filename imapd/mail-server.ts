/**
 * What a mail worker does with the sessions it is sent: opens the maildir, refuses or greets, and serves.
 *
 * The order and the texts are Courier's. A refusal comes before the login is answered with OK, so a client that was
 * let in has a mailbox. It knows no process and no socket.
 */
import type { MailServer, WorkerSession } from '../init/runtime/mail-worker.js';
import { diskErrors, MaildirError } from '../maildir/errors.js';
import type { FileStatus, FileSystem } from '../maildir/file-system.js';
import type { Maildir } from '../maildir/maildir.js';
import type { MaildirStore } from '../maildir/maildir-store.js';
import { parseLimits } from '../maildir/quota/quota-limits.js';
import type { FactCache } from './cache/fact-cache.js';
import { capabilityCode } from './capability.js';
import type { Clock } from './clock.js';
import { Emptying } from './emptying.js';
import { prepareFirstLogin } from './first-login.js';
import { Notices } from './notices.js';
import { serveSession } from './session/dialogue.js';
import { Session } from './session/session.js';
import { loginLine, who } from './session/session-log.js';
import { SessionTrace } from './session/trace.js';
import type { SessionSettings } from './settings/session-settings.js';
import { Sharing } from './sharing/sharing.js';
import { encodeCompletion, encodeUntagged } from './wire/responses.js';
import { SMAP_TAG } from './wire/smap-tag.js';

/** The sticky bit of a home directory: the administrator's way to lock an account for a while. */
const STICKY_BIT = 0o1000;

/** With clocks further apart than this, UIDVALIDITY and names of new messages cannot be trusted. Courier's limit. */
const MAX_CLOCK_SKEW_SECONDS = 30;

/**
 * A maildir that was looked after is not again for so long: webmail logs in for every click. Courier does it at every
 * login, for a process that serves one.
 */
const LOOKED_AFTER_MS = 60_000;

/** So many maildirs are remembered; the oldest is forgotten first. */
const MAX_LOOKED_AFTER = 10_000;

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

/** Why a session does not begin: a code for the client, a text for the client, and the truth for the log. */
class Refusal extends Error {
  readonly code: string;
  readonly logText: string | undefined;

  constructor(code: string, text: string, logText?: string) {
    super(text);
    this.code = code;
    this.logText = logText;
  }
}

/** Serves the sessions of one mail worker. */
export class ImapServer implements MailServer {
  readonly #parts: MailServerParts;
  readonly #sharing: Sharing;
  readonly #sessions = new Set<Session>();
  readonly #emptying: Emptying;
  readonly #notices: Notices;
  /** When each maildir was looked after, the oldest first. */
  readonly #lookedAfter = new Map<string, number>();
  #settings: SessionSettings;

  constructor(parts: MailServerParts) {
    this.#parts = parts;
    this.#emptying = new Emptying(parts.clock);
    this.#notices = new Notices({ ...parts, sessions: this.#sessions });
    this.#sharing = new Sharing(parts.store, parts.fileSystem);
    this.#settings = parts.settings;
  }

  /** Answers the login, and serves the client until it is gone. */
  async serve(arrived: WorkerSession): Promise<void> {
    const session = await this.#begin(arrived);
    if (session === undefined) return;
    const trace = SessionTrace.begin(session, this.#parts.fileSystem);
    try {
      await (this.#speaksSmap(arrived) ? serveSmapSession(session) : serveSession(session));
    } finally {
      trace?.close();
      this.#sessions.delete(session);
      this.#notices.end();
    }
  }

  /** Answers the login; gives nothing if that was a refusal. */
  async #begin(arrived: WorkerSession): Promise<Session | undefined> {
    const { log } = arrived;
    try {
      return this.#greeted(arrived, await this.#admit(arrived));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.logText !== undefined) log.write('error', `${error.logText}, ${who(arrived)}`);
      const { code, message } = error;
      const bye = this.#speaksSmap(arrived) ? [] : [encodeUntagged({ status: 'BYE', code, text: message })];
      arrived.stream.on('error', () => undefined);
      const answer = encodeCompletion(arrived.tag, { status: 'NO', code, text: message });
      arrived.stream.end(Buffer.concat([...bye, answer]));
      return undefined;
    }
  }

  /** Says goodbye to all sessions; each ends when it has answered the command it is at. */
  async end(): Promise<void> {
    for (const session of this.#sessions) session.input.stop();
  }

  reload(settings: unknown): void {
    this.#settings = settings as SessionSettings;
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
    this.#sessions.add(session);
    const code = capabilityCode(session.capabilityContext);
    const isSmap = this.#speaksSmap(arrived);
    if (!isSmap) this.#notices.begin(session, maildir);
    const text = isSmap ? 'SMAP1 LOGIN Ok.' : 'LOGIN Ok.';
    session.write(encodeCompletion(arrived.tag, { status: 'OK', code, text }));
    session.log.write('info', loginLine(arrived, isSmap ? 'SMAP1' : 'IMAP'));
    this.#emptying.afterLogin(arrived, maildir, this.#settings);
    return session;
  }

  /** @throws {Refusal} */
  async #admit(arrived: WorkerSession): Promise<Maildir> {
    const { account, log } = arrived;
    const shutdown = this.#notices.shutdownText(this.#settings);
    if (shutdown !== undefined) throw new Refusal('UNAVAILABLE', shutdown);
    const home = this.#lookAt(account.home);
    if (home !== undefined && (home.mode & STICKY_BIT) !== 0) {
      log.write('info', `LOCKED, ${who(arrived)}`);
      const text = 'Your account is temporarily unavailable (+t bit set on home directory).';
      throw new Refusal('UNAVAILABLE', text);
    }
    if (isSet(account.options['disableimap']))
      throw new Refusal('AUTHORIZATIONFAILED', 'IMAP access disabled for this account.');
    if (isSet(account.options['disableinsecureimap']) && !arrived.tls)
      throw new Refusal('PRIVACYREQUIRED', 'IMAP access disabled via insecure connection.');

    await this.#prepare(arrived);
    const maildir = this.#open(account.maildir);
    const quota = account.quota ?? this.#settings.siteQuota;
    maildir.quota.want(quota === undefined ? undefined : parseLimits(quota));
    await this.#parts.runLoginExec(arrived);
    this.#lookAfter(maildir, account);
    return maildir;
  }

  /** Checks whose the maildir is and what its clock says, and removes what was left in its tmp; now and then. */
  #lookAfter(maildir: Maildir, account: WorkerSession['account']): void {
    const now = this.#parts.clock.now();
    const before = this.#lookedAfter.get(account.maildir);
    if (before !== undefined && now - before < LOOKED_AFTER_MS && now >= before) return;
    if (this.#settings.sanityCheck && !maildir.ownedBy(account.uid, account.gid)) {
      const text = "Account's mailbox directory is not owned by the correct uid or gid";
      throw new Refusal('UNAVAILABLE', `${text}.`, `${text}: ${account.maildir}`);
    }
    this.#tidy(maildir);
    this.#lookedAfter.delete(account.maildir);
    this.#lookedAfter.set(account.maildir, now);
    const [oldest] = this.#lookedAfter.keys();
    if (oldest !== undefined && this.#lookedAfter.size > MAX_LOOKED_AFTER) this.#lookedAfter.delete(oldest);
  }

  #lookAt(path: string): FileStatus | undefined {
    try {
      return diskErrors(path, () => this.#parts.fileSystem.status(path));
    } catch (error) {
      throw notAvailable(error);
    }
  }

  async #prepare(arrived: WorkerSession): Promise<void> {
    try {
      await prepareFirstLogin(arrived, { ...this.#parts, settings: this.#settings });
    } catch (error) {
      throw notAvailable(error);
    }
  }

  #open(path: string): Maildir {
    try {
      return this.#parts.store.open(path);
    } catch (error) {
      throw notAvailable(error);
    }
  }

  #tidy(maildir: Maildir): void {
    try {
      maildir.purgeTmp();
      if (Math.abs(maildir.clockSkewSeconds()) <= MAX_CLOCK_SKEW_SECONDS) return;
    } catch (error) {
      // A maildir that cannot be written to can still be read.
      if (error instanceof MaildirError) return;
      throw error;
    }
    const text = 'Clock skew detected. Check the clock on the file server';
    throw new Refusal('UNAVAILABLE', text, text);
  }
}

/** Few clients speak SMAP, and those that do not need nothing of it in memory. */
async function serveSmapSession(session: Session): Promise<void> {
  const { serveSmap } = await import('./smap/dialogue.js');
  await serveSmap(session);
}

/** Bugs stay what they are. */
function notAvailable(error: unknown): unknown {
  if (!(error instanceof MaildirError)) return error;
  return new Refusal('UNAVAILABLE', 'Mailbox is not available at this time.', `${error.kind}: ${error.detail}`);
}

/** Account options are numbers; Courier takes any number but 0 for yes. */
function isSet(option: string | undefined): boolean {
  return option !== undefined && Number.parseInt(option, 10) !== 0 && !Number.isNaN(Number.parseInt(option, 10));
}
