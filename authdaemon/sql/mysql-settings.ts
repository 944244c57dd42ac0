/**
 * The settings of authmysqlrc: Courier's, and a list of servers where Courier has one.
 */
import { join } from 'node:path';
import { Secret } from '../../init/runtime/secret.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';
import { type AccountSettings, needed, readAccountSettings, withoutAbsent } from './account-settings.js';
import { checkTlsFiles, type TlsFiles } from './tls-files.js';

/** The file's name. */
export const MYSQL_RC = 'authmysqlrc';

/** A place where the server listens. */
export type MysqlAddress =
  | { readonly host: string; readonly port: number }
  /** The socket, or, where the C library would have taken a socket by itself and there is none, a port. */
  | { readonly socketPath: string; readonly otherwise?: { readonly host: string; readonly port: number } };

/** The settings, read. */
export interface MysqlSettings extends AccountSettings {
  readonly addresses: readonly MysqlAddress[];
  readonly user: string;
  readonly password: Secret;
  readonly database: string;
  /** Changes to the driver's client flags: `IGNORE_SPACE`. */
  readonly flags: readonly string[];
  readonly tls?: TlsFiles & { readonly ciphers?: string };
}

/** Each may take its time to refuse us, and a client waits for no more than half a minute. */
const MAX_SERVERS = 5;
const DEFAULT_PORT = 3306;
/** Where the C library looks for "localhost". */
const DEFAULT_SOCKET = '/run/mysqld/mysqld.sock';

/** Client flags that MYSQL_OPT may hold; 0 is for those that change nothing here. */
const clientFlags: Readonly<Record<number, string>> = {
  2: 'FOUND_ROWS',
  4: '',
  32: '',
  64: 'ODBC',
  256: 'IGNORE_SPACE',
  1024: '',
  4096: '',
  65536: 'MULTI_STATEMENTS',
  131072: 'MULTI_RESULTS',
};

/** Reads the settings; what is wrong goes into the file's problems. */
export function readMysqlSettings(file: Settings): MysqlSettings {
  const accounts = readAccountSettings(file, 'mysql');
  const addresses = readAddresses(file);
  const [user, password, database] = ['USERNAME', 'PASSWORD', 'DATABASE'].map((name) => file.text(`MYSQL_${name}`, ''));
  file.keepSecret('MYSQL_PASSWORD');
  if (user === '') needed(file, 'MYSQL_USERNAME', 'the name for the server is missing');
  if (database === '') needed(file, 'MYSQL_DATABASE', 'the database is not named');
  const tls = readTls(file);
  return {
    ...accounts,
    addresses,
    user: user ?? '',
    password: new Secret(password ?? ''),
    database: database ?? '',
    flags: readFlags(file),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Looks for mistakes in the file of a directory. */
export function checkMysqlSettings(configDirectory: string) {
  return readRcFile(join(configDirectory, MYSQL_RC), readMysqlSettings);
}

function readAddresses(file: Settings): MysqlAddress[] {
  const port = file.integer('MYSQL_PORT', 0, { min: 0, max: 65535 }) || DEFAULT_PORT;
  const socketPath = file.optionalText('MYSQL_SOCKET');
  const hosts = file
    .text('MYSQL_SERVER', '')
    .split(/[\s,]+/)
    .filter((host) => host !== '');
  if (hosts.length === 0 && socketPath === undefined) {
    needed(file, 'MYSQL_SERVER', 'neither MYSQL_SERVER nor MYSQL_SOCKET is set');
  }
  if (hosts.length > MAX_SERVERS) {
    file.problem('MYSQL_SERVER', `MYSQL_SERVER names ${hosts.length} servers`, `name ${MAX_SERVERS} at most`);
  }
  if (hosts.length === 0 && socketPath !== undefined) return [{ socketPath }];
  return hosts.map((host): MysqlAddress => {
    // As the C library does it: on this machine the socket is used, and the port is not looked at.
    if (host === 'localhost') {
      return socketPath === undefined
        ? { socketPath: DEFAULT_SOCKET, otherwise: { host: 'localhost', port } }
        : { socketPath };
    }
    const [, bracketed, plain, own] = /^(?:\[(.*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(host) ?? [];
    return { host: bracketed ?? plain ?? host, port: own === undefined ? port : Number(own) };
  });
}

function readFlags(file: Settings): string[] {
  let rest = file.integer('MYSQL_OPT', 0, { min: 0, max: 0x7fff_ffff });
  const flags: string[] = [];
  for (const [bit, name] of Object.entries(clientFlags)) {
    if ((rest & Number(bit)) === 0) continue;
    rest &= ~Number(bit);
    if (name !== '') flags.push(name);
  }
  if (rest !== 0) {
    const remedy = 'write 0, or a sum of 2 (FOUND_ROWS), 256 (IGNORE_SPACE), 65536 (MULTI_STATEMENTS)';
    file.problem('MYSQL_OPT', `MYSQL_OPT asks for the client flags ${rest}, which cannot be had here`, remedy);
  }
  return flags;
}

function readTls(file: Settings): MysqlSettings['tls'] {
  const path = (name: string): string | undefined => file.optionalText(`MYSQL_SSL_${name}`);
  const files: TlsFiles = withoutAbsent({
    key: path('KEY'),
    certificate: path('CERT'),
    authorities: path('CACERT'),
    authoritiesDirectory: path('CAPATH'),
  });
  // Courier explains the one name and reads the other.
  const ciphers = [path('CIPHER'), path('CIPHERS')].find((text) => text !== undefined);
  if (files.authorities === undefined && files.authoritiesDirectory === undefined) {
    const name = ['KEY', 'CERT'].map((each) => `MYSQL_SSL_${each}`).find((each) => file.optionalText(each));
    const remedy = 'set MYSQL_SSL_CACERT or MYSQL_SSL_CAPATH';
    if (name !== undefined) file.warning(name, 'the connection is not encrypted', remedy);
    return undefined;
  }
  const names = { key: 'KEY', certificate: 'CERT', authorities: 'CACERT', authoritiesDirectory: 'CAPATH' };
  checkTlsFiles(file, files, (kind) => `MYSQL_SSL_${names[kind]}`);
  return withoutAbsent({ ...files, ciphers });
}
