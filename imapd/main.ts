/**
 * imapd: the supervisor of the IMAP service. Connects the settings, authdaemond and the runtime; speaks no IMAP.
 */
import { parseOptions } from '../authdaemon/account.js';
import { AuthClient } from '../authdaemon/client.js';
import { LoginCheck } from '../authdaemon/login-check.js';
import { RelayAfterLogin } from '../init/runtime/relay/relay-after-login.js';
import { superviseMailService } from '../init/runtime/supervisor.js';
import { type ImapdSettings, readImapdSettings } from './settings/settings-reader.js';

/** How imapd is started. */
export interface ImapdOptions {
  /** Where the settings are. */
  readonly directory: string;
  /** Services whose ports are opened at once: `imapd`, `imapd-ssl`. */
  readonly open: readonly string[];
  /** Nobody looks at stdout and stderr: the log goes elsewhere. */
  readonly daemon: boolean;
  /** Pid of a control script's loop, without which the server must not live on. */
  readonly keeper?: number;
}

/** Runs the service until it is told to end. @throws {StartFailure} when it cannot start. */
export async function runImapd({ directory, open, daemon, keeper }: ImapdOptions): Promise<void> {
  let latest: ImapdSettings | undefined;
  const relay = new RelayAfterLogin();
  try {
    await superviseMailService({
      name: 'imapd',
      loginModule: new URL('./login.js', import.meta.url).href,
      workerModule: new URL('./worker.js', import.meta.url).href,
      load: () => {
        latest = readImapdSettings(directory);
        return latest;
      },
      authenticator: ({ authdaemonDirectory }, log) => {
        const check = loginCheck(`${authdaemonDirectory}/socket`, latest);
        return latest === undefined ? check : relay.around(check, latest.configuration.relay, log);
      },
      open,
      daemon,
      ...(keeper === undefined ? {} : { keeper }),
    });
  } finally {
    await relay.stop();
  }
}

function loginCheck(socketPath: string, settings: ImapdSettings | undefined): LoginCheck {
  return new LoginCheck({
    client: new AuthClient({ socketPath, keep: true }),
    defaultOptions: parseOptions(settings?.configuration.defaultOptions ?? ''),
    disabledBy: 'disableimap',
    certificates: settings?.configuration.sessionSettings.certificateField !== undefined,
  });
}
