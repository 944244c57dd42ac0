/**
 * The certificates of a service in the supervisor: read as root, given to the login processes, and read again when their
 * files change; and the keys of session tickets.
 *
 * A file that cannot be used changes nothing: what was read before it stays in use, and the log says so once.
 */
import type { Log } from '../log/log.js';
import { count } from '../metrics/counts.js';
import type { MailServiceConfiguration } from '../settings/service-configuration.js';
import { TicketKeys } from './ticket-keys.js';
import { readTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.js';
import { TlsWatch } from './tls-watch.js';

/** What the settings say about certificates. */
type TlsConfiguration = Pick<MailServiceConfiguration, 'tls' | 'startTls'>;

/** Problems that last are told again after this. */
const TELL_AGAIN_MS = 86_400_000;

/** Certificates in use. */
export class ServiceCertificates {
  readonly #log: Log;
  readonly #use: (material: TlsMaterial | undefined, startTls: boolean) => void;
  readonly #ticketKeys = new TicketKeys(Date.now());
  readonly #watch = new TlsWatch(
    () => this.#readAgain(),
    () => this.#asTimeGoes(),
  );
  #configuration: TlsConfiguration | undefined;
  #files: TlsFiles | undefined;
  /** Why none of the files could be used at the last reading. */
  #trouble: string | undefined;
  #told = new Set<string>();
  #toldSince = Date.now();

  /** `use` gives them to those who talk to clients. */
  constructor(log: Log, use: (material: TlsMaterial | undefined, startTls: boolean) => void) {
    this.#log = log;
    this.#use = use;
  }

  /** When the first of them expires, in milliseconds since 1970; undefined without any. */
  get expiry(): number | undefined {
    const ends = this.#files?.material.certificates.map(({ notAfter }) => notAfter) ?? [];
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Without a certificate there is no TLS, and port 143 still works: the log says why STARTTLS is missing. */
  readIfPossible(configuration: TlsConfiguration): void {
    this.#told.clear();
    this.#tryToRead(configuration);
  }

  /** Sees to it that there is a certificate. @throws {CertificateFailure} when there is none, now or before. */
  read(configuration: TlsConfiguration): void {
    if (this.#files === undefined) this.#read(configuration);
  }

  /** A line about each certificate, for the status. */
  describe(): string[] {
    const { material, broken } = this.#files ?? {};
    const lines = (material?.certificates ?? []).map(({ name, file, notAfter }) => {
      const until = new Date(notAfter).toISOString().replace('.000', '');
      const problem = broken?.get(name);
      const state = problem === undefined ? 'in use' : `an earlier one is in use: ${problem}`;
      return `certificate file=${file} until=${until} ${state}`;
    });
    return this.#trouble === undefined ? lines : [...lines, `certificates cannot be read: ${this.#trouble}`];
  }

  /** Looks at no file any more. */
  stop(): void {
    this.#watch.stop();
  }

  /** @throws {CertificateFailure} when there is no certificate, now or before. */
  #read(configuration: TlsConfiguration): void {
    const { tls } = configuration;
    this.#configuration = configuration;
    // Before reading: a change during it must not be missed.
    this.#watch.follow(tls);
    let files: TlsFiles;
    try {
      files = readTlsFiles(tls, Date.now(), this.#files?.material);
    } catch (error) {
      count('tls_certificate_failures_total').value += 1;
      this.#trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
    this.#files = files;
    this.#trouble = undefined;
    this.#tellAll(files);
    this.#give();
  }

  #tryToRead(configuration: TlsConfiguration): void {
    try {
      this.#read(configuration);
    } catch {
      const consequence = this.#files === undefined ? 'no STARTTLS' : 'what was read before stays in use';
      this.#tell('error', `${this.#trouble} (${consequence})`);
      // With other settings, even if not with other certificates.
      this.#give();
    }
  }

  #give(): void {
    if (this.#files === undefined || this.#configuration === undefined) return;
    this.#use({ ...this.#files.material, ticketKeys: this.#ticketKeys.keys }, this.#configuration.startTls);
  }

  #readAgain(): void {
    if (this.#configuration === undefined) return;
    const before = this.#files?.material.certificates;
    this.#tryToRead(this.#configuration);
    for (const { name, file, certificate, notAfter } of this.#files?.material.certificates ?? []) {
      if (before?.find((one) => one.name === name)?.certificate === certificate) continue;
      this.#log.write('info', `TLS: new certificate: ${file}, until ${new Date(notAfter).toISOString().slice(0, 10)}`);
    }
  }

  #asTimeGoes(): void {
    const now = Date.now();
    if (this.#ticketKeys.rotate(now)) this.#give();
    if (now - this.#toldSince < TELL_AGAIN_MS) return;
    this.#toldSince = now;
    this.#told.clear();
    // Certificates grow old without a change of their files.
    if (this.#configuration !== undefined) this.#tryToRead(this.#configuration);
  }

  #tellAll({ broken, warnings, material }: TlsFiles): void {
    const before = this.#told;
    this.#told = new Set();
    for (const [name, problem] of broken) {
      const stays = material.certificates.some((one) => one.name === name);
      const consequence = stays ? 'the certificate read before stays in use' : `${name} gets the main certificate`;
      this.#tell('error', `${problem} (${consequence})`, before);
    }
    for (const warning of warnings) this.#tell('warning', warning, before);
    count('tls_certificate_failures_total').value += broken.size;
  }

  /** Says what was not said before. */
  #tell(level: 'error' | 'warning', text: string, before: ReadonlySet<string> = this.#told): void {
    if (!before.has(text)) this.#log.write(level, `TLS: ${text}`);
    this.#told.add(text);
  }
}
