/**
 * Admission: whether an account that has logged in gets its maildir, in Courier's order, and the same for all protocols.
 *
 * A refusal comes before the login is answered with OK, so a client that was let in has a mailbox. It knows no protocol:
 * what the client is told about a refusal is said by whoever asked. It knows no maildir either, only a few things to ask
 * one.
 */

import { who } from '../log/session-lines.js';
import { count } from '../metrics/counts.js';
import type { LoginSettings } from '../settings/login-settings.js';
import type { Clock } from '../system/clock.js';
import { makeHomeFrom } from './home-skeleton.js';
import type { SessionAccount, WorkerSession } from './mail-worker.js';

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

/** What is asked of a maildir before somebody gets it. */
export interface AdmittedMaildir {
  ownedBy(uid: number, gid: number): boolean;
  /** Removes what was left in its tmp. */
  purgeTmp(): void;
  /** The file server's clock minus ours. */
  clockSkewSeconds(): number;
}

/** What a protocol gives to Admission. */
export interface AdmissionParts<Maildir extends AdmittedMaildir> {
  readonly clock: Pick<Clock, 'now'>;
  /** The mode of a directory; undefined where there is none. */
  readonly modeOf: (path: string) => number | undefined;
  /** Opens the maildir, which it may make if that is allowed. */
  readonly open: (session: WorkerSession) => Promise<Maildir>;
  /** Runs `loginexec` of a maildir, if there is one. Never rejects. */
  readonly runLoginExec: (session: WorkerSession) => Promise<void>;
  /** For the log: what kept a file from being used; undefined for a bug. */
  readonly troubleOf: (error: unknown) => string | undefined;
  /** The account option that closes the service: `disableimap`. */
  readonly disabledBy: string;
  /** The one that closes it without TLS: `disableinsecureimap`. */
  readonly disabledInsecureBy: string;
}

/** Why a session does not begin. */
export type RefusalKind =
  | 'locked'
  | 'disabled'
  | 'disabled without TLS'
  | 'not available'
  | 'wrong owner'
  | 'clock skew'
  /** The administrator says so. */
  | 'closed';

/** Thrown when a session does not begin: what it is, perhaps words for the client, and the truth for the log. */
export class Refusal extends Error {
  readonly kind: RefusalKind;
  readonly logText: string | undefined;

  constructor(kind: RefusalKind, options: { readonly text?: string; readonly logText?: string } = {}) {
    super(options.text ?? kind);
    this.kind = kind;
    this.logText = options.logText;
  }
}

/**
 * Tells the administrator why a session does not begin: the truth, of which the client hears no more than it must.
 *
 *     LOGIN REFUSED, user=bob, ip=[::1], port=[40112]: no such folder: /home/bob/Maildir: …
 */
export function tellRefusal(arrived: WorkerSession, { kind, logText, message }: Refusal): void {
  count('sessions_refused_total', { reason: kind }).value += 1;
  // Courier has a line of its own for it.
  if (kind === 'locked') return;
  const level = kind === 'disabled' || kind === 'disabled without TLS' || kind === 'closed' ? 'info' : 'error';
  arrived.log.write(level, `LOGIN REFUSED, ${who(arrived)}: ${logText ?? message}`, arrived.sessionId);
}

/** What the administrator says of it. */
export type AdmissionSettings = Pick<LoginSettings, 'sanityCheck' | 'makeHomesFrom'>;

/** Lets accounts in, or not, for the sessions of one worker. */
export class Admission<Maildir extends AdmittedMaildir> {
  readonly #parts: AdmissionParts<Maildir>;
  /** When each maildir was looked after, the oldest first. */
  readonly #lookedAfter = new Map<string, number>();

  constructor(parts: AdmissionParts<Maildir>) {
    this.#parts = parts;
  }

  /** Gives the maildir of a session. @throws {Refusal} */
  async admit(arrived: WorkerSession, settings: AdmissionSettings): Promise<Maildir> {
    const { modeOf, open, runLoginExec } = this.#parts;
    const { account, log } = arrived;
    const mode = await this.#available(() => modeOf(account.home));
    if (mode !== undefined && (mode & STICKY_BIT) !== 0) {
      log.write('info', `LOCKED, ${who(arrived)}`);
      throw new Refusal('locked');
    }
    this.#checkOptions(arrived);
    if (settings.makeHomesFrom !== undefined) makeHome(settings.makeHomesFrom, account.home);
    const maildir = await this.#available(() => open(arrived));
    await runLoginExec(arrived);
    this.#lookAfter(maildir, account, settings.sanityCheck);
    return maildir;
  }

  #checkOptions({ account: { options }, tls }: WorkerSession): void {
    const { disabledBy, disabledInsecureBy } = this.#parts;
    if (isSet(options[disabledBy])) {
      throw new Refusal('disabled', { logText: `the account has the option ${disabledBy}` });
    }
    if (isSet(options[disabledInsecureBy]) && !tls) {
      throw new Refusal('disabled without TLS', { logText: `the account has the option ${disabledInsecureBy}` });
    }
  }

  /** Checks whose the maildir is and what its clock says, and removes what was left in its tmp; now and then. */
  #lookAfter(maildir: Maildir, account: SessionAccount, sanityCheck: boolean): void {
    const now = this.#parts.clock.now();
    const before = this.#lookedAfter.get(account.maildir);
    if (before !== undefined && now - before < LOOKED_AFTER_MS && now >= before) return;
    if (sanityCheck && !maildir.ownedBy(account.uid, account.gid)) {
      const logText = `Account's mailbox directory is not owned by the correct uid or gid: ${account.maildir}`;
      throw new Refusal('wrong owner', { logText });
    }
    this.#tidy(maildir);
    this.#lookedAfter.delete(account.maildir);
    this.#lookedAfter.set(account.maildir, now);
    const [oldest] = this.#lookedAfter.keys();
    if (oldest !== undefined && this.#lookedAfter.size > MAX_LOOKED_AFTER) this.#lookedAfter.delete(oldest);
  }

  #tidy(maildir: Maildir): void {
    try {
      maildir.purgeTmp();
      if (Math.abs(maildir.clockSkewSeconds()) <= MAX_CLOCK_SKEW_SECONDS) return;
    } catch (error) {
      // A maildir that cannot be written to can still be read.
      if (this.#parts.troubleOf(error) !== undefined) return;
      throw error;
    }
    throw new Refusal('clock skew', { logText: 'Clock skew detected. Check the clock on the file server' });
  }

  /** Bugs stay what they are. */
  async #available<T>(look: () => T | Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      const logText = this.#parts.troubleOf(error);
      throw logText === undefined ? error : new Refusal('not available', { logText });
    }
  }
}

function makeHome(skeleton: string, home: string): void {
  try {
    makeHomeFrom(skeleton, home);
  } catch (error) {
    const logText = `not permitted: ${home} cannot be made from ${skeleton}: ${String(error)}`;
    throw new Refusal('not available', { logText });
  }
}

/** Account options are numbers; Courier takes any number but 0 for yes. */
function isSet(option: string | undefined): boolean {
  return option !== undefined && Number.parseInt(option, 10) !== 0 && !Number.isNaN(Number.parseInt(option, 10));
}
