/**
 * A running slapd for tests: an own directory, own ports of 127.0.0.1, plain, TLS and a Unix socket at once.
 *
 * Its schema has what Courier's LDAP schema calls mail accounts; every entry may hold any attribute of it, so that broken
 * ones can be made. `slapadd` fills it before it starts, so thousands of entries take a second.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeNewCertificate } from '../../init/runtime/tls/certificate-file.js';
import { freePort, mustRun, waitForPort } from './processes.js';

export const BASE_DN = 'dc=example,dc=com';
export const ADMIN_DN = `cn=admin,${BASE_DN}`;
export const ADMIN_PASSWORD = 'admin secret';

/** One entry: its name below BASE_DN and its attributes; a Buffer is a value that is no text. */
export interface LdapEntry {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>;
}

/** What differs from a server that everybody may read, but for passwords. */
export interface SlapdOptions {
  readonly entries: readonly LdapEntry[];
  /** Rules about passwords and the like, before the one that lets everybody read the rest; `limits …`. */
  readonly access?: readonly string[];
  /** `overlay …` */
  readonly overlays?: readonly string[];
  /** What its certificate is for. */
  readonly names?: readonly string[];
  /** Does it insist on a certificate of the client? Its own will do. */
  readonly wantsCertificate?: boolean;
}

const ATTRIBUTES = [
  'mailbox',
  'quota',
  'clearPassword',
  'defaultDelivery',
  'disableimap',
  'sharedgroup',
  'handle',
  'realm',
];
const READABLE_BY_ALL = ['access to attrs=userPassword,clearPassword by anonymous auth by self write by * none'];

/** A server that can be stopped and started again with what it knows. */
export class Slapd {
  readonly directory: string;
  /** A certificate that has signed itself: authority and server in one. */
  readonly certificate: string;
  readonly #ports: { readonly plain: number; readonly tls: number };
  #child: ChildProcess | undefined;

  private constructor(directory: string, ports: { plain: number; tls: number }) {
    this.directory = directory;
    this.certificate = join(directory, 'server.pem');
    this.#ports = ports;
  }

  /** Makes the database and starts the server. */
  static async start(options: SlapdOptions): Promise<Slapd> {
    const directory = mkdtempSync(join(tmpdir(), 'slapd-'));
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'db'));
    const slapd = new Slapd(directory, { plain: await freePort(), tls: await freePort() });
    writeNewCertificate(slapd.certificate, options.names ?? ['localhost', '127.0.0.1']);
    writeFileSync(slapd.#file('slapd.conf'), configuration(directory, options));
    writeFileSync(slapd.#file('init.ldif'), ldif(options.entries));
    await mustRun(['/usr/sbin/slapadd', '-q', '-f', slapd.#file('slapd.conf'), '-l', slapd.#file('init.ldif')]);
    await slapd.resume();
    return slapd;
  }

  get uri(): string {
    return `ldap://127.0.0.1:${this.#ports.plain}`;
  }

  get port(): number {
    return this.#ports.plain;
  }

  get tlsUri(): string {
    return `ldaps://127.0.0.1:${this.#ports.tls}`;
  }

  get socketUri(): string {
    return `ldapi://${encodeURIComponent(this.#file('ldapi'))}`;
  }

  /** What it has logged: operations of each connection. */
  log(): string {
    return readFileSync(this.#file('log'), 'utf8');
  }

  /** Starts it after a stop, on the same ports. */
  async resume(): Promise<void> {
    const output = openSync(this.#file('log'), 'a');
    const uris = `${this.uri}/ ${this.tlsUri}/ ${this.socketUri}`;
    this.#child = spawn('/usr/sbin/slapd', ['-f', this.#file('slapd.conf'), '-h', uris, '-d', 'stats'], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    await waitForPort(this.#ports.plain);
    await waitForPort(this.#ports.tls);
  }

  /** Ends the process; every connection is closed. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  /** Changes entries as the administrator: LDIF with `changetype: modify`. */
  async modify(changes: string): Promise<void> {
    const words = ['/usr/bin/ldapmodify', '-x', '-H', this.uri, '-D', ADMIN_DN, '-w', ADMIN_PASSWORD];
    await mustRun(words, { input: changes });
  }

  /** Reads one attribute of an entry as the administrator; undefined when it has none. */
  async read(name: string, attribute: string): Promise<string | undefined> {
    const who = ['-x', '-LLL', '-o', 'ldif-wrap=no', '-D', ADMIN_DN, '-w', ADMIN_PASSWORD];
    const what = ['-b', `${name},${BASE_DN}`, '-s', 'base', '(objectClass=*)', attribute];
    const answer = await mustRun(['/usr/bin/ldapsearch', '-H', this.uri, ...who, ...what]);
    const [, base64, value] = new RegExp(`^${attribute}:(:?) (.*)$`, 'm').exec(answer) ?? [];
    return value !== undefined && base64 === ':' ? Buffer.from(value, 'base64').toString() : value;
  }

  /** Ends it and removes its directory. */
  async remove(): Promise<void> {
    await this.stop();
    if (existsSync(this.directory)) rmSync(this.directory, { recursive: true });
  }

  #file(name: string): string {
    return join(this.directory, name);
  }
}

function configuration(directory: string, options: SlapdOptions): string {
  const attributes = ATTRIBUTES.map(
    (name, index) =>
      `attributetype ( 1.1.2.1.${index + 1} NAME '${name}' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )`,
  );
  return [
    ...['core', 'cosine', 'inetorgperson', 'nis'].map((name) => `include /etc/ldap/schema/${name}.schema`),
    ...attributes,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload ppolicy',
    `pidfile ${directory}/pid`,
    `TLSCACertificateFile ${directory}/server.pem`,
    `TLSCertificateFile ${directory}/server.pem`,
    `TLSCertificateKeyFile ${directory}/server.pem`,
    `TLSVerifyClient ${options.wantsCertificate === true ? 'demand' : 'try'}`,
    'sizelimit unlimited',
    'database mdb',
    'maxsize 67108864',
    'envflags nosync',
    `suffix "${BASE_DN}"`,
    `rootdn "${ADMIN_DN}"`,
    `rootpw "${ADMIN_PASSWORD}"`,
    `directory ${directory}/db`,
    'index objectClass,mail,uid eq',
    ...(options.access ?? READABLE_BY_ALL),
    'access to * by * read',
    ...(options.overlays ?? []),
    '',
  ].join('\n');
}

function ldif(entries: readonly LdapEntry[]): string {
  const root = { objectClass: ['dcObject', 'organization'], dc: 'example', o: 'Example' };
  const blocks = [`dn: ${BASE_DN}\n${attributeLines(root)}`];
  for (const { name, attributes } of entries) {
    const classes = { objectClass: ['account', 'extensibleObject'], ...attributes };
    blocks.push(`dn: ${name},${BASE_DN}\n${attributeLines(classes)}`);
  }
  return blocks.join('\n');
}

function attributeLines(attributes: LdapEntry['attributes']): string {
  let text = '';
  for (const [name, values] of Object.entries(attributes)) {
    for (const value of [values].flat()) text += `${name}:: ${Buffer.from(value).toString('base64')}\n`;
  }
  return text;
}
