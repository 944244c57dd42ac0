/**
 * What the supervisor needs to know of a mail service's settings: plain values, whatever files they come from.
 */
import type { ConnectionLimits } from '../limits/connections.js';
import type { AccessSource } from '../limits/limit-settings.js';
import type { PenaltySettings } from '../limits/login-penalties.js';
import type { ProxyProtocolSettings } from '../limits/proxy-connection.js';
import type { LogSettings } from '../log/log-destinations.js';
import type { ProxySettings } from '../proxy/proxy-settings.js';
import type { ListenAddress } from '../service/listen.js';
import type { TlsSettings } from '../tls/tls-helpers.js';

/** One set of ports that a control script opens and closes. */
export interface ServiceDescription {
  readonly tls: boolean;
  readonly addresses: readonly ListenAddress[];
}

/** The configuration of a mail service. */
export interface MailServiceConfiguration {
  /** By name: `imapd`, `imapd-ssl`. */
  readonly services: Readonly<Record<string, ServiceDescription>>;
  readonly limits: ConnectionLimits;
  /** Where the access file is; its lines are among the limits. */
  readonly access?: AccessSource | undefined;
  /** What failed logins cost; absent: nothing. */
  readonly penalties?: PenaltySettings;
  /** Proxies that say whom a connection comes from; absent: none is believed. */
  readonly proxyProtocol?: ProxyProtocolSettings | undefined;
  /** The Redis by which servers share their limits; absent: each counts for itself. */
  readonly limitsRedis?: string | undefined;
  readonly loginProcesses: number;
  readonly loginUser: string;
  readonly loginSeconds: number;
  readonly workersPerUid: number;
  readonly umask: number;
  /** MAILDIRPATH: relative to the home directory of an account that has no maildir of its own. */
  readonly defaultMaildir: string;
  readonly tls: TlsSettings;
  /** STARTTLS is offered on ports without TLS. */
  readonly startTls: boolean;
  /** Where the pid file is. */
  readonly stateDirectory: string;
  readonly controlSocket: string;
  /** Where mail workers keep what they learnt about messages, each Unix user below it; undefined: nowhere. */
  readonly cacheDirectory: string | undefined;
  /** authdaemond's directory. */
  readonly authdaemonDirectory: string;
  readonly log: LogSettings;
  /** Accounts that live on other servers; absent: there are none. */
  readonly proxy?: ProxySettings;
  /** Passed to login processes and mail workers as it is. */
  readonly sessionSettings: unknown;
}
