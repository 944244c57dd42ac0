/**
 * The settings of authpgsqlrc: Courier's, with what PGSQL_CONNECTION may say to PostgreSQL's own library.
 */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../init/runtime/secret.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';
import { type AccountSettings, needed, readAccountSettings, withoutAbsent } from './account-settings.js';
import { parseConninfo } from './conninfo.js';
import { checkTlsFiles, type TlsFiles } from './tls-files.js';

/** The file's name. */
export const PGSQL_RC = 'authpgsqlrc';

/** How much TLS there must be, in the words of PostgreSQL's library. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** A place where the server listens. */
export interface PgsqlAddress {
  /** A host's name or address, or the directory of a socket. */
  readonly host: string;
  readonly port: number;
  /** The name in the server's certificate, where `host` is an address given beside it. */
  readonly certifiedName?: string;
}

/** The settings, read. */
export interface PgsqlSettings extends AccountSettings {
  readonly addresses: readonly PgsqlAddress[];
  readonly user: string;
  readonly password?: Secret;
  readonly database: string;
  /** Options for the server: `-c search_path=mail`. */
  readonly options?: string;
  readonly applicationName: string;
  readonly sslMode: SslMode;
  readonly tls: TlsFiles;
}

const CONNECTION = 'PGSQL_CONNECTION';
const SSL_MODES: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const MAX_SERVERS = 5;
const DEFAULT_PORT = 5432;
const DEFAULT_SOCKET_DIRECTORY = '/run/postgresql';
/** Parameters that only tune what happens here anyway. */
const HARMLESS =
  /^(connect_timeout|fallback_application_name|keepalives(_.*)?|tcp_user_timeout|gssencmode|sslcompression|sslsni)$/;
/** Values of the template that Courier once shipped; it no longer reads them. */
const FORMER = ['HOST', 'PORT', 'DATABASE', 'USERNAME', 'PASSWORD', 'OPT'];

/** Reads the settings; what is wrong goes into the file's problems. */
export function readPgsqlSettings(file: Settings): PgsqlSettings {
  const accounts = readAccountSettings(file, 'pgsql');
  for (const name of FORMER.map((each) => `PGSQL_${each}`)) {
    if (file.optionalText(name) === undefined) continue;
    file.warning(name, `${name} has no effect, as in Courier`, `write it into ${CONNECTION}`);
  }
  const parameters = readParameters(file);
  const taken = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value === '' ? undefined : value;
  };
  const user = taken('user') ?? ownName(file);
  const password = taken('password');
  if (password !== undefined) file.keepSecret(CONNECTION);
  const tls = readTlsNames(file, taken);
  const settings = {
    ...accounts,
    addresses: readAddresses(file, taken),
    user,
    database: taken('dbname') ?? user,
    applicationName: taken('application_name') ?? 'authdaemond',
    sslMode: readSslMode(file, taken('sslmode'), tls),
    tls,
    ...withoutAbsent({
      password: password === undefined ? undefined : new Secret(password),
      options: taken('options'),
    }),
  };
  refuseUnknown(file, parameters);
  return settings;
}

/** Looks for mistakes in the file of a directory. */
export function checkPgsqlSettings(configDirectory: string) {
  return readRcFile(join(configDirectory, PGSQL_RC), readPgsqlSettings);
}

/** PostgreSQL's library takes the name of the process's user. */
function ownName(file: Settings): string {
  // A uid without a name, as containers have them.
  try {
    return userInfo().username;
  } catch {
    needed(file, CONNECTION, 'user= is missing');
    return '';
  }
}

function readParameters(file: Settings): Map<string, string> {
  const text = file.optionalText(CONNECTION);
  if (text === undefined) needed(file, CONNECTION, 'the connection to the server is not described');
  const parameters = parseConninfo(text ?? '');
  if (typeof parameters !== 'string') return new Map(parameters);
  file.problem(CONNECTION, `${CONNECTION} ${parameters}`, "write name=value, and values with blanks as 'value'");
  return new Map();
}

type Take = (name: string) => string | undefined;

/** One place for each entry of the lists; a single port is for all of them. */
function readAddresses(file: Settings, taken: Take): PgsqlAddress[] {
  const [hosts, addresses, ports] = ['host', 'hostaddr', 'port'].map((name) => {
    const value = taken(name);
    return value === undefined ? [] : value.split(',').map((entry) => entry.trim());
  });
  const count = Math.max(hosts?.length ?? 0, addresses?.length ?? 0, 1);
  if (count > MAX_SERVERS) {
    file.problem(CONNECTION, `${CONNECTION} names ${count} servers`, `name ${MAX_SERVERS} at most`);
  }
  for (const port of ports ?? []) {
    if (port === '' || /^[1-9]\d{0,4}$/.test(port)) continue;
    file.problem(CONNECTION, `port=${port} is not the number of a port`, `write for example port=${DEFAULT_PORT}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const port = (ports?.length === 1 ? ports[0] : ports?.[index]) ?? '';
    const name = hosts?.[index] ?? '';
    const address = addresses?.[index] ?? '';
    const place = { port: port === '' ? DEFAULT_PORT : Number(port) };
    if (address !== '') return { ...place, host: address, ...(name === '' ? {} : { certifiedName: name }) };
    return { ...place, host: name === '' ? DEFAULT_SOCKET_DIRECTORY : name };
  });
}

function readTlsNames(file: Settings, taken: Take): TlsFiles {
  const authorities = taken('sslrootcert');
  const tls: TlsFiles = withoutAbsent({
    key: taken('sslkey'),
    certificate: taken('sslcert'),
    // The authorities that come with Node.js are used where none are named.
    authorities: authorities === 'system' ? undefined : authorities,
  });
  checkTlsFiles(file, tls, () => CONNECTION);
  return tls;
}

/** As PostgreSQL's library: "require" checks the certificate when there is something to check it with. */
function readSslMode(file: Settings, text: string | undefined, { authorities }: TlsFiles): SslMode {
  const mode = SSL_MODES.find((each) => each === text);
  if (text !== undefined && mode === undefined) {
    file.problem(CONNECTION, `sslmode=${text} is not known`, `write one of ${SSL_MODES.join(', ')}`);
  }
  return mode === 'require' && authorities !== undefined ? 'verify-ca' : (mode ?? 'prefer');
}

/** What is silently left out might be what protects the site. */
function refuseUnknown(file: Settings, parameters: ReadonlyMap<string, string>): void {
  for (const [name, value] of parameters) {
    if (HARMLESS.test(name) || (name === 'target_session_attrs' && value === 'any')) continue;
    if (name === 'client_encoding' && /^(auto|utf-?8|unicode)$/i.test(value)) continue;
    const remedy = name === 'client_encoding' ? 'use PGSQL_CHARACTER_SET' : 'leave it out';
    file.problem(CONNECTION, `${name}=${name.includes('pass') ? '…' : value} cannot be had here`, remedy);
  }
}
