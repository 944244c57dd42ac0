/**
 * Reads what all mail servers have alike in their two settings files, and where authdaemond is: processes and limits,
 * ports, TLS, the log, files. Every setting by the name that the administrator writes, once, with its default.
 *
 * The defaults are those shown in etc/; a test compares them. It starts nothing, opens no certificate, and knows no mail
 * protocol: a server tells how its own settings are called, and reads what its sessions need.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { readLimitSettings } from '../limits/limit-settings.js';
import { readTcpdOptions } from '../limits/tcpd-options.js';
import { readLog } from '../log/logger-settings.js';
import { METRICS_SERVICE } from '../metrics/page-requests.js';
import { readProxySettings } from '../proxy/proxy-settings.js';
import { type RelaySettings, readRelaySettings } from '../relay/relay-after-login.js';
import { parsePortList } from '../service/listen.js';
import type { LoadedConfiguration } from '../service/mail-service-options.js';
import { readTlsSettings, tlsSettingsWithoutEffect } from '../tls/tls-settings.js';
import type { MailServiceConfiguration, ServiceDescription } from './service-configuration.js';
import { loadSettings, type Settings, type WithoutEffect } from './settings-file.js';

/** What the sessions of a server know of its settings, as far as this reader has to know it, too. */
export interface KnownSessionSettings {
  /** Where mail workers keep what they learnt about messages; undefined: nowhere. */
  readonly cacheDirectory?: string;
  /** Before a failed login is answered. */
  readonly loginDelaySeconds?: number;
}

/** How the settings of a mail server are called, and what it reads itself. */
export interface MailServiceNames<SessionSettings extends KnownSessionSettings> {
  /** `imapd`: the settings file, and the name of its ports; those in TLS have `imapd-ssl`. */
  readonly daemon: string;
  /** `IMAP`: what settings of its own begin with. */
  readonly prefix: string;
  /** What a client says of itself when TLS begins. */
  readonly alpn: string;
  readonly port: string;
  readonly sslPort: string;
  /** `IMAPDSTARTTLS` */
  readonly startTls: string;
  /** Reads what its sessions need; `authdaemon` is authdaemonrc. */
  readonly sessions: (settings: Settings, authdaemon: Settings, directory: string) => SessionSettings;
  /** Settings of Courier's that change nothing here. */
  readonly withoutEffect: Readonly<Record<string, WithoutEffect>>;
}

/** What the files say, with the parts that control scripts ask for. */
export interface MailServiceSettings<SessionSettings> extends LoadedConfiguration {
  readonly configuration: MailServiceConfiguration & {
    readonly sessionSettings: SessionSettings;
    /** DEFAULTOPTIONS of authdaemonrc. */
    readonly defaultOptions: string;
    readonly relay: RelaySettings;
  };
  readonly pidFile: string;
  readonly sslPidFile: string;
  /** Services whose IMAPDSTART or IMAPDSSLSTART (POP3DSTART …) says YES. */
  readonly startAtBoot: readonly string[];
  /** Every setting in use, for --dump-config. */
  readonly settings: Settings;
}

type AnyNames = MailServiceNames<KnownSessionSettings>;

/** Login processes share the work of TLS; more than four are not needed where one does 600 handshakes a second. */
const MAX_AUTOMATIC_LOGIN_PROCESSES = 4;

/** A Unix socket's path may be this long. */
const MAX_SOCKET_PATH_OCTETS = 107;

/** Reads the files in `directory` (COURIER_CONFDIR). Problems are in the result; it never throws. */
export function readMailServiceSettings<SessionSettings extends KnownSessionSettings>(
  directory: string,
  names: MailServiceNames<SessionSettings>,
): MailServiceSettings<SessionSettings> {
  const { daemon } = names;
  // As imapd.rc of Courier: imapd-ssl first, so that imapd wins.
  const settings = loadSettings([join(directory, `${daemon}-ssl`), join(directory, daemon)]);
  const authdaemonrc = join(directory, 'authdaemonrc');
  const authdaemon = loadSettings([authdaemonrc], [authdaemonrc]);
  const pidFile = settings.text('PIDFILE', `/run/courier/${daemon}.pid`);
  const sslPidFile = settings.text('SSLPIDFILE', `/run/courier/${daemon}-ssl.pid`);
  const tcpd = readTcpdOptions(settings);
  const service = {
    ...readLimitSettings(settings, names.prefix, tcpd),
    ...readProcesses(settings, names),
    services: { ...readServices(settings, names, tcpd.address), ...readMetrics(settings) },
    tls: readTlsSettings(settings, `/etc/courier/${daemon}.pem`, names.alpn),
    startTls: settings.yes(names.startTls, true),
    stateDirectory: dirname(pidFile),
    controlSocket: readControlSocket(settings, pidFile),
    authdaemonDirectory: authdaemon.text('authdaemonvar', '/run/courier/authdaemon'),
    defaultOptions: authdaemon.text('DEFAULTOPTIONS', ''),
    log: readLog(settings, daemon, pidFile),
    relay: readRelaySettings(settings),
    proxy: readProxySettings(settings, names.prefix),
  };
  const sessionSettings = names.sessions(settings, authdaemon, directory);
  const { cacheDirectory, loginDelaySeconds: firstSeconds = 0 } = sessionSettings;
  const penalties = { firstSeconds, mostSeconds: service.mostDelaySeconds };
  const configuration = { ...service, penalties, sessionSettings, cacheDirectory };
  const startAtBoot = [daemon, `${daemon}-ssl`].filter((name) => settings.yes(startSetting(name), true));
  warnOfNoWayIn(settings, names, service.startTls);
  settings.finish({ ...tlsSettingsWithoutEffect, ...names.withoutEffect });
  const problems = [...settings.problems, ...authdaemon.problems];
  return { configuration, problems, warnings: settings.warnings, pidFile, sslPidFile, startAtBoot, settings };
}

/** `imapd-ssl` is opened when IMAPDSSLSTART says so. */
export function startSetting(service: string): string {
  return `${service.toUpperCase().replace('-', '')}START`;
}

/** Who must switch to TLS must be able to. */
function warnOfNoWayIn(settings: Settings, { prefix, startTls }: AnyNames, offersStartTls: boolean): void {
  const name = `${prefix}_TLS_REQUIRED`;
  if (offersStartTls || !settings.switchedOn(name, false)) return;
  settings.warning(name, `${name} lets nobody log in on PORT`, `set ${startTls}=YES, or do not open PORT`);
}

function readProcesses(settings: Settings, { prefix }: AnyNames) {
  const cores = availableParallelism();
  const loginProcesses = settings.integer(`${prefix}_LOGIN_PROCESSES`, 0, { max: 64 });
  const workersPerUid = settings.integer(`${prefix}_WORKERS_PER_UID`, 0, { max: 256 });
  return {
    loginProcesses: loginProcesses === 0 ? Math.min(cores, MAX_AUTOMATIC_LOGIN_PROCESSES) : loginProcesses,
    workersPerUid: workersPerUid === 0 ? cores : workersPerUid,
    loginUser: settings.text('LOGINUSER', 'nobody'),
    loginSeconds: settings.integer(`${prefix}_LOGIN_TIMEOUT`, 60, { min: 1 }),
    umask: readUmask(settings, `${prefix}_UMASK`),
    defaultMaildir: settings.text('MAILDIRPATH', 'Maildir'),
  };
}

function readUmask(settings: Settings, name: string): number {
  const value = settings.text(name, '022');
  if (/^[0-7]{1,4}$/.test(value)) return Number.parseInt(value, 8);
  settings.problem(name, `${name}=${value} is not an octal number`, 'write for example 022 or 077');
  return 0o022;
}

/** An address in TCPDOPTS goes before ADDRESS and SSLADDRESS. */
function readServices(
  settings: Settings,
  { daemon, port, sslPort }: AnyNames,
  address?: string,
): Record<string, ServiceDescription> {
  return {
    [daemon]: { tls: false, addresses: readAddresses(settings, 'PORT', port, 'ADDRESS', address) },
    [`${daemon}-ssl`]: { tls: true, addresses: readAddresses(settings, 'SSLPORT', sslPort, 'SSLADDRESS', address) },
  };
}

/** Figures are for this machine only, unless somebody says otherwise. */
function readMetrics(settings: Settings): Record<string, ServiceDescription> {
  const address = settings.text('METRICSADDRESS', '127.0.0.1');
  const port = settings.text('METRICSPORT', '0');
  if (port === '0') return {};
  const addresses = parsePortList(port, address);
  if (typeof addresses === 'string') {
    const remedy = 'write for example 9143, or 127.0.0.1.9143';
    settings.problem('METRICSPORT', `METRICSPORT=${port}, METRICSADDRESS=${address}: ${addresses}`, remedy);
    return {};
  }
  if (addresses.some(({ host }) => !/^(127\.|::1$)/.test(host))) {
    const what = 'METRICSPORT: the figures can be read by whoever reaches the address';
    settings.warning(
      'METRICSPORT',
      what,
      'see to it that only your monitoring does, or write METRICSADDRESS=127.0.0.1',
    );
  }
  return { [METRICS_SERVICE]: { tls: false, addresses } };
}

function readAddresses(settings: Settings, portName: string, defaultPort: string, name: string, address?: string) {
  const ports = settings.text(portName, defaultPort);
  const parsed = parsePortList(ports, readAddress(settings, name, address));
  if (typeof parsed !== 'string') return parsed;
  const remedy = `write for example ${defaultPort} or 127.0.0.1.${defaultPort}`;
  settings.problem(portName, `${portName}=${ports}: ${parsed}`, remedy);
  return [];
}

function readAddress(settings: Settings, name: string, before?: string): string {
  const written = settings.text(name, '0');
  const address = before ?? written;
  if (typeof parsePortList('143', address) !== 'string') return address;
  settings.problem(
    name,
    `${name}=${address} is not an IP address`,
    'write 0 for every address, or one of this machine',
  );
  return '0';
}

function readControlSocket(settings: Settings, pidFile: string): string {
  const path = `${pidFile.replace(/\.pid$/, '')}.control`;
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_OCTETS) {
    settings.problem('PIDFILE', `PIDFILE=${pidFile} is too long for a socket beside it`, 'name a shorter path');
  }
  if (!pidFile.startsWith('/')) {
    settings.problem('PIDFILE', `PIDFILE=${pidFile} is not an absolute path`, 'write it from / on');
  }
  return path;
}
