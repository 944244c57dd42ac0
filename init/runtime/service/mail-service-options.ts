/**
 * What the supervisor of a mail service is told: what the service is made of, and how its settings are read.
 */
import type { Log } from '../log/log.js';
import type { MailServiceConfiguration } from '../settings/service-configuration.js';
import type { SettingsProblem } from '../settings/settings-file.js';
import type { Authenticator } from './session-broker.js';

/** What settings files say: a configuration, or everything that is wrong with them. */
export interface LoadedConfiguration {
  readonly configuration: MailServiceConfiguration;
  readonly problems: readonly SettingsProblem[];
  readonly warnings: readonly SettingsProblem[];
}

/** What a mail service is made of. */
export interface MailServiceOptions {
  /** `imapd`: the name of the processes. */
  readonly name: string;
  /** File URLs of the modules that call serveLogins() and serveMail(). */
  readonly loginModule: string;
  readonly workerModule: string;
  readonly load: () => LoadedConfiguration;
  readonly authenticator: (configuration: MailServiceConfiguration, log: Log) => Authenticator;
  /** Services whose ports are opened at the start. */
  readonly open: readonly string[];
  /** Nobody looks at stdout and stderr. */
  readonly daemon: boolean;
  /** A parent without which this process must not live on: its pid. */
  readonly keeper?: number;
}
