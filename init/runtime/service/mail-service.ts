/**
 * Runs a mail service of settings files: what its supervisor needs, put together. It knows no mail protocol, and asks
 * authdaemond only through what it is given.
 */

import { RelayAfterLogin } from '../relay/relay-after-login.js';
import type { MailServiceSettings } from '../settings/mail-service-settings.js';
import type { Authenticator } from './session-broker.js';
import { superviseMailService } from './supervisor.js';

/** How a service is started. */
export interface MailServiceStart {
  /** Where the settings are. */
  readonly directory: string;
  /** Services whose ports are opened at once: `imapd`, `imapd-ssl`. */
  readonly open: readonly string[];
  /** Nobody looks at stdout and stderr: the log goes elsewhere. */
  readonly daemon: boolean;
  /** Pid of a control script's loop, without which the server must not live on. */
  readonly keeper?: number;
}

/** What a mail protocol gives. */
export interface MailServiceParts<SessionSettings> {
  /** `imapd`: the name of the processes. */
  readonly name: string;
  /** File URLs of the modules that call serveLogins() and serveMail(). */
  readonly loginModule: string;
  readonly workerModule: string;
  readonly read: (directory: string) => MailServiceSettings<SessionSettings>;
  /** Whom to ask about logins; the settings are the latest that were read. */
  readonly loginCheck: (
    socketPath: string,
    configuration: MailServiceSettings<SessionSettings>['configuration'],
  ) => Authenticator;
}

/** Runs the service until it is told to end. @throws {StartFailure} when it cannot start. */
export async function runMailService<SessionSettings>(
  { directory, open, daemon, keeper }: MailServiceStart,
  { name, loginModule, workerModule, read, loginCheck }: MailServiceParts<SessionSettings>,
): Promise<void> {
  let latest: MailServiceSettings<SessionSettings> | undefined;
  const relay = new RelayAfterLogin();
  try {
    await superviseMailService({
      ...{ name, loginModule, workerModule, open, daemon },
      load: () => {
        latest = read(directory);
        return latest;
      },
      authenticator: ({ authdaemonDirectory }, log) => {
        const { configuration } = latest ?? read(directory);
        const check = loginCheck(`${authdaemonDirectory}/socket`, configuration);
        return relay.around(check, configuration.relay, log);
      },
      ...(keeper === undefined ? {} : { keeper }),
    });
  } finally {
    await relay.stop();
  }
}
