/**
 * node:tls for mail protocols: contexts from certificates, the right one for each client, STARTTLS.
 *
 * What the files say comes from tls-files.ts, what the settings mean from tls-settings.ts. It knows no mail protocol.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from 'node:tls';
import { certificateProblem } from './client-certificate.js';
import { staplerFor } from './ocsp-stapling.js';
import { useTicketKeys } from './ticket-keys.js';
import type { NamedCertificate, TlsMaterial } from './tls-files.js';

/** The TLS settings of a service, as far as they matter here; see tls-settings.ts for their words. */
export interface TlsSettings {
  readonly certificateFile: string;
  readonly privateKeyFile?: string;
  /** OCSP responses of the certificates, as the certificates by name. */
  readonly ocspFile?: string;
  readonly dhParametersFile?: string;
  readonly minDhBits?: number;
  readonly minVersion: TlsVersion;
  readonly startTlsMinVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL's cipher list; undefined is Node's own. */
  readonly ciphers?: string;
  /** OpenSSL's list of curves; undefined is its own. */
  readonly groups?: string;
  readonly serverPreference: boolean;
  /** ALPN protocols. A client that offers others only is refused; one that offers none is welcome. */
  readonly alpn: readonly string[];
  readonly clientCertificate: 'none' | 'requested' | 'required';
  /** PEM file or directory with the authorities that client certificates must come from. */
  readonly trustedCertificates?: string;
}

/** Versions of TLS in Node's spelling. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** OpenSSL's limit (SSL_MAX_SSL_SESSION_ID_LENGTH). */
const SESSION_CONTEXT_CHARACTERS = 32;

/** A handshake may take this long; a mail client on a slow line needs a few seconds. */
export const HANDSHAKE_TIMEOUT_MS = 30_000;

/**
 * Contexts by name: one for each certificate, made when a client first needs it. Nothing is kept for names that clients
 * make up.
 */
export class TlsContexts {
  readonly #material: TlsMaterial;
  readonly #certificates: ReadonlyMap<string, NamedCertificate>;
  readonly #byPort = new Map<NamedCertificate, SecureContext>();
  readonly #byStartTls: Map<NamedCertificate, SecureContext>;

  constructor(material: TlsMaterial) {
    const { settings } = material;
    this.#material = material;
    this.#certificates = new Map(material.certificates.map((one) => [one.name, one]));
    this.#byStartTls = settings.startTlsMinVersion === settings.minVersion ? this.#byPort : new Map();
    // What cannot be used should show now, and not when a client comes.
    this.#context(this.#certificates.get(''), false);
    this.#context(this.#certificates.get(''), true);
  }

  /**
   * Makes the server's half of a TLS connection and waits for the handshake. Nothing must have been read from `socket`
   * that belongs to the handshake.
   *
   * @throws when the handshake fails; the socket is destroyed then.
   */
  async secure(socket: Socket, localIp: string, startTls: boolean): Promise<TLSSocket> {
    const certificate = this.#certificates.get(plainAddress(localIp).toLowerCase()) ?? this.#certificates.get('');
    const main = this.#context(certificate, startTls);
    const { settings } = this.#material;
    const stapler = main === undefined ? undefined : staplerFor(this.#material, main);
    const tlsSocket = new TLSSocket(socket, {
      isServer: true,
      ...(main === undefined ? {} : { secureContext: main }),
      ...(stapler === undefined ? {} : { server: stapler }),
      ...(settings.alpn.length === 0 ? {} : { ALPNProtocols: [...settings.alpn] }),
      requestCert: settings.clientCertificate !== 'none',
      rejectUnauthorized: settings.clientCertificate === 'required',
      SNICallback: (name, found) => found(null, this.#context(this.#certificates.get(name.toLowerCase()), startTls)),
    });
    await handshake(tlsSocket);
    const problem = certificateProblem(tlsSocket);
    if (problem === undefined) return tlsSocket;
    tlsSocket.destroy();
    throw new Error(problem);
  }

  #context(certificate: NamedCertificate | undefined, startTls: boolean): SecureContext | undefined {
    if (certificate === undefined) return undefined;
    const made = startTls ? this.#byStartTls : this.#byPort;
    const before = made.get(certificate);
    if (before !== undefined) return before;
    const { settings } = this.#material;
    const minVersion = startTls ? settings.startTlsMinVersion : settings.minVersion;
    const context = newContext(this.#material, certificate, minVersion);
    made.set(certificate, context);
    return context;
  }
}

function newContext(material: TlsMaterial, certificate: NamedCertificate, minVersion: TlsVersion): SecureContext {
  const { settings, authorities, dhParameters } = material;
  const ciphers = cipherList(settings.ciphers, minVersion);
  const options: SecureContextOptions = {
    minVersion,
    maxVersion: settings.maxVersion,
    honorCipherOrder: settings.serverPreference,
    sessionIdContext: sessionContext(material),
    cert: certificate.certificate,
    key: certificate.key,
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(settings.groups === undefined ? {} : { ecdhCurve: settings.groups }),
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(dhParameters === undefined ? {} : { dhparam: dhParameters }),
  };
  const context = createSecureContext(options);
  useTicketKeys(context, material.ticketKeys);
  return context;
}

/** OpenSSL's own level of security refuses what TLS 1.0 and 1.1 sign with: who allows these must allow that, too. */
function cipherList(ciphers: string | undefined, minVersion: TlsVersion): string | undefined {
  const isOld = minVersion === 'TLSv1' || minVersion === 'TLSv1.1';
  if (!isOld || ciphers?.includes('@SECLEVEL') === true) return ciphers;
  return `${ciphers ?? DEFAULT_CIPHERS}:@SECLEVEL=0`;
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
