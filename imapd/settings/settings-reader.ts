/**
 * Reads etc/imapd, etc/imapd-ssl and what imapd needs of the files beside them. What all mail servers have alike is read
 * by the runtime; here are the names that IMAP's settings have, and its sessions.
 */
import { join } from 'node:path';
import { isOauthEnabled } from '../../authdaemon/oauth/oauth-settings.js';
import {
  type MailServiceSettings,
  readMailServiceSettings,
} from '../../init/runtime/settings/mail-service-settings.js';
import type { SessionSettings } from './session-settings.js';
import { readSessionSettings } from './session-settings-reader.js';
import { settingsWithoutEffect } from './settings-without-effect.js';

/** What the files say, with the parts that control scripts ask for. */
export type ImapdSettings = MailServiceSettings<SessionSettings>;

/** Reads the files in `directory` (COURIER_CONFDIR). Problems are in the result; it never throws. */
export function readImapdSettings(directory: string): ImapdSettings {
  return readMailServiceSettings<SessionSettings>(directory, {
    daemon: 'imapd',
    prefix: 'IMAP',
    alpn: 'imap',
    port: '143',
    sslPort: '993',
    startTls: 'IMAPDSTARTTLS',
    sessions: (settings, authdaemon) => ({
      ...readSessionSettings(settings, authdaemon),
      oauth: isOauthEnabled(directory),
      sharedMaildirsFile: join(directory, 'maildirshared'),
    }),
    withoutEffect: settingsWithoutEffect,
  });
}
