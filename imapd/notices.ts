/**
 * Notices of the administrator: files with one line of text.
 *
 * `imapnotice` beside the settings is for everybody, one of that name in a maildir for its account: each text is shown once
 * to each account, as an ALERT at login. `imapshutdown` beside the settings lets nobody in, and ends the sessions that are
 * there; who comes is told its text.
 */

import type { Clock } from '../init/runtime/system/clock.js';
import { errorCode } from '../maildir/errors.js';
import type { FileSystem } from '../maildir/file-system.js';
import { readText, unlinkIfThere } from '../maildir/files.js';
import type { Maildir } from '../maildir/maildir.js';
import { sayGoodbye } from './session/closing.js';
import type { Session } from './session/session.js';
import type { SessionSettings } from './settings/session-settings.js';

/** A notice is one line, and clients show it in a small window. */
const MAX_NOTICE_OCTETS = 4_096;
const MAX_TEXT_CHARACTERS = 400;

/** Sessions hear of a shutdown within this time. */
const LOOK_EVERY_MS = 5_000;

/** Of the account, in its maildir. */
const OWN_NOTICE = 'imapnotice';
/** Beside it: the texts that were shown last, one in each line. */
const SHOWN_NOTICES = 'angarium-notices';

/** What Notices needs. */
export interface NoticesParts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** The sessions that are there. */
  readonly sessions: ReadonlySet<Session>;
}

/** The notices for the sessions of one worker. */
export class Notices {
  readonly #parts: NoticesParts;
  /** Ends the looking for a shutdown, which goes on while there are sessions. */
  #cancelLook: (() => void) | undefined;

  constructor(parts: NoticesParts) {
    this.#parts = parts;
  }

  /** Why nobody is let in now; undefined when everybody is. */
  shutdownText({ shutdownFile }: Pick<SessionSettings, 'shutdownFile'>): string | undefined {
    return this.#lineOf(shutdownFile);
  }

  /** To be called when a session begins, before its login is answered. Lines of SMAP end in LF alone. */
  begin(session: Session, maildir: Maildir, lineEnd: '\r\n' | '\n' = '\r\n'): void {
    this.#show(session, maildir, lineEnd);
    if (this.#cancelLook === undefined) this.#lookLater(session.settings);
  }

  /** To be called when a session is over. */
  end(): void {
    if (this.#parts.sessions.size > 0) return;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  #lookLater(settings: SessionSettings): void {
    this.#cancelLook = this.#parts.clock.after(LOOK_EVERY_MS, () => {
      const text = this.shutdownText(settings);
      if (text !== undefined) for (const session of this.#parts.sessions) sayGoodbye(session, text);
      this.#lookLater(settings);
    });
  }

  #show(session: Session, maildir: Maildir, lineEnd: string): void {
    const own = this.#lineOf(`${maildir.path}/${OWN_NOTICE}`);
    const texts = [this.#lineOf(session.settings.noticeFile), own].filter((text) => text !== undefined);
    if (texts.length === 0) return;
    const path = `${maildir.path}/${SHOWN_NOTICES}`;
    const shown = (this.#read(path) ?? '').split('\n');
    const unseen = texts.filter((text) => !shown.includes(text));
    if (unseen.length === 0) return;
    for (const text of unseen) session.write(Buffer.from(`* OK [ALERT] ${text}${lineEnd}`));
    this.#write(path, `${texts.join('\n')}\n`);
  }

  /** The first line of a file, if there is such a file and something in it. */
  #lineOf(path: string): string | undefined {
    const [line = ''] = (this.#read(path) ?? '').split('\n');
    const text = line
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim()
      .slice(0, MAX_TEXT_CHARACTERS);
    return text === '' ? undefined : text;
  }

  /** What cannot be read is no notice: it must not keep anybody from his mail. */
  #read(path: string): string | undefined {
    const { fileSystem } = this.#parts;
    try {
      // Nearly always there is none, and opening it would cost each login an exception.
      return fileSystem.status(path) === undefined ? undefined : readText(fileSystem, path, MAX_NOTICE_OCTETS);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Where it cannot be written, the texts are shown again at the next login. */
  #write(path: string, text: string): void {
    const { fileSystem } = this.#parts;
    try {
      unlinkIfThere(fileSystem, path);
      const file = fileSystem.create(path, 0o600);
      try {
        file.write(Buffer.from(text));
      } finally {
        file.close();
      }
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }
}
