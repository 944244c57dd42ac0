/**
 * imapd: the supervisor of the IMAP service. Connects the settings, authdaemond and the runtime; speaks no IMAP.
 */
import { parseOptions } from '../authdaemon/account.js';
import { AuthClient } from '../authdaemon/client.js';
import { LoginCheck } from '../authdaemon/login-check.js';
import { type MailServiceStart, runMailService } from '../init/runtime/service/mail-service.js';
import { readImapdSettings } from './settings/settings-reader.js';

/** Runs the service until it is told to end. @throws {StartFailure} when it cannot start. */
export async function runImapd(start: MailServiceStart): Promise<void> {
  await runMailService(start, {
    name: 'imapd',
    loginModule: new URL('./login.js', import.meta.url).href,
    workerModule: new URL('./worker.js', import.meta.url).href,
    read: readImapdSettings,
    loginCheck: (socketPath, { defaultOptions, sessionSettings }) =>
      new LoginCheck({
        client: new AuthClient({ socketPath, keep: true }),
        defaultOptions: parseOptions(defaultOptions),
        disabledBy: 'disableimap',
        certificates: sessionSettings.certificateField !== undefined,
      }),
  });
}
