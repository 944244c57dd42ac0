/**
 * The certificates of a service in the supervisor: read as root, given to the login processes, kept when the next ones
 * are broken.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import type { Log } from './log.js';
import { count } from './metrics/counts.js';
import type { MailServiceConfiguration } from './service-configuration.js';
import { readTlsMaterial, type TlsMaterial } from './tls-helpers.js';

/** What the settings say about certificates. */
type TlsConfiguration = Pick<MailServiceConfiguration, 'tls' | 'startTls'>;

/** Certificates in use. */
export class ServiceCertificates {
  readonly #log: Log;
  readonly #use: (material: TlsMaterial | undefined, startTls: boolean) => void;
  readonly #ticketKeys = randomBytes(48);
  #material: TlsMaterial | undefined;

  /** `use` gives them to those who talk to clients. */
  constructor(log: Log, use: (material: TlsMaterial | undefined, startTls: boolean) => void) {
    this.#log = log;
    this.#use = use;
  }

  /** When the first of them expires, in milliseconds since 1970; undefined without any. */
  get expiry(): number | undefined {
    const ends = this.#material?.certificates.map(({ certificate }) =>
      Date.parse(new X509Certificate(certificate).validTo),
    );
    return ends === undefined || ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Without a certificate there is no TLS, and port 143 still works: the log says why STARTTLS is missing. */
  readIfPossible(configuration: TlsConfiguration): void {
    try {
      this.read(configuration);
    } catch (error) {
      count('tls_certificate_failures_total').value += 1;
      const consequence = this.#material === undefined ? 'no STARTTLS' : 'the certificate read before stays in use';
      this.#log.write('error', `TLS: ${error instanceof Error ? error.message : error} (${consequence})`);
      this.#use(this.#material, configuration.startTls);
    }
  }

  /** Reads them, and has them used. @throws when that is not possible; those read before stay in use. */
  read({ tls, startTls }: TlsConfiguration): void {
    const warn = (text: string) => this.#log.write('warning', `TLS: ${text}`);
    this.#material = readTlsMaterial(tls, this.#ticketKeys, warn);
    this.#use(this.#material, startTls);
  }
}
