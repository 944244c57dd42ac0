/**
 * The settings of etc/authldaprc: names, defaults as Courier's, and what is wrong with them.
 */
import { join } from 'node:path';
import type { Filter } from 'ldapts';
import { Secret } from '../../init/runtime/secret.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { findSystemGroup, findSystemUser } from '../../init/runtime/system/system-users.js';
import { unixId } from '../protocol.js';
import { readRcFile } from '../rc-file.js';
import { emailMapFilter, parseFilter, parseFilters } from './filter.js';
import type { Aliases } from './ldapts-gaps.js';
import { isRemote, type LdapUri, parseLdapUri } from './uri.js';

/** A login waits for its answer; longer than this no client does. */
const MAX_TIMEOUT_SECONDS = 300;
const DEFAULT_TIMEOUT_SECONDS = 5;

/** LDAP_DEREF's words and LDAP's own. */
const ALIASES = { never: 'never', searching: 'search', finding: 'find', always: 'always' } as const;

/** Names of attributes, each the value of a setting. */
export interface LdapAttributes {
  readonly mail: string;
  readonly home: string;
  readonly maildir?: string;
  readonly defaultDelivery?: string;
  readonly quota?: string;
  readonly fullName?: string;
  readonly clearPassword?: string;
  readonly encryptedPassword?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** LDAP_AUXOPTIONS: attributes whose values become account options. */
  readonly options: readonly { readonly attribute: string; readonly option: string }[];
}

/** LDAP_EMAILMAP and its kin: an address is looked up first, and what is found there is looked for as the account. */
export interface EmailMap {
  readonly template: string;
  readonly base: string;
  /** Holds, in the map, the value that the account's `accountAttribute` has. */
  readonly attribute: string;
  readonly accountAttribute: string;
}

/** The settings, read. */
export interface LdapSettings {
  readonly uris: readonly LdapUri[];
  readonly base: string;
  readonly initialBind?: { readonly dn: string; readonly password: Secret };
  readonly timeoutMs: number;
  /** LDAP_AUTHBIND: the server checks passwords. */
  readonly authBind: boolean;
  readonly startTls: boolean;
  readonly aliases: Aliases;
  readonly filter?: Filter;
  readonly enumerateFilter?: Filter;
  /** LDAP_DOMAIN, without the @. */
  readonly domain?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mailRoot?: string;
  readonly attributes: LdapAttributes;
  readonly emailMap?: EmailMap;
}

/** The path of the file. */
export function ldapSettingsPath(configDirectory: string): string {
  return join(configDirectory, 'authldaprc');
}

/** Looks for mistakes in a directory's `authldaprc`. */
export function checkLdapSettings(configDirectory: string): {
  problems: readonly string[];
  warnings: readonly string[];
} {
  return readRcFile(ldapSettingsPath(configDirectory), readLdapSettings);
}

/** Reads the settings; problems and warnings are in `file`. */
export function readLdapSettings(file: Settings): LdapSettings {
  const uris = readUris(file);
  const base = file.text('LDAP_BASEDN', '');
  if (base === '')
    file.problem('LDAP_BASEDN', 'LDAP_BASEDN is missing', 'write where accounts are, such as dc=example,dc=com');
  const version = file.integer('LDAP_PROTOCOL_VERSION', 0, { max: 3 });
  if (version !== 0 && version !== 3) {
    file.warning('LDAP_PROTOCOL_VERSION', `version ${version} of LDAP is not spoken here`, 'write 3');
  }
  const attributes = readAttributes(file);
  const authBind = file.switchedOn('LDAP_AUTHBIND', false);
  if (!authBind && attributes.clearPassword === undefined && attributes.encryptedPassword === undefined) {
    const remedy = 'name an attribute in LDAP_CRYPTPW or LDAP_CLEARPW, or let the server check them: LDAP_AUTHBIND 1';
    file.warning('LDAP_AUTHBIND', 'no password can be checked', remedy);
  }
  return {
    uris,
    base,
    timeoutMs: 1000 * file.integer('LDAP_TIMEOUT', DEFAULT_TIMEOUT_SECONDS, { min: 1, max: MAX_TIMEOUT_SECONDS }),
    authBind,
    startTls: readStartTls(file, uris),
    aliases: readAliases(file),
    attributes,
    ...readInitialBind(file),
    ...given('filter', readFilter(file, 'LDAP_FILTER', parseFilters)),
    ...given('enumerateFilter', readFilter(file, 'LDAP_ENUMERATE_FILTER', parseFilter)),
    ...given('domain', file.optionalText('LDAP_DOMAIN')?.replace(/^@/, '')),
    ...given('mailRoot', file.optionalText('LDAP_MAILROOT')),
    ...given(
      'uid',
      readId(file, 'LDAP_GLOB_UID', (name) => findSystemUser(name)?.uid),
    ),
    ...given('gid', readId(file, 'LDAP_GLOB_GID', findSystemGroup)),
    ...given('emailMap', readEmailMap(file, base, attributes.mail)),
  };
}

function readUris(file: Settings): LdapUri[] {
  const words = file
    .text('LDAP_URI', '')
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  if (words.length === 0) file.problem('LDAP_URI', 'LDAP_URI is missing', 'write for example ldaps://ldap.example.com');
  const uris: LdapUri[] = [];
  for (const word of words) {
    const uri = parseLdapUri(word);
    if (typeof uri !== 'string') uris.push(uri);
    else file.problem('LDAP_URI', `LDAP_URI: ${word} ${uri}`, 'write for example ldaps://ldap.example.com');
  }
  return uris;
}

function readStartTls(file: Settings, uris: readonly LdapUri[]): boolean {
  const startTls = file.switchedOn('LDAP_TLS', false);
  const inTls = uris.find(({ kind }) => kind === 'ldaps');
  if (startTls && inTls !== undefined) {
    file.warning('LDAP_TLS', `LDAP_TLS has no effect on ${inTls.text}`, 'ldaps:// is in TLS from the beginning');
  }
  const open = uris.find(isRemote);
  if (!startTls && open !== undefined) {
    const remedy = 'set LDAP_TLS to 1, or write ldaps:// where the server has it';
    file.warning('LDAP_URI', `${open.text}: passwords go over the network in the clear`, remedy);
  }
  return startTls;
}

function readInitialBind(file: Settings): Pick<LdapSettings, 'initialBind'> {
  const dn = file.optionalText('LDAP_BINDDN');
  const password = file.optionalText('LDAP_BINDPW');
  file.keepSecret('LDAP_BINDPW');
  if (!file.switchedOn('LDAP_INITBIND', false)) return {};
  if (dn !== undefined && password !== undefined) return { initialBind: { dn, password: new Secret(password) } };
  const missing = dn === undefined ? 'LDAP_BINDDN' : 'LDAP_BINDPW';
  file.problem(missing, `${missing} is missing`, 'LDAP_INITBIND 1 needs both; set it to 0 to search as nobody');
  return {};
}

function readAliases(file: Settings): Aliases {
  const word = file.text('LDAP_DEREF', 'never').toLowerCase();
  if (Object.hasOwn(ALIASES, word)) return ALIASES[word as keyof typeof ALIASES];
  file.problem('LDAP_DEREF', `LDAP_DEREF ${word} is not known`, `write one of ${Object.keys(ALIASES).join(', ')}`);
  return 'never';
}

function readAttributes(file: Settings): LdapAttributes {
  const attribute = (name: string, fallback?: string): string | undefined => {
    const value = file.optionalText(name) ?? fallback;
    if (value !== undefined && !isAttribute(value)) {
      file.problem(name, `${name} ${value} is not the name of an attribute`, 'write one name, such as mail');
    }
    return value;
  };
  return {
    mail: attribute('LDAP_MAIL', 'mail') ?? 'mail',
    home: attribute('LDAP_HOMEDIR', 'homeDir') ?? 'homeDir',
    ...given('maildir', attribute('LDAP_MAILDIR')),
    ...given('defaultDelivery', attribute('LDAP_DEFAULTDELIVERY')),
    ...given('quota', attribute('LDAP_MAILDIRQUOTA')),
    ...given('fullName', attribute('LDAP_FULLNAME')),
    ...given('clearPassword', attribute('LDAP_CLEARPW')),
    ...given('encryptedPassword', attribute('LDAP_CRYPTPW')),
    ...given('uid', attribute('LDAP_UID')),
    ...given('gid', attribute('LDAP_GID')),
    options: readAuxiliaryOptions(file),
  };
}

function readAuxiliaryOptions(file: Settings): LdapAttributes['options'] {
  const items = (file.optionalText('LDAP_AUXOPTIONS') ?? '').split(',').map((item) => item.trim());
  return items
    .filter((item) => item !== '')
    .flatMap((item) => {
      const [attribute = '', option = '', ...more] = item.split('=');
      if (isAttribute(attribute) && /^[^\s=,/|]+$/.test(option) && more.length === 0) return [{ attribute, option }];
      const remedy = 'write ATTRIBUTE=OPTION, separated by commas, without blanks';
      file.problem('LDAP_AUXOPTIONS', `LDAP_AUXOPTIONS: ${item} is not understood`, remedy);
      return [];
    });
}

function readEmailMap(file: Settings, base: string, mail: string): EmailMap | undefined {
  const template = readFilter(file, 'LDAP_EMAILMAP', (text) => {
    emailMapFilter(text, 'user', 'realm');
    return text;
  });
  const map = {
    base: file.text('LDAP_EMAILMAP_BASEDN', base),
    attribute: file.text('LDAP_EMAILMAP_ATTRIBUTE', 'handle'),
    accountAttribute: file.text('LDAP_EMAILMAP_MAIL', mail),
  };
  return template === undefined ? undefined : { template, ...map };
}

function readFilter<Found>(file: Settings, name: string, parse: (text: string) => Found): Found | undefined {
  const text = file.optionalText(name);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    file.problem(name, `${name} is not a search filter: ${what}`, 'write for example (objectClass=person)');
    return undefined;
  }
}

function readId(file: Settings, name: string, find: (name: string) => number | undefined): number | undefined {
  const text = file.optionalText(name);
  if (text === undefined) return undefined;
  const id = /^[0-9]+$/.test(text) ? unixId(text) : find(text);
  if (id === undefined)
    file.problem(name, `${name} ${text} is not known to this system`, 'write a number, or a name that is');
  if (id === 0) file.problem(name, `${name} ${text} is root`, 'mail belongs to a user of its own');
  return id;
}

function isAttribute(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*$|^[0-9]+(\.[0-9]+)+$/.test(text);
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });
}
