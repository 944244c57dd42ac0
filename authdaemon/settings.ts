/**
 * The settings of etc/authdaemonrc: names, defaults, and what is wrong with them.
 *
 * The file is Courier's, in shell syntax; authdaemond runs nothing of it.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type LogSettings, SYSLOG_FACILITIES } from '../init/runtime/log/log-destinations.js';
import { readLogForm } from '../init/runtime/log/logger-settings.js';
import { loadSettings, type Settings } from '../init/runtime/settings/settings-file.js';
import { type AccountOptions, parseOptions } from './account.js';
import { LDAP_WITHOUT_EFFECT, type LdapTls, readLdapTls } from './ldap/tls.js';
import { methodHint } from './secrets/hash-strength.js';

/** Lookups at once when `daemons` says nothing; what Courier ships. */
const DEFAULT_LOOKUPS_AT_ONCE = 5;
/** Longer than this is no short time. */
const MAX_CACHE_SECONDS = 3600;
const DEFAULT_CACHE_LOGINS = 10_000;
const MAX_CACHE_LOGINS = 1_000_000;
/** A shorter secret could be guessed. */
const MIN_SECRET_OCTETS = 32;
/** More lookups at once than this would only wait for each other. */
const MAX_LOOKUPS_AT_ONCE = 1000;

/** What to do about a file that holds no secret. */
const MAKE_A_SECRET = 'make one with "head -c 32 /dev/urandom >FILE; chmod 600 FILE", the same on all machines';

/** The settings, read. */
export interface AuthdaemonSettings {
  /** Names of authmodulelist in their order, each once. */
  readonly moduleNames: readonly string[];
  readonly lookupsAtOnce: number;
  /** Directory of the socket and the pid file (authdaemonvar). */
  readonly directory: string;
  readonly defaultOptions: AccountOptions;
  readonly debugLogin: 0 | 1 | 2;
  /** TEMPFAIL: what callers hear on a temporary failure who did not ask for explicit errors. */
  readonly temporaryFailure: 'silence' | 'fail';
  /** Absent: no logins are remembered. */
  readonly cache?: LoginCacheSettings;
  /** AUTH_RENEW_HASH, as hashPassword() takes it. Absent: hashes stay. */
  readonly renewHash?: string;
  /** SCRAM_SECRETFILE: what salts of names without an account are made of. Absent: the machine's identity. */
  readonly scramSecret?: Buffer;
  readonly ldapTls: LdapTls;
  readonly log: LogSettings;
  /** For problems, warnings and --dump-config. */
  readonly file: Settings;
}

/** How good logins are remembered. */
export interface LoginCacheSettings {
  readonly lifetimeMs: number;
  /** For a cache in memory. */
  readonly maxLogins: number;
  /** Absent: in memory. */
  readonly redis?: { readonly url: string; readonly secret: Buffer };
}

/** Reads `authdaemonrc` in a directory. Problems are in `file.problems`; nothing is thrown. */
export function readAuthdaemonSettings(configDirectory: string): AuthdaemonSettings {
  const file = loadSettings([join(configDirectory, 'authdaemonrc')]);
  const cache = readCacheSettings(file);
  const renewHash = readRenewHash(file);
  const scramSecret = readScramSecret(file);
  const settings: AuthdaemonSettings = {
    moduleNames: readModuleNames(file),
    lookupsAtOnce: file.integer('daemons', DEFAULT_LOOKUPS_AT_ONCE, { min: 1, max: MAX_LOOKUPS_AT_ONCE }),
    directory: file.text('authdaemonvar', '/run/courier/authdaemon'),
    defaultOptions: parseOptions(file.text('DEFAULTOPTIONS', '')),
    debugLogin: Number(file.choice('DEBUG_LOGIN', '0', ['0', '1', '2'])) as 0 | 1 | 2,
    temporaryFailure: file.choice('TEMPFAIL', 'silence', ['silence', 'fail']),
    ...(cache === undefined ? {} : { cache }),
    ...(renewHash === undefined ? {} : { renewHash }),
    ...(scramSecret === undefined ? {} : { scramSecret }),
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

function readCacheSettings(file: Settings): LoginCacheSettings | undefined {
  const seconds = file.integer('AUTHCACHE_TTL', 0, { min: 0, max: MAX_CACHE_SECONDS });
  const maxLogins = file.integer('AUTHCACHE_SIZE', DEFAULT_CACHE_LOGINS, { min: 1, max: MAX_CACHE_LOGINS });
  const url = file.text('AUTHCACHE_REDIS', '');
  const secretFile = file.text('AUTHCACHE_SECRETFILE', '');
  if (seconds === 0) return undefined;
  const settings = { lifetimeMs: seconds * 1000, maxLogins };
  if (url === '') return settings;
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    file.problem(
      'AUTHCACHE_REDIS',
      'AUTHCACHE_REDIS is no address of a Redis',
      'write for example redis://127.0.0.1:6379',
    );
  }
  const secret = secretFile === '' ? 'names no file' : readSecret(secretFile);
  if (typeof secret !== 'string') return { ...settings, redis: { url, secret } };
  file.problem('AUTHCACHE_SECRETFILE', `AUTHCACHE_SECRETFILE=${secretFile} ${secret}`, MAKE_A_SECRET);
  return settings;
}

function readScramSecret(file: Settings): Buffer | undefined {
  const path = file.text('SCRAM_SECRETFILE', '');
  const secret = path === '' ? undefined : readSecret(path);
  if (typeof secret !== 'string') return secret;
  file.problem('SCRAM_SECRETFILE', `SCRAM_SECRETFILE=${path} ${secret}`, MAKE_A_SECRET);
  return undefined;
}

function readRenewHash(file: Settings): string | undefined {
  const word = file.text('AUTH_RENEW_HASH', '');
  const hint = word === '' ? undefined : methodHint(word);
  if (word !== '' && hint === undefined) {
    const remedy = "write a method as authpasswd takes it: SSHA512, SCRAM-SHA-256, BLF-CRYPT, ARGON2ID, '$6$', '$y$'";
    file.problem('AUTH_RENEW_HASH', `AUTH_RENEW_HASH=${word} is no method that hashes are made with`, remedy);
  }
  return hint;
}

/** Gives the secret, or what is wrong with its file. */
function readSecret(path: string): Buffer | string {
  // It is the administrator who is told.
  try {
    if ((statSync(path).mode & 0o007) !== 0) return 'can be read by everybody';
    const secret = readFileSync(path);
    return secret.length < MIN_SECRET_OCTETS ? `is shorter than ${MIN_SECRET_OCTETS} octets` : secret;
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
  }
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
  return { destination, ...readLogForm(file), name, facility, fallbackFile };
}
