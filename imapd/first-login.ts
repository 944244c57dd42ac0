/**
 * What a worker makes for an account that logs in for the first time, where the settings allow it: its maildir, and the
 * folders that people expect. Its home was made before, if it has to be (admission.ts).
 *
 * Everything is made by the account's own user, so it works where that user may write, and nowhere else.
 */
import { logValue } from '../init/runtime/log/log.js';
import type { WorkerSession } from '../init/runtime/worker/mail-worker.js';
import { diskErrors } from '../maildir/errors.js';
import type { FileSystem } from '../maildir/file-system.js';
import type { MaildirStore } from '../maildir/maildir-store.js';
import { makeMaildir } from '../maildir/new-maildir.js';
import { who } from './session/session-log.js';
import type { SessionSettings } from './settings/session-settings.js';

/** What it takes. */
export interface FirstLoginParts {
  readonly store: MaildirStore;
  readonly fileSystem: FileSystem;
  readonly settings: SessionSettings;
}

let made = 0;

/** Makes what is missing and allowed. @throws {MaildirError} with the path and the system's reason in its detail */
export async function prepareFirstLogin(arrived: WorkerSession, parts: FirstLoginParts): Promise<void> {
  const { makeMaildirs, makeFolders } = parts.settings;
  const { maildir } = arrived.account;
  if (!makeMaildirs || diskErrors(maildir, () => parts.fileSystem.status(maildir)) !== undefined) return;
  made += 1;
  makeMaildir(parts.fileSystem, maildir, `angarium-${process.pid}-${made}`);
  const opened = parts.store.open(maildir);
  for (const folder of makeFolders) {
    if (!opened.hasFolder(`INBOX.${folder}`)) await opened.createFolder(`INBOX.${folder}`);
    await opened.subscribe(`INBOX.${folder}`);
  }
  arrived.log.write('info', `MAILDIR MADE, ${who(arrived)}, maildir=${logValue(maildir)}`);
}
