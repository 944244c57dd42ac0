/**
 * The settings of proxy mode, as both mail servers have them: whether accounts that live on other servers are passed on
 * to them, and how.
 *
 * It reads the files that the settings name (authorities, the master user), because only the supervisor may.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../secret.js';
import type { ListenAddress } from '../service/listen.js';
import type { Settings } from '../settings/settings-file.js';
import type { BackEndSecurity } from './mail-hosts.js';

/** Somebody whom back ends let act as everybody. */
export interface MasterUser {
  readonly name: string;
  readonly password: Secret;
}

/** How back ends are told where a client comes from: not at all, in their protocol, or by HAProxy's header. */
export type TellAddress = 'none' | 'id' | 'haproxy';

/** What the supervisor needs: who is passed on, and as whom. */
export interface ProxySettings {
  readonly protocol: 'imap' | 'pop3';
  /** IMAP_PROXY, POP3_PROXY */
  readonly isOn: boolean;
  /** IMAP_LOGIN_REFERRALS: clients are told where their mail is. */
  readonly refers: boolean;
  /** PROXY_HOSTNAME */
  readonly hostname?: string;
  /** PROXY_TLS */
  readonly security: BackEndSecurity;
  /** PROXY_PORT */
  readonly port?: number;
  /** PROXY_MASTERFILE */
  readonly master?: MasterUser;
  readonly manner: ProxyManner;
}

/** What login processes need: how back ends are spoken to. Plain JSON. */
export interface ProxyManner {
  /** IMAP_PROXY_FOREIGN: the back end's capabilities are others than ours. */
  readonly foreign: boolean;
  /** PROXY_TLS_VERIFY */
  readonly verifies: boolean;
  /** PROXY_TLS_TRUSTCERTS, as PEM text; absent: those that Node brings. */
  readonly authorities?: string;
  /** PROXY_TIMEOUT: for connecting, and for each answer. */
  readonly seconds: number;
  /** PROXY_TELL_ADDRESS */
  readonly tellAddress: TellAddress;
}

/** What a login process needs to pass sessions on. Plain JSON. */
export interface ProxyPlaces {
  readonly manner: ProxyManner;
  /** Where this server listens: going there would be going round in a circle. */
  readonly own: readonly ListenAddress[];
}

/** Courier's, which cannot be changed there. */
const DEFAULT_SECONDS = 30;

/** Reads the settings; `prefix` is `IMAP` or `POP3`. What is wrong goes into their problems. */
export function readProxySettings(settings: Settings, prefix: string): ProxySettings {
  const hostname = settings.optionalText('PROXY_HOSTNAME');
  const port = settings.integer('PROXY_PORT', 0, { max: 65_535 });
  const master = readMaster(settings);
  return {
    protocol: prefix === 'POP3' ? 'pop3' : 'imap',
    isOn: readIsProxy(settings, prefix),
    refers: prefix === 'IMAP' && readLoginReferrals(settings),
    ...(hostname === undefined ? {} : { hostname }),
    security: settings.choice('PROXY_TLS', 'none', ['none', 'starttls', 'tls']),
    ...(port === 0 ? {} : { port }),
    ...(master === undefined ? {} : { master }),
    manner: readManner(settings, prefix),
  };
}

/** Whether accounts of other servers are passed on to them. */
export function readIsProxy(settings: Settings, prefix: string): boolean {
  return settings.switchedOn(`${prefix}_PROXY`, false);
}

/** Whether clients are told where their mail is, which only IMAP can say. */
export function readLoginReferrals(settings: Settings): boolean {
  return settings.switchedOn('IMAP_LOGIN_REFERRALS', false);
}

function readManner(settings: Settings, prefix: string): ProxyManner {
  const path = settings.optionalText('PROXY_TLS_TRUSTCERTS');
  const authorities = path === undefined ? undefined : readTrusted(settings, path);
  return {
    foreign: prefix === 'IMAP' && settings.switchedOn('IMAP_PROXY_FOREIGN', false),
    verifies: settings.yes('PROXY_TLS_VERIFY', true),
    ...(authorities === undefined ? {} : { authorities }),
    seconds: settings.integer('PROXY_TIMEOUT', DEFAULT_SECONDS, { min: 1, max: 3600 }),
    tellAddress: settings.choice('PROXY_TELL_ADDRESS', 'id', ['none', 'id', 'haproxy']),
  };
}

function readTrusted(settings: Settings, path: string): string | undefined {
  try {
    const files = statSync(path).isDirectory() ? readdirSync(path).filter(isCertificateName) : [''];
    const authorities = files.map((name) => readFileSync(join(path, name), 'utf8')).join('\n');
    if (authorities.includes('-----BEGIN CERTIFICATE-----')) return authorities;
    settings.problem('PROXY_TLS_TRUSTCERTS', `${path} holds no certificate`, 'name a PEM file, or a directory of them');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    settings.problem('PROXY_TLS_TRUSTCERTS', `${path} cannot be read (${reason})`, 'name another');
  }
  return undefined;
}

/** Names that a directory of authorities has: `c_rehash` makes the last kind. */
function isCertificateName(name: string): boolean {
  return /\.(pem|crt|\d+)$/.test(name);
}

const READABLE_BY_OTHERS = 0o004;

/** A file of one line, `name:password`, which nobody else may read. */
function readMaster(settings: Settings): MasterUser | undefined {
  const setting = 'PROXY_MASTERFILE';
  const path = settings.optionalText(setting);
  if (path === undefined) return undefined;
  try {
    const [, name, password] = /^([^:\r\n]+):([^\r\n]+)\r?\n?$/.exec(readFileSync(path, 'utf8')) ?? [];
    if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0) {
      settings.warning(setting, `${path} can be read by everybody, and opens every mailbox`, `chmod 600 ${path}`);
    }
    if (name !== undefined && password !== undefined) return { name, password: new Secret(password) };
    settings.problem(setting, `${path} is not one line of name and password`, 'write name:password into it');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    settings.problem(setting, `${path} cannot be read (${reason})`, 'let root alone read it, or name another');
  }
  return undefined;
}
