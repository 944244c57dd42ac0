/**
 * node:tls for mail protocols: certificates from TLS_* settings, contexts from certificates, STARTTLS.
 *
 * The supervisor reads the files (their keys stay readable to root alone) and sends their text to the login processes,
 * which make contexts of it. Certificates are found as in Courier: TLS_CERTFILE with a name or address appended
 * (`imapd.pem.mail.example.com`, `imapd.pem.192.0.2.7`), else TLS_CERTFILE itself. It knows no mail protocol.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { createSecureContext, type SecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { certificateProblem } from './client-certificate.js';

/** The TLS settings of a service, as far as they matter here; see tls-settings.ts for their words. */
export interface TlsSettings {
  readonly certificateFile: string;
  readonly privateKeyFile?: string;
  readonly minVersion: TlsVersion;
  readonly startTlsMinVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL's cipher list; undefined is Node's own. */
  readonly ciphers?: string;
  readonly serverPreference: boolean;
  /** ALPN protocols. A client that offers others only is refused; one that offers none is welcome. */
  readonly alpn: readonly string[];
  readonly clientCertificate: 'none' | 'requested' | 'required';
  /** PEM file or directory with the authorities that client certificates must come from. */
  readonly trustedCertificates?: string;
}

/** Versions of TLS in Node's spelling. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** One certificate with its key, as text. `name` is empty, a host name, or an IP address. */
interface NamedCertificate {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

/** Everything a login process needs for TLS. Holds private keys: it goes over IPC, never into a log. */
export interface TlsMaterial {
  readonly certificates: readonly NamedCertificate[];
  readonly settings: TlsSettings;
  readonly authorities?: string;
  /** Shared by all login processes, so that a session begun in one is resumed in another. */
  readonly ticketKeys: Uint8Array;
}

/** A certificate that cannot be used: path, reason and remedy, for the administrator. */
export class CertificateFailure extends Error {}

/** OpenSSL's limit (SSL_MAX_SSL_SESSION_ID_LENGTH). */
const SESSION_CONTEXT_CHARACTERS = 32;

/** A handshake may take this long; a mail client on a slow line needs a few seconds. */
export const HANDSHAKE_TIMEOUT_MS = 30_000;

/**
 * Reads the certificate files, and tries them out.
 *
 * @throws {CertificateFailure} for the main certificate; trouble with one for a name is told to `warn` only.
 */
export function readTlsMaterial(
  settings: TlsSettings,
  ticketKeys: Uint8Array,
  warn: (text: string) => void,
): TlsMaterial {
  const authorities = settings.clientCertificate === 'none' ? undefined : readAuthorities(settings.trustedCertificates);
  const certificates = [readCertificate(settings, '')];
  for (const name of namesWithCertificates(settings.certificateFile)) {
    try {
      certificates.push(readCertificate(settings, name));
    } catch (error) {
      if (!(error instanceof CertificateFailure)) throw error;
      warn(`${error.message}; clients that ask for ${name} get the main certificate`);
    }
  }
  const material = { certificates, settings, ticketKeys };
  return authorities === undefined ? material : { ...material, authorities };
}

/** Contexts by name, made once for each set of files: nothing is kept for names that clients make up. */
export class TlsContexts {
  readonly #material: TlsMaterial;
  readonly #byPort: ReadonlyMap<string, SecureContext>;
  readonly #byStartTls: ReadonlyMap<string, SecureContext>;

  constructor(material: TlsMaterial) {
    this.#material = material;
    this.#byPort = contexts(material, material.settings.minVersion);
    const same = material.settings.startTlsMinVersion === material.settings.minVersion;
    this.#byStartTls = same ? this.#byPort : contexts(material, material.settings.startTlsMinVersion);
  }

  /**
   * Makes the server's half of a TLS connection and waits for the handshake. Nothing must have been read from `socket`
   * that belongs to the handshake.
   *
   * @throws when the handshake fails; the socket is destroyed then.
   */
  async secure(socket: Socket, localIp: string, startTls: boolean): Promise<TLSSocket> {
    const byName = startTls ? this.#byStartTls : this.#byPort;
    const main = byName.get(plainAddress(localIp)) ?? byName.get('');
    const { settings } = this.#material;
    const tlsSocket = new TLSSocket(socket, {
      isServer: true,
      ...(main === undefined ? {} : { secureContext: main }),
      ALPNProtocols: [...settings.alpn],
      requestCert: settings.clientCertificate !== 'none',
      rejectUnauthorized: settings.clientCertificate === 'required',
      SNICallback: (name, found) => found(null, byName.get(name.toLowerCase())),
    });
    await handshake(tlsSocket);
    const problem = certificateProblem(tlsSocket);
    if (problem === undefined) return tlsSocket;
    tlsSocket.destroy();
    throw new Error(problem);
  }
}

/** The file for a name: `imapd.pem.mail.example.com`; a slash in the name cannot leave the directory. */
function fileFor(file: string, name: string): string {
  return name === '' ? file : `${file}.${name.replaceAll('/', '.')}`;
}

function readCertificate(settings: TlsSettings, name: string): NamedCertificate {
  const certificateFile = fileFor(settings.certificateFile, name);
  const certificate = readPem(certificateFile, 'TLS_CERTFILE');
  if (!certificate.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CertificateFailure(
      `${certificateFile} holds no certificate; make one with mkimapdcert, or copy yours there`,
    );
  }
  const keyFile = settings.privateKeyFile === undefined ? certificateFile : keyFileFor(settings.privateKeyFile, name);
  const key = keyFile === certificateFile ? certificate : readPem(keyFile, 'TLS_PRIVATE_KEYFILE');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    const remedy = 'append the key to it, or name its file in TLS_PRIVATE_KEYFILE';
    throw new CertificateFailure(`${keyFile} holds no private key; ${remedy}`);
  }
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw new CertificateFailure(`${certificateFile} cannot be used: ${reasonOf(error)}; ${remedyFor(error, keyFile)}`);
  }
  return { name, certificate, key };
}

function keyFileFor(privateKeyFile: string, name: string): string {
  const named = fileFor(privateKeyFile, name);
  return statSync(named, { throwIfNoEntry: false }) === undefined ? privateKeyFile : named;
}

function readPem(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') {
      throw new CertificateFailure(`${file} does not exist; make it with mkimapdcert, or name yours in ${setting}`);
    }
    if (code === 'EACCES')
      throw new CertificateFailure(`${file} cannot be read; let uid ${process.getuid?.()} read it`);
    throw new CertificateFailure(`${file} cannot be read (${code}); mend it, or name another in ${setting}`);
  }
}

function remedyFor(error: unknown, keyFile: string): string {
  const mismatch = reasonOf(error).includes('key values mismatch');
  return mismatch ? `the key in ${keyFile} belongs to another certificate` : 'check that it is complete PEM text';
}

function namesWithCertificates(file: string): string[] {
  const prefix = `${basename(file)}.`;
  const leftOver = /\.(dist|bak|new|tmp|orig|rpmsave|rpmnew|dpkg-\w+|lock)$|~$/;
  try {
    const names = readdirSync(dirname(file)).filter((name) => name.startsWith(prefix) && !leftOver.test(name));
    return names.map((name) => name.slice(prefix.length).toLowerCase()).filter((name) => name !== '');
  } catch {
    return [];
  }
}

function readAuthorities(path: string | undefined): string {
  if (path === undefined) {
    throw new CertificateFailure(
      'TLS_VERIFYPEER asks for client certificates; name their authorities in TLS_TRUSTCERTS',
    );
  }
  try {
    if (!statSync(path).isDirectory()) return readFileSync(path, 'utf8');
    const files = readdirSync(path).filter((name) => /\.(pem|crt|\d+)$/.test(name));
    return files.map((name) => readFileSync(join(path, name), 'utf8')).join('\n');
  } catch (error) {
    throw new CertificateFailure(`${path} (TLS_TRUSTCERTS) cannot be read: ${reasonOf(error)}; name another`);
  }
}

function contexts(material: TlsMaterial, minVersion: TlsVersion): ReadonlyMap<string, SecureContext> {
  const { settings, authorities } = material;
  const common: SecureContextOptions = {
    minVersion,
    maxVersion: settings.maxVersion,
    honorCipherOrder: settings.serverPreference,
    ticketKeys: Buffer.from(material.ticketKeys),
    sessionIdContext: sessionContext(material),
    ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
    ...(authorities === undefined ? {} : { ca: authorities }),
  };
  const make = ({ certificate, key }: NamedCertificate) => createSecureContext({ ...common, cert: certificate, key });
  return new Map(material.certificates.map((one) => [one.name, make(one)]));
}

/** A session that was begun with other authorities of client certificates must not be resumed. */
function sessionContext({ settings, authorities = '' }: TlsMaterial): string {
  const hash = createHash('sha256').update(`${settings.clientCertificate} ${authorities}`);
  return hash.digest('hex').slice(0, SESSION_CONTEXT_CHARACTERS);
}

function handshake(tlsSocket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('the handshake took too long')), HANDSHAKE_TIMEOUT_MS);
    const fail = (error: Error) => {
      clearTimeout(timer);
      tlsSocket.destroy();
      reject(error);
    };
    tlsSocket.on('error', fail);
    tlsSocket.on('_tlsError', fail);
    const gone = () => fail(new Error('Unexpected SSL connection shutdown.'));
    tlsSocket.once('close', gone);
    // The connection may be half open later; but who stops talking in the handshake has gone, and holds no place.
    tlsSocket.once('end', gone);
    tlsSocket.once('secure', () => {
      clearTimeout(timer);
      tlsSocket.removeListener('error', fail);
      tlsSocket.removeListener('_tlsError', fail);
      tlsSocket.removeListener('close', gone);
      tlsSocket.removeListener('end', gone);
      // Before this, Node keeps later errors of the connection to itself.
      (tlsSocket as unknown as { _releaseControl(): boolean })._releaseControl();
      resolve(tlsSocket);
    });
  });
}

/** Tries ciphers out. @returns what is wrong with them. */
export function cipherProblem(ciphers: string): string | undefined {
  try {
    createSecureContext({ ciphers });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The address without the prefix of IPv4 addresses on IPv6 sockets. */
export function plainAddress(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** OpenSSL's words without its numbers and file names: `wrong version number`. */
export function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: unknown; message?: unknown };
  if (typeof reason === 'string') return reason;
  return typeof message === 'string' ? message.replace(/^error:[0-9A-F]+:/i, '') : String(error);
}
