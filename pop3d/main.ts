/**
 * pop3d: the supervisor of the POP3 service. Connects the settings, authdaemond and the runtime; speaks no POP3.
 */
import { parseOptions } from '../authdaemon/account.js';
import { AuthClient } from '../authdaemon/client.js';
import { LoginCheck } from '../authdaemon/login-check.js';
import { type MailServiceStart, runMailService } from '../init/runtime/service/mail-service.js';
import { readPop3dSettings } from './settings/settings-reader.js';

/** Runs the service until it is told to end. @throws {StartFailure} when it cannot start. */
export async function runPop3d(start: MailServiceStart): Promise<void> {
  await runMailService(start, {
    name: 'pop3d',
    loginModule: new URL('./login.js', import.meta.url).href,
    workerModule: new URL('./worker.js', import.meta.url).href,
    read: readPop3dSettings,
    loginCheck: (socketPath, { defaultOptions, sessionSettings }) =>
      new LoginCheck({
        client: new AuthClient({ socketPath, keep: true }),
        defaultOptions: parseOptions(defaultOptions),
        disabledBy: 'disablepop3',
        certificates: sessionSettings.certificateField !== undefined,
      }),
  });
}
