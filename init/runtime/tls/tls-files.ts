/**
 * The files of TLS: certificates, keys, authorities, DH parameters and OCSP responses, read and tried out.
 *
 * The supervisor reads them (their keys stay readable to root alone) and sends their text to the login processes.
 * Certificates are found as in Courier: TLS_CERTFILE with a name or address appended (`imapd.pem.mail.example.com`,
 * `imapd.pem.192.0.2.7`), else TLS_CERTFILE itself. A file that cannot be used costs nobody what was read before it.
 */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import { CertificateFailure, dateProblem, describeUnreadable, makerOf, rightsProblem } from './certificate-checks.js';
import { dhBits } from './dh-parameters.js';
import { type OcspResponse, readOcspResponse } from './ocsp-response.js';
import { reasonOf, type TlsSettings } from './tls-helpers.js';

/** One certificate with its key, as text. */
export interface NamedCertificate {
  /** What clients ask for or connect to, in small letters: a host name, an address; empty for the main one. */
  readonly name: string;
  readonly file: string;
  readonly certificate: string;
  readonly key: string;
  /** Ms since the epoch. */
  readonly notAfter: number;
  readonly ocsp?: OcspResponse;
}

/** Everything a login process needs for TLS. Holds private keys: it goes over IPC, never into a log. */
export interface TlsMaterial {
  readonly certificates: readonly NamedCertificate[];
  readonly settings: TlsSettings;
  readonly authorities?: string;
  readonly dhParameters?: string;
  /** The newest first. Shared by all login processes, so that a session begun in one is resumed in another. */
  readonly ticketKeys: readonly Uint8Array[];
}

/** What files said, and what is wrong with them. */
export interface TlsFiles {
  readonly material: Omit<TlsMaterial, 'ticketKeys'>;
  /** By name: those that cannot be used, so that an earlier one stays, or the main one takes their place. */
  readonly broken: ReadonlyMap<string, string>;
  /** What an administrator should know besides. */
  readonly warnings: readonly string[];
}

interface Reading {
  readonly settings: TlsSettings;
  /** What was good before need not be tried out again: there may be thousands. */
  readonly earlier: ReadonlyMap<string, NamedCertificate>;
  readonly warnings: string[];
  readonly now: number;
}

/**
 * Reads all files.
 *
 * @param earlier What was read before: it stays where a file cannot be used now.
 * @throws {CertificateFailure} when there is no main certificate, now or earlier.
 */
export function readTlsFiles(settings: TlsSettings, now: number, earlier?: TlsFiles['material']): TlsFiles {
  const reading: Reading = {
    settings,
    earlier: new Map((earlier?.certificates ?? []).map((one) => [one.name, one])),
    warnings: [],
    now,
  };
  const authorities = settings.clientCertificate === 'none' ? undefined : readAuthorities(settings.trustedCertificates);
  const broken = new Map<string, string>();
  const certificates: NamedCertificate[] = [];
  for (const [name, suffix] of [['', ''] as const, ...suffixes(settings.certificateFile)]) {
    try {
      certificates.push(readCertificate(reading, name, suffix));
    } catch (error) {
      if (!(error instanceof CertificateFailure)) throw error;
      const before = reading.earlier.get(name);
      if (before === undefined && name === '') throw error;
      broken.set(name, error.message);
      if (before !== undefined) certificates.push(before);
    }
  }
  const dhParameters = readDhParameters(reading, certificates[0]);
  const material = {
    ...{ certificates, settings },
    ...(authorities === undefined ? {} : { authorities }),
    ...(dhParameters === undefined ? {} : { dhParameters }),
  };
  return { material, broken, warnings: reading.warnings };
}

/** Says what is wrong with the files, for those who ask before a server starts. */
export function checkTlsFiles(settings: TlsSettings, now: number): { problems: string[]; warnings: string[] } {
  try {
    const { broken, warnings } = readTlsFiles(settings, now);
    const strangers = [...broken].map(([name, problem]) => `${problem} (${name} gets the main certificate)`);
    return { problems: [], warnings: [...strangers, ...warnings] };
  } catch (error) {
    if (!(error instanceof CertificateFailure)) throw error;
    return { problems: [error.message], warnings: [] };
  }
}

/** The file for a name: `imapd.pem.mail.example.com`. */
function fileFor(file: string, suffix: string): string {
  return suffix === '' ? file : `${file}.${suffix}`;
}

/** Names that have files of their own, and how the files write them. A slash in a name is a dot in a file's. */
function suffixes(file: string): Map<string, string> {
  const prefix = `${basename(file)}.`;
  const leftOver = /\.(dist|bak|new|next|old|tmp|orig|rpmsave|rpmnew|dpkg-\w+|lock|csr|ocsp|key)$|~$/;
  let files: string[] = [];
  try {
    files = readdirSync(dirname(file));
  } catch {
    // The main certificate cannot be read then, and that is told.
  }
  const isDirectory = (name: string) =>
    statSync(join(dirname(file), name), { throwIfNoEntry: false })?.isDirectory() === true;
  const found = files.filter(
    (name) => name.startsWith(prefix) && name !== prefix && !leftOver.test(name) && !isDirectory(name),
  );
  return new Map(found.sort().map((name) => [asClientsSay(name.slice(prefix.length)), name.slice(prefix.length)]));
}

/** Courier with GnuTLS looks for the name in UTF-8, clients send it in ASCII. */
function asClientsSay(suffix: string): string {
  return /[^\x00-\x7f]/.test(suffix) ? domainToASCII(suffix) : suffix.toLowerCase();
}

function readCertificate(reading: Reading, name: string, suffix: string): NamedCertificate {
  const { settings, earlier, warnings, now } = reading;
  const file = fileFor(settings.certificateFile, suffix);
  const certificate = readPem(file, 'TLS_CERTFILE');
  if (!certificate.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CertificateFailure(`${file} holds no certificate; make one with ${makerOf(file)}, or copy yours there`);
  }
  const { keyFile, key } = readKey(settings, suffix, { file, certificate });
  const before = earlier.get(name);
  const isKnown = before?.certificate === certificate && before.key === key;
  if (!isKnown) tryOut({ file, certificate, keyFile, key });
  const parsed = new X509Certificate(certificate);
  const trouble = dateProblem(file, parsed, now) ?? rightsProblem(keyFile);
  if (trouble !== undefined) warnings.push(trouble);
  const ocsp = readOcsp(reading, suffix, parsed);
  const notAfter = Date.parse(parsed.validTo);
  return { name, file, certificate, key, notAfter, ...(ocsp === undefined ? {} : { ocsp }) };
}

function tryOut(files: { file: string; certificate: string; keyFile: string; key: string }): void {
  try {
    createSecureContext({ cert: files.certificate, key: files.key });
  } catch (error) {
    const remedy = remedyFor(error, files.keyFile);
    throw new CertificateFailure(`${files.file} cannot be used: ${reasonOf(error)}; ${remedy}`);
  }
}

/** The key stands in the key file of the name, else beside the certificate, else in the main key file. */
function readKey(settings: TlsSettings, suffix: string, certificate: { file: string; certificate: string }) {
  const { privateKeyFile } = settings;
  const own = privateKeyFile === undefined ? undefined : fileFor(privateKeyFile, suffix);
  const hasOwn = own !== undefined && (suffix === '' || statSync(own, { throwIfNoEntry: false }) !== undefined);
  const inside = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(certificate.certificate);
  const keyFile = hasOwn ? own : inside ? certificate.file : (privateKeyFile ?? certificate.file);
  const key = keyFile === certificate.file ? certificate.certificate : readPem(keyFile, 'TLS_PRIVATE_KEYFILE');
  const [, kind, text = ''] = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----([^-]*)/.exec(key) ?? [];
  if (kind === undefined) {
    const remedy = 'append the key to it, or name its file in TLS_PRIVATE_KEYFILE';
    throw new CertificateFailure(`${keyFile} holds no private key; ${remedy}`);
  }
  if (kind.includes('ENCRYPTED') || text.includes('ENCRYPTED')) {
    const remedy = `nobody is there to type the password: take it off with openssl pkey -in ${keyFile}`;
    throw new CertificateFailure(`the key in ${keyFile} is encrypted; ${remedy}`);
  }
  return { keyFile, key };
}

function readPem(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw describeUnreadable(file, setting, error);
  }
}

function remedyFor(error: unknown, keyFile: string): string {
  const reason = reasonOf(error);
  if (!reason.includes('key values mismatch') && !reason.includes('key type mismatch')) {
    return reason.includes('too small')
      ? 'make a longer key: 2048 bits of RSA, or ECDSA'
      : 'check that it is complete PEM text';
  }
  return `the key in ${keyFile} belongs to another certificate; the first certificate must be the server's own`;
}

/** A response that cannot be shown is a warning: clients do without. */
function readOcsp({ settings, warnings, now }: Reading, suffix: string, certificate: X509Certificate) {
  if (settings.ocspFile === undefined) return undefined;
  const file = fileFor(settings.ocspFile, suffix);
  try {
    const response = readOcspResponse(readFileSync(file), certificate.serialNumber);
    if (response.until > now) return response;
    const date = new Date(response.until).toISOString();
    warnings.push(`${file} (TLS_OCSPFILE) is not shown to clients: it was good until ${date}; fetch a new one`);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    // A name need not have one.
    if (isMissing && suffix !== '') return undefined;
    const reason = isMissing ? 'it does not exist' : reasonOf(error);
    warnings.push(`${file} (TLS_OCSPFILE) is not shown to clients: ${reason}; fetch a new one from the authority`);
  }
  return undefined;
}

/** Those of TLS_DHPARAMS, else those beside the main certificate, as Courier; a missing file is nothing. */
function readDhParameters({ settings, warnings }: Reading, main: NamedCertificate | undefined): string | undefined {
  const { dhParametersFile, minDhBits = 0 } = settings;
  if (dhParametersFile === undefined) return undefined;
  const block = /-----BEGIN DH PARAMETERS-----[^-]+-----END DH PARAMETERS-----/;
  let text = '';
  try {
    text = readFileSync(dhParametersFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') warnings.push(`${dhParametersFile} (TLS_DHPARAMS) cannot be read (${code}); it is not used`);
  }
  const [parameters] = block.exec(text) ?? block.exec(main?.certificate ?? '') ?? [];
  if (parameters === undefined) return undefined;
  const problem = dhProblem(parameters, minDhBits);
  if (problem === undefined) return parameters;
  warnings.push(`${dhParametersFile} (TLS_DHPARAMS) is not used: ${problem}; make others with mkdhparams`);
  return undefined;
}

/** DHParameter ::= SEQUENCE { prime INTEGER, base INTEGER, … } (PKCS #3) */
function dhProblem(parameters: string, minBits: number): string | undefined {
  try {
    createSecureContext({ dhparam: parameters });
  } catch (error) {
    return reasonOf(error);
  }
  const octets = Buffer.from(parameters.replace(/-----[^-]+-----/g, ''), 'base64');
  const bits = dhBits(octets);
  return bits < minBits ? `it has ${bits} bits, and TLS_MIN_DH_BITS is ${minBits}` : undefined;
}

/** All of a file, or the certificates of a directory: with names like 5ed36f99.0 only those, as OpenSSL looks for them. */
function readAuthorities(path: string | undefined): string {
  if (path === undefined) {
    throw new CertificateFailure(
      'TLS_VERIFYPEER asks for client certificates; name their authorities in TLS_TRUSTCERTS',
    );
  }
  let text = '';
  try {
    text = statSync(path).isDirectory() ? readDirectory(path) : readFileSync(path, 'utf8');
  } catch (error) {
    throw new CertificateFailure(`${path} (TLS_TRUSTCERTS) cannot be read: ${reasonOf(error)}; name another`);
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new CertificateFailure(`${path} (TLS_TRUSTCERTS) holds no certificate; copy those of your authority there`);
}

function readDirectory(path: string): string {
  const names = readdirSync(path);
  const hashed = names.filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name));
  const files = hashed.length > 0 ? hashed : names.filter((name) => /\.(pem|crt)$/.test(name));
  return [...new Set(files.map((name) => readFileSync(join(path, name), 'utf8')))].join('\n');
}
