/**
 * Reads the settings of sessions: what clients may do, and for how long. See etc/imapd for what each means.
 */
import { isAbsolute } from 'node:path';
import { SASL_MECHANISMS } from '../../authdaemon/sasl/mechanisms.js';
import { readLoginReferrals } from '../../init/runtime/proxy/proxy-settings.js';
import { readLoginSettings } from '../../init/runtime/settings/login-settings.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { isFolderName } from '../../maildir/folder-name.js';
import { readKeeping } from './keeping-reader.js';
import { type SessionSettings, SHIPPED_INDEX_FILE, type SpecialUse } from './session-settings.js';
import { isShippedCapability } from './shipped-capabilities.js';

/** RFC 9051 section 5.4: an inactivity timer of at least 30 minutes. */
const LEAST_INACTIVITY_SECONDS = 1800;

const OCTETS_OF_MEGABYTE = 1024 * 1024;

const KEYWORDS = ['off', 'fast', 'safe'] as const;
const SPECIAL_USES = ['Drafts', 'Sent', 'Junk', 'Trash', 'Archive'] as const;

/** See settings.ts for what each is. `authdaemon` is authdaemonrc, where DEBUG_LOGIN stands. */
export function readSessionSettings(settings: Settings, authdaemon: Settings): SessionSettings {
  return {
    ...readLoginSettings(settings, authdaemon, 'IMAP'),
    ...readCapabilities(settings),
    ...readTimes(settings),
    ...readSmap(settings),
    ...readIdFields(settings),
    ...readCache(settings),
    makeFolders: readFoldersToMake(settings),
    ...readKeeping(settings),
    ...readAppendLimit(settings),
    ...readJmapAccess(settings),
    ...readLimits(settings),
    ...readAnonymous(settings),
    utf8Only: settings.switchedOn('IMAP_UTF8ONLY', false),
    unauthenticate: settings.switchedOn('IMAP_UNAUTHENTICATE', true),
    oauth: false,
    ownSeen: !settings.switchedOn('IMAP_SHAREDSEEN', true),
    acl: settings.switchedOn('IMAP_ACL', true),
    disableThreadSort: settings.switchedOn('IMAP_DISABLETHREADSORT', false),
    checkAllFolders: settings.switchedOn('IMAP_CHECK_ALL_FOLDERS', false),
    obsoleteClient: settings.switchedOn('IMAP_OBSOLETE_CLIENT', false),
    keywords: KEYWORDS[settings.integer('IMAP_KEYWORDS', 1, { max: 2 })] ?? 'fast',
    useLocks: settings.text('IMAP_USELOCKS', '1').startsWith('1'),
    durable: settings.switchedOn('IMAP_SYNC', true),
    logDeletions: !settings.text('IMAP_LOG_DELETIONS', '0').startsWith('0'),
    foldersBesideInbox: settings.switchedOn('IMAP_FOLDERS_BESIDE_INBOX', false),
    sharedIndexFile: settings.text('IMAP_SHAREDINDEXFILE', SHIPPED_INDEX_FILE),
    sharedMaildirsFile: '/etc/courier/maildirshared',
    sharedSameDomain: settings.switchedOn('IMAP_SHAREDSAMEDOMAIN', false),
    mungeSharedNames: settings.switchedOn('IMAP_SHAREDMUNGENAMES', false),
    trashFolderName: settings.text('IMAP_TRASHFOLDERNAME', 'Trash'),
    specialUse: readSpecialUse(settings),
    loginReferrals: readLoginReferrals(settings),
    notifyMailboxes: settings.integer('IMAP_NOTIFY_MAILBOXES', 5_000, { min: 1 }),
    maxBadCommands: settings.integer('IMAP_MAX_BAD_COMMANDS', 10, { min: 1 }),
  };
}

function readAppendLimit(settings: Settings): Pick<SessionSettings, 'appendLimitOctets'> {
  const appendLimitOctets = settings.integer('IMAP_APPENDLIMIT', 0);
  return appendLimitOctets === 0 ? {} : { appendLimitOctets };
}

/** `guest password` */
function readAnonymous(settings: Settings): Pick<SessionSettings, 'anonymous'> {
  const value = settings.optionalText('IMAP_ANONYMOUS')?.trim() ?? '';
  if (value === '') return {};
  const [, loginName, password] = /^(\S+)\s+(\S+)$/.exec(value) ?? [];
  if (loginName !== undefined && password !== undefined) return { anonymous: { loginName, password } };
  settings.problem(
    'IMAP_ANONYMOUS',
    'IMAP_ANONYMOUS names no account and password',
    'write both, with a blank between',
  );
  return {};
}

/** RFC 9738. */
function readLimits(settings: Settings): Pick<SessionSettings, 'messageLimit' | 'saveLimit'> {
  const messageLimit = settings.integer('IMAP_MESSAGELIMIT', 0);
  const saveLimit = settings.integer('IMAP_SAVELIMIT', 0);
  if (messageLimit > 0) return { messageLimit };
  return saveLimit > 0 ? { saveLimit } : {};
}

/** Clients send passwords there. */
function readJmapAccess(settings: Settings): Pick<SessionSettings, 'jmapUrl'> {
  const jmapUrl = settings.optionalText('IMAP_JMAPACCESS');
  if (jmapUrl === undefined) return {};
  if (/^https:\/\/[\x21-\x7e]+$/.test(jmapUrl)) return { jmapUrl };
  const what = `IMAP_JMAPACCESS=${jmapUrl} is no URL of https`;
  settings.problem('IMAP_JMAPACCESS', what, 'write for example https://jmap.example.com/.well-known/jmap');
  return {};
}

function readSmap(settings: Settings): Pick<SessionSettings, 'smap'> {
  const capability = settings.text('SMAP_CAPABILITY', '').trim();
  const sendmail = settings.text('SENDMAIL', '/usr/sbin/sendmail');
  return capability === '' ? {} : { smap: { capability, sendmail } };
}

/** Only words of the administrator's own are obeyed: a value that Courier shipped would hide what is new here. */
function readCapabilities(
  settings: Settings,
): Pick<SessionSettings, 'capability' | 'capabilityTls' | 'mechanisms' | 'mechanismsTls'> {
  const plain = settings.optionalText('IMAP_CAPABILITY');
  const tls = settings.optionalText('IMAP_CAPABILITY_TLS');
  warnOfUnknownMechanisms(settings, 'IMAP_CAPABILITY', plain);
  warnOfUnknownMechanisms(settings, 'IMAP_CAPABILITY_TLS', tls);
  return {
    ...(plain === undefined || isShippedCapability(plain) ? {} : { capability: plain }),
    ...(tls === undefined || isShippedCapability(tls) ? {} : { capabilityTls: tls }),
    mechanisms: mechanismsIn(plain ?? ''),
    mechanismsTls: mechanismsIn(tls ?? plain ?? ''),
  };
}

/** `IMAP4rev1 … AUTH=CRAM-MD5` switches CRAM-MD5 on, as in Courier. */
function mechanismsIn(capability: string): string[] {
  return [...capability.toUpperCase().matchAll(/(?<!\S)AUTH=(\S+)/g)].map(([, name = '']) => name);
}

function warnOfUnknownMechanisms(settings: Settings, name: string, value: string | undefined): void {
  const unknown = mechanismsIn(value ?? '').filter((mechanism) => !SASL_MECHANISMS.includes(mechanism));
  if (unknown.length === 0) return;
  const remedy = `the mechanisms are ${SASL_MECHANISMS.join(', ')}`;
  settings.warning(name, `${name}: AUTH=${unknown.join(', AUTH=')} cannot be done`, remedy);
}

function readTimes(settings: Settings) {
  const inactivitySeconds = settings.integer('IMAP_INACTIVITY_TIMEOUT', LEAST_INACTIVITY_SECONDS, { min: 1 });
  if (inactivitySeconds < LEAST_INACTIVITY_SECONDS) {
    const what = `IMAP_INACTIVITY_TIMEOUT=${inactivitySeconds} is less than RFC 9051 allows`;
    settings.warning('IMAP_INACTIVITY_TIMEOUT', what, `clients expect ${LEAST_INACTIVITY_SECONDS} or more`);
  }
  return {
    inactivitySeconds,
    idleHeartbeatSeconds: settings.integer('IMAP_IDLE_HEARTBEAT', 120, { max: 86_400 }),
  };
}

function readIdFields(settings: Settings): Pick<SessionSettings, 'idFields'> {
  if (settings.optionalText('IMAP_ID_FIELDS') === undefined) return {};
  return { idFields: settings.integer('IMAP_ID_FIELDS', 0, { max: 7 }) };
}

function readCache(settings: Settings): Pick<SessionSettings, 'cacheDirectory' | 'cacheFileOctets'> {
  const cacheDirectory = settings.textOrNone('IMAP_CACHEDIR', '/var/cache/angarium');
  const cacheFileOctets = settings.integer('IMAP_CACHESIZE', 2048, { min: 1 }) * OCTETS_OF_MEGABYTE;
  if (cacheDirectory === undefined) return { cacheFileOctets };
  if (isAbsolute(cacheDirectory)) return { cacheDirectory, cacheFileOctets };
  const what = `IMAP_CACHEDIR=${cacheDirectory} is not an absolute path`;
  settings.problem('IMAP_CACHEDIR', what, 'write it from / on, or nothing for no files');
  return { cacheFileOctets };
}

function readFoldersToMake(settings: Settings): readonly string[] {
  const names = settings.text('IMAP_CREATE_FOLDERS', '').split(',');
  const makeFolders = names.map((name) => name.trim()).filter((name) => name !== '');
  for (const name of makeFolders.filter((each) => !isFolderName(`INBOX.${each}`))) {
    const remedy = 'write names with commas between, without INBOX in front and with a dot before a subfolder';
    settings.problem('IMAP_CREATE_FOLDERS', `IMAP_CREATE_FOLDERS: ${name} cannot be a folder`, remedy);
  }
  return makeFolders;
}

/** `Drafts=Drafts, Sent=Sent Items`: roles of RFC 6154 and folder names without `INBOX.`. */
function readSpecialUse(settings: Settings): SessionSettings['specialUse'] {
  const specialUse: Partial<Record<SpecialUse, string>> = {};
  const shipped = SPECIAL_USES.map((role) => `${role}=${role}`).join(', ');
  const pairs = settings.text('IMAP_SPECIALUSE', shipped).split(',');
  for (const pair of pairs.map((part) => part.trim()).filter((part) => part !== '')) {
    const [, role = '', folderName = ''] = /^([A-Za-z]+)=(.*)$/.exec(pair) ?? [];
    const known = SPECIAL_USES.find((use) => use.toLowerCase() === role.toLowerCase());
    if (known === undefined) {
      const remedy = `write Role=Folder, the roles being ${SPECIAL_USES.join(', ')}`;
      settings.problem('IMAP_SPECIALUSE', `IMAP_SPECIALUSE: ${pair} is not understood`, remedy);
    } else if (folderName !== '') specialUse[`\\${known}`] = folderName;
  }
  return specialUse;
}
