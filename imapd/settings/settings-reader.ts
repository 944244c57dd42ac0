/**
 * Reads etc/imapd, etc/imapd-ssl and the part of etc/authdaemonrc that tells where authdaemond is: every setting by the
 * name that the administrator writes, once, with its default.
 *
 * The defaults are those shown in etc/; a test compares them. It starts nothing and opens no certificate.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { isOauthEnabled } from '../../authdaemon/oauth/oauth-settings.js';
import { type AccessRule, readAccessFile } from '../../init/runtime/access-file.js';
import { parsePortList } from '../../init/runtime/listen.js';
import { type LogSettings, SYSLOG_FACILITIES } from '../../init/runtime/log-destinations.js';
import { type RelaySettings, readRelaySettings } from '../../init/runtime/relay/relay-after-login.js';
import type { MailServiceConfiguration, ServiceDescription } from '../../init/runtime/service-configuration.js';
import { loadSettings, type Settings } from '../../init/runtime/settings-file.js';
import type { LoadedConfiguration } from '../../init/runtime/supervisor.js';
import { readTlsSettings } from '../../init/runtime/tls-settings.js';
import type { SessionSettings } from './session-settings.js';
import { readSessionSettings } from './session-settings-reader.js';
import { settingsWithoutEffect } from './settings-without-effect.js';

/** What the files say, with the parts that control scripts ask for. */
export interface ImapdSettings extends LoadedConfiguration {
  readonly configuration: MailServiceConfiguration & {
    readonly sessionSettings: SessionSettings;
    /** DEFAULTOPTIONS of authdaemonrc. */
    readonly defaultOptions: string;
    readonly relay: RelaySettings;
  };
  readonly pidFile: string;
  readonly sslPidFile: string;
  /** Services whose IMAPDSTART or IMAPDSSLSTART says YES. */
  readonly startAtBoot: readonly string[];
  /** Every setting in use, for --dump-config. */
  readonly settings: Settings;
}

/** Login processes share the work of TLS; more than four are not needed where one does 600 handshakes a second. */
const MAX_AUTOMATIC_LOGIN_PROCESSES = 4;

/** A Unix socket's path may be this long. */
const MAX_SOCKET_PATH_OCTETS = 107;

/** Reads the files in `directory` (COURIER_CONFDIR). Problems are in the result; it never throws. */
export function readImapdSettings(directory: string): ImapdSettings {
  // As imapd.rc of Courier: imapd-ssl first, so that imapd wins.
  const settings = loadSettings([join(directory, 'imapd-ssl'), join(directory, 'imapd')]);
  const authdaemonrc = join(directory, 'authdaemonrc');
  const authdaemon = loadSettings([authdaemonrc], [authdaemonrc]);
  const pidFile = settings.text('PIDFILE', '/run/courier/imapd.pid');
  const sslPidFile = settings.text('SSLPIDFILE', '/run/courier/imapd-ssl.pid');
  const service = {
    ...readProcesses(settings),
    services: readServices(settings),
    tls: readTlsSettings(settings, '/etc/courier/imapd.pem', 'imap'),
    startTls: settings.yes('IMAPDSTARTTLS', true),
    stateDirectory: dirname(pidFile),
    controlSocket: readControlSocket(settings, pidFile),
    authdaemonDirectory: authdaemon.text('authdaemonvar', '/run/courier/authdaemon'),
    defaultOptions: authdaemon.text('DEFAULTOPTIONS', ''),
    log: readLog(settings, pidFile),
    relay: readRelaySettings(settings),
  };
  const sessionSettings = {
    ...readSessionSettings(settings, authdaemon),
    oauth: isOauthEnabled(directory),
    sharedMaildirsFile: join(directory, 'maildirshared'),
  };
  const configuration = { ...service, sessionSettings, cacheDirectory: sessionSettings.cacheDirectory };
  const startAtBoot = [
    ...(settings.yes('IMAPDSTART', true) ? ['imapd'] : []),
    ...(settings.yes('IMAPDSSLSTART', true) ? ['imapd-ssl'] : []),
  ];
  readTcpdOptions(settings);
  settings.finish(settingsWithoutEffect);
  const problems = [...settings.problems, ...authdaemon.problems];
  return { configuration, problems, warnings: settings.warnings, pidFile, sslPidFile, startAtBoot, settings };
}

function readProcesses(settings: Settings) {
  const cores = availableParallelism();
  const loginProcesses = settings.integer('IMAP_LOGIN_PROCESSES', 0, { max: 64 });
  const workersPerUid = settings.integer('IMAP_WORKERS_PER_UID', 0, { max: 256 });
  return {
    limits: {
      connections: settings.integer('MAXDAEMONS', 1000, { min: 1 }),
      perAddress: settings.integer('MAXPERIP', 50, { min: 1 }),
      access: readAccess(settings),
    },
    loginProcesses: loginProcesses === 0 ? Math.min(cores, MAX_AUTOMATIC_LOGIN_PROCESSES) : loginProcesses,
    workersPerUid: workersPerUid === 0 ? cores : workersPerUid,
    loginUser: settings.text('LOGINUSER', 'nobody'),
    loginSeconds: settings.integer('IMAP_LOGIN_TIMEOUT', 60, { min: 1 }),
    umask: readUmask(settings),
    defaultMaildir: settings.text('MAILDIRPATH', 'Maildir'),
  };
}

function readAccess(settings: Settings): readonly AccessRule[] {
  const path = settings.optionalText('IMAPACCESSFILE');
  if (path === undefined) return [];
  const { rules, problems } = readAccessFile(path);
  settings.problems.push(...problems);
  return rules;
}

function readUmask(settings: Settings): number {
  const value = settings.text('IMAP_UMASK', '022');
  if (/^[0-7]{1,4}$/.test(value)) return Number.parseInt(value, 8);
  settings.problem('IMAP_UMASK', `IMAP_UMASK=${value} is not an octal number`, 'write for example 022 or 077');
  return 0o022;
}

function readServices(settings: Settings): Record<string, ServiceDescription> {
  return {
    imapd: { tls: false, addresses: readAddresses(settings, 'PORT', '143', 'ADDRESS') },
    'imapd-ssl': { tls: true, addresses: readAddresses(settings, 'SSLPORT', '993', 'SSLADDRESS') },
  };
}

function readAddresses(settings: Settings, portName: string, defaultPort: string, addressName: string) {
  const ports = settings.text(portName, defaultPort);
  const parsed = parsePortList(ports, readAddress(settings, addressName));
  if (typeof parsed !== 'string') return parsed;
  const remedy = `write for example ${defaultPort} or 127.0.0.1.${defaultPort}`;
  settings.problem(portName, `${portName}=${ports}: ${parsed}`, remedy);
  return [];
}

function readAddress(settings: Settings, name: string): string {
  const address = settings.text(name, '0');
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

function readLog(settings: Settings, pidFile: string): LogSettings {
  const destination = settings.text('LOGTO', 'auto');
  if (!['auto', 'stdout', 'stderr', 'syslog', 'journal'].includes(destination) && !destination.startsWith('/')) {
    const remedy = 'write auto, stdout, stderr, syslog, journal, or the absolute path of a file';
    settings.problem('LOGTO', `LOGTO=${destination} is not known`, remedy);
  }
  const options = readLoggerOptions(settings, 'LOGGEROPTS', 'imapd');
  // One daemon serves both; the names differ in Courier because there are two.
  readLoggerOptions(settings, 'SSLLOGGEROPTS', 'imapd-ssl');
  return { destination, ...options, fallbackFile: `${pidFile.replace(/\.pid$/, '')}.log` };
}

function readLoggerOptions(settings: Settings, name: string, defaultTag: string): { name: string; facility: number } {
  let tag = defaultTag;
  let facility = SYSLOG_FACILITIES['mail'] ?? 2;
  for (const option of settings
    .text(name, `-name=${defaultTag}`)
    .split(/\s+/)
    .filter((word) => word !== '')) {
    const [, key, value = ''] = /^-(\w+)=(.*)$/.exec(option) ?? [];
    const number = Object.hasOwn(SYSLOG_FACILITIES, value) ? SYSLOG_FACILITIES[value] : undefined;
    if (key === 'name' && value !== '') tag = value;
    else if (key === 'facility' && number !== undefined) facility = number;
    else if (key === 'facility') {
      const remedy = `write one of ${Object.keys(SYSLOG_FACILITIES).join(', ')}`;
      settings.problem(name, `${name}: Unknown facility name '${value}'`, remedy);
    } else settings.warning(name, `${name}: ${option} has no effect`, 'only -name= and -facility= are used');
  }
  return { name: tag, facility };
}

/** Options of couriertcpd: two say what is the case anyway. */
function readTcpdOptions(settings: Settings): void {
  for (const option of settings
    .text('TCPDOPTS', '-nodnslookup')
    .split(/\s+/)
    .filter((word) => word !== '')) {
    if (option === '-nodnslookup' || option === '-noidentlookup') continue;
    settings.warning('TCPDOPTS', `TCPDOPTS: ${option} has no effect`, 'no name of a client is ever looked up');
  }
}
