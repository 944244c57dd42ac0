/**
 * Removes old messages from the folders that IMAP_EMPTYTRASH names, after a login.
 *
 * Courier does it while the client waits for the answer to its login, and again when it logs out. Here it happens when
 * the login is answered, in pieces between which others run, and once an hour at most: days are what it counts in.
 */

import { logValue } from '../init/runtime/log/log.js';
import type { Clock } from '../init/runtime/system/clock.js';
import type { WorkerSession } from '../init/runtime/worker/mail-worker.js';
import { MaildirError } from '../maildir/errors.js';
import type { Maildir } from '../maildir/maildir.js';
import { who } from './session/session-log.js';
import type { SessionSettings } from './settings/session-settings.js';

const ONE_HOUR_MS = 3_600_000;
const ONE_DAY_MS = 24 * ONE_HOUR_MS;
/** The client has more to ask just after its login. */
const AFTER_LOGIN_MS = 1_000;
/** So many maildirs are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** What is known of each maildir of a worker. */
export class Emptying {
  readonly #clock: Clock;
  /** When each maildir was emptied, the oldest first. */
  readonly #emptied = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called when a login was answered. */
  afterLogin(arrived: WorkerSession, maildir: Maildir, { emptyTrash, logDeletions }: SessionSettings): void {
    if (emptyTrash.length === 0) return;
    const now = this.#clock.now();
    if (now - (this.#emptied.get(maildir.path) ?? 0) < ONE_HOUR_MS) return;
    this.#emptied.delete(maildir.path);
    this.#emptied.set(maildir.path, now);
    const [oldest] = this.#emptied.keys();
    if (oldest !== undefined && this.#emptied.size > MAX_REMEMBERED) this.#emptied.delete(oldest);
    this.#clock.after(AFTER_LOGIN_MS, () => {
      empty(arrived, maildir, { emptyTrash, logDeletions, now: this.#clock.now() }).catch((error: unknown) => {
        arrived.log.bug(error, 'IMAP_EMPTYTRASH');
      });
    });
  }
}

interface EmptyingOrder extends Pick<SessionSettings, 'emptyTrash' | 'logDeletions'> {
  readonly now: number;
}

async function empty(
  arrived: WorkerSession,
  maildir: Maildir,
  { emptyTrash, logDeletions, now }: EmptyingOrder,
): Promise<void> {
  for (const { folder, days } of emptyTrash) {
    const name = folder === 'INBOX' ? folder : `INBOX.${folder}`;
    try {
      if (!maildir.hasFolder(name)) continue;
      const removed = await maildir.removeOldMail(name, now - days * ONE_DAY_MS);
      const line = `EMPTIED, ${who(arrived)}, folder=${logValue(name)}, messages=${removed}, days=${days}`;
      if (removed > 0 && logDeletions) arrived.log.write('info', line);
    } catch (error) {
      if (!(error instanceof MaildirError)) throw error;
      arrived.log.write('warning', `${name} cannot be emptied, ${who(arrived)}: ${error.detail}`);
    }
  }
}
