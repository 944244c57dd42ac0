/**
 * The settings of a login that all mail servers have: names, certificates, waiting, and what is made for whoever comes for
 * the first time. See etc/ for what each means.
 */
import { isAbsolute } from 'node:path';
import type { Settings } from './settings-file.js';

/** What sessions need to know of these settings, before and after login. */
export interface LoginSettings {
  /** IMAP_TLS_REQUIRED, POP3_TLS_REQUIRED: no login without TLS. */
  readonly tlsRequired: boolean;
  /** IMAP_LOGIN_TIMEOUT, …: for all that happens before login. */
  readonly loginSeconds: number;
  /** IMAP_LOGIN_DELAY, …: before a failed login is answered. */
  readonly loginDelaySeconds: number;
  /** TLS_EXTERNAL: the field of a client's certificate that is a login name; absent where no certificate is asked for. */
  readonly certificateField?: string;
  /** DEBUG_LOGIN: 1 logs the steps of a login, 2 also passwords. */
  readonly debugLogin: 0 | 1 | 2;
  /** DEFDOMAIN and DOMAINSEP. */
  readonly defaultDomain?: string;
  readonly domainSeparators?: string;
  /** LOGINCASE=lower. */
  readonly lowerCase?: boolean;
  /** STRIPDOMAIN, in small letters. */
  readonly strippedDomains?: readonly string[];
  /** ADMINSEP: `user*admin` is how an administrator logs in as somebody else. */
  readonly adminSeparator?: string;
  /** AUTHSERVICEport: the service that authdaemond is asked for, by local port. Else it is `imap` or `pop3`. */
  readonly authServices: Readonly<Record<string, string>>;
  /** IMAP_MAILBOX_SANITY_CHECK, …: the maildir must belong to the account. */
  readonly sanityCheck: boolean;
  /** AUTH_MKHOMEDIR_SKEL: a missing home is made from this directory; absent: none is made. */
  readonly makeHomesFrom?: string;
  /** IMAP_CREATE_MAILDIR, …: a missing maildir is made. */
  readonly makeMaildirs: boolean;
}

/** Reads them; `prefix` is `IMAP` or `POP3`, and `authdaemon` is authdaemonrc. */
export function readLoginSettings(settings: Settings, authdaemon: Settings, prefix: string): LoginSettings {
  return {
    ...readLoginNames(settings),
    ...readCertificateField(settings),
    ...readSkeleton(settings),
    tlsRequired: settings.switchedOn(`${prefix}_TLS_REQUIRED`, false),
    loginSeconds: settings.integer(`${prefix}_LOGIN_TIMEOUT`, 60, { min: 1, max: 3600 }),
    loginDelaySeconds: settings.integer(`${prefix}_LOGIN_DELAY`, 5, { max: 60 }),
    sanityCheck: settings.switchedOn(`${prefix}_MAILBOX_SANITY_CHECK`, true),
    makeMaildirs: settings.switchedOn(`${prefix}_CREATE_MAILDIR`, false),
    debugLogin: readDebugLogin(authdaemon),
    authServices: readAuthServices(settings),
  };
}

function readLoginNames(
  settings: Settings,
): Pick<LoginSettings, 'defaultDomain' | 'domainSeparators' | 'lowerCase' | 'strippedDomains' | 'adminSeparator'> {
  const defaultDomain = settings.optionalText('DEFDOMAIN');
  const domainSeparators = settings.optionalText('DOMAINSEP');
  const adminSeparator = settings.optionalText('ADMINSEP');
  const strippedDomains = (settings.optionalText('STRIPDOMAIN') ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .map((domain) => domain.replace(/^@/, ''))
    .filter((domain) => domain !== '');
  return {
    lowerCase: settings.choice('LOGINCASE', 'keep', ['keep', 'lower']) === 'lower',
    strippedDomains,
    ...(defaultDomain === undefined ? {} : { defaultDomain }),
    ...(domainSeparators === undefined ? {} : { domainSeparators }),
    ...(adminSeparator === undefined ? {} : { adminSeparator }),
  };
}

/** Without a certificate that was verified, nobody is let in by its name. */
function readCertificateField(settings: Settings): Pick<LoginSettings, 'certificateField'> {
  const certificateField = settings.optionalText('TLS_EXTERNAL');
  if (certificateField === undefined) return {};
  if (!/^n/i.test(settings.text('TLS_VERIFYPEER', 'NONE'))) return { certificateField };
  const what = 'TLS_EXTERNAL has no effect while clients are not asked for a certificate';
  settings.warning('TLS_EXTERNAL', what, 'write TLS_VERIFYPEER=PEER, and name their authorities in TLS_TRUSTCERTS');
  return {};
}

function readSkeleton(settings: Settings): Pick<LoginSettings, 'makeHomesFrom'> {
  const skeleton = settings.optionalText('AUTH_MKHOMEDIR_SKEL');
  if (skeleton === undefined) return {};
  if (isAbsolute(skeleton)) return { makeHomesFrom: skeleton };
  const what = `AUTH_MKHOMEDIR_SKEL=${skeleton} is not an absolute path`;
  settings.problem('AUTH_MKHOMEDIR_SKEL', what, 'write for example /etc/skel');
  return {};
}

function readDebugLogin(authdaemon: Settings): 0 | 1 | 2 {
  const level = authdaemon.integer('DEBUG_LOGIN', 0, { max: 2 });
  return level === 1 || level === 2 ? level : 0;
}

/** AUTHSERVICE143=imap, AUTHSERVICE993=imaps: by local port. */
function readAuthServices(settings: Settings): Record<string, string> {
  const services: Record<string, string> = {};
  for (const [name, service] of settings.matching(/^AUTHSERVICE\d+$/)) {
    if (service !== '') services[name.slice('AUTHSERVICE'.length)] = service;
  }
  return services;
}
