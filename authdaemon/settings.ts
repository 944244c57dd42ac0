/**
 * The settings of etc/authdaemonrc: names, defaults, and what is wrong with them.
 *
 * The file is Courier's, in shell syntax; authdaemond runs nothing of it.
 */
import { join } from 'node:path';
import { type LogSettings, SYSLOG_FACILITIES } from '../init/runtime/log-destinations.js';
import { loadSettings, type Settings } from '../init/runtime/settings-file.js';
import { type AccountOptions, parseOptions } from './account.js';
import { LDAP_WITHOUT_EFFECT, type LdapTls, readLdapTls } from './ldap/tls.js';

/** Lookups at once when `daemons` says nothing; what Courier ships. */
const DEFAULT_LOOKUPS_AT_ONCE = 5;
/** More lookups at once than this would only wait for each other. */
const MAX_LOOKUPS_AT_ONCE = 1000;

/** The settings, read. */
export interface AuthdaemonSettings {
  /** Names of authmodulelist in their order, each once. */
  readonly moduleNames: readonly string[];
  readonly lookupsAtOnce: number;
  /** Directory of the socket and the pid file (authdaemonvar). */
  readonly directory: string;
  readonly defaultOptions: AccountOptions;
  readonly debugLogin: 0 | 1 | 2;
  readonly ldapTls: LdapTls;
  readonly log: LogSettings;
  /** For problems, warnings and --dump-config. */
  readonly file: Settings;
}

/** Reads `authdaemonrc` in a directory. Problems are in `file.problems`; nothing is thrown. */
export function readAuthdaemonSettings(configDirectory: string): AuthdaemonSettings {
  const file = loadSettings([join(configDirectory, 'authdaemonrc')]);
  const settings: AuthdaemonSettings = {
    moduleNames: readModuleNames(file),
    lookupsAtOnce: file.integer('daemons', DEFAULT_LOOKUPS_AT_ONCE, { min: 1, max: MAX_LOOKUPS_AT_ONCE }),
    directory: file.text('authdaemonvar', '/run/courier/authdaemon'),
    defaultOptions: parseOptions(file.text('DEFAULTOPTIONS', '')),
    debugLogin: Number(file.choice('DEBUG_LOGIN', '0', ['0', '1', '2'])) as 0 | 1 | 2,
    ldapTls: readLdapTls(file),
    log: readLogSettings(file),
    file,
  };
  if (!settings.directory.startsWith('/')) {
    file.problem('authdaemonvar', `authdaemonvar=${settings.directory} is not an absolute path`, 'begin it with a /');
  }
  if (settings.debugLogin === 2) {
    file.warning('DEBUG_LOGIN', 'DEBUG_LOGIN=2 writes passwords into the log', 'set it to 0 or 1 when you are done');
  }
  // Read by Courier's webadmin; it belongs in this file all the same.
  file.matching(/^authmodulelistorig$/);
  file.finish(LDAP_WITHOUT_EFFECT);
  return settings;
}

/** The path of the socket. */
export function socketPathOf(directory: string): string {
  return join(directory, 'socket');
}

function readModuleNames(file: Settings): string[] {
  const names = file
    .text('authmodulelist', '')
    .split(/\s+/)
    .filter((name) => name !== '');
  if (names.length === 0 && file.problems.length === 0) {
    file.problem('authmodulelist', 'authmodulelist names no module', 'write for example authmodulelist="authuserdb"');
  }
  return [...new Set(names)];
}

function readLogSettings(file: Settings): LogSettings {
  const destination = file.text('LOGTO', 'auto');
  if (!destination.startsWith('/') && !['auto', 'stdout', 'stderr', 'syslog', 'journal'].includes(destination)) {
    const remedy = 'write auto, stdout, stderr, syslog, journal, or the absolute path of a file';
    file.problem('LOGTO', `LOGTO=${destination} is not known`, remedy);
  }
  let name = 'authdaemond';
  let facility = SYSLOG_FACILITIES['mail'] ?? 2;
  for (const option of file
    .text('LOGGEROPTS', '')
    .split(/\s+/)
    .filter((word) => word !== '')) {
    const [word, value = ''] = [option.slice(0, option.indexOf('=')), option.slice(option.indexOf('=') + 1)];
    if (word === '-name' && value !== '') name = value;
    else if (word === '-facility' && Object.hasOwn(SYSLOG_FACILITIES, value))
      facility = SYSLOG_FACILITIES[value] ?? facility;
    else
      file.warning('LOGGEROPTS', `LOGGEROPTS: ${option} has no effect here`, 'use -name=NAME and -facility=FACILITY');
  }
  const fallbackFile = join(file.text('authdaemonvar', '/run/courier/authdaemon'), 'log');
  return { destination, name, facility, fallbackFile };
}
