/**
 * The TLS_* settings in Courier's words: what each means for node:tls, and a warning by name where it means nothing.
 */
import type { Settings } from './settings-file.js';
import { cipherProblem, type TlsSettings, type TlsVersion } from './tls-helpers.js';

/** TLS_PROTOCOL of Courier with OpenSSL: words and the least version that each allows. */
const MINIMUM_VERSIONS: Readonly<Record<string, TlsVersion>> = {
  ...{ TLS1: 'TLSv1', TLSv1: 'TLSv1', 'TLSv1+': 'TLSv1' },
  ...{ 'TLSv1.1': 'TLSv1.1', 'TLSv1.1+': 'TLSv1.1', 'TLSv1.1++': 'TLSv1.1' },
  ...{ 'TLSv1.2': 'TLSv1.2', 'TLSv1.2+': 'TLSv1.2', 'TLSv1.2++': 'TLSv1.2' },
  ...{ 'TLSv1.3': 'TLSv1.3', 'TLSv1.3+': 'TLSv1.3', 'TLSv1.3++': 'TLSv1.3' },
};

/** TLS 1.0 and 1.1 are given up by every client that is still looked after (RFC 8996). */
const DEFAULT_MINIMUM: TlsVersion = 'TLSv1.2';

const PRIORITY_VERSIONS: Readonly<Record<string, TlsVersion>> = {
  ...{ 'TLS1.0': 'TLSv1', 'TLS1.1': 'TLSv1.1', 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' },
};
const VERSIONS: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** Settings of certificates and protocols; `alpn` is the default of TLS_ALPN. */
export function readTlsSettings(settings: Settings, certificateFile: string, alpn: string): TlsSettings {
  const versions = readVersions(settings);
  const privateKeyFile = settings.optionalText('TLS_PRIVATE_KEYFILE');
  const ciphers = readCiphers(settings);
  const clientCertificate = readVerifyPeer(settings);
  const trustedCertificates = settings.optionalText('TLS_TRUSTCERTS');
  return {
    ...versions,
    certificateFile: settings.text('TLS_CERTFILE', certificateFile),
    ...(privateKeyFile === undefined ? {} : { privateKeyFile }),
    ...(ciphers === undefined ? {} : { ciphers }),
    serverPreference: /\+\+$/.test(settings.text('TLS_PROTOCOL', '')),
    alpn: settings
      .text('TLS_ALPN', alpn)
      .split(/[\s,]+/)
      .filter((word) => word !== '' && !word.startsWith('@')),
    clientCertificate,
    ...(trustedCertificates === undefined ? {} : { trustedCertificates }),
  };
}

function readVersions(settings: Settings): Pick<TlsSettings, 'minVersion' | 'startTlsMinVersion' | 'maxVersion'> {
  const priority = readPriority(settings);
  const minVersion = readProtocol(settings, 'TLS_PROTOCOL', priority.minVersion);
  const startTlsMinVersion = readProtocol(settings, 'TLS_STARTTLS_PROTOCOL', minVersion);
  return { minVersion, startTlsMinVersion, maxVersion: priority.maxVersion };
}

function readProtocol(settings: Settings, name: string, defaultVersion: TlsVersion): TlsVersion {
  const word = settings.optionalText(name);
  if (word === undefined) return defaultVersion;
  const version = Object.hasOwn(MINIMUM_VERSIONS, word) ? MINIMUM_VERSIONS[word] : undefined;
  if (version !== undefined) return version;
  const remedy = 'write TLSv1.2+ (TLS 1.2 and later) or TLSv1.3, or leave it out';
  settings.problem(name, `${name}=${word} is not known`, remedy);
  return defaultVersion;
}

/** Of GnuTLS's priority strings, the versions are understood; its names of ciphers mean nothing to OpenSSL. */
function readPriority(settings: Settings): { minVersion: TlsVersion; maxVersion: TlsVersion } {
  const priority = settings.text('TLS_PRIORITY', '');
  let allowed = new Set<TlsVersion>(VERSIONS.slice(VERSIONS.indexOf(DEFAULT_MINIMUM)));
  const unknown: string[] = [];
  for (const word of priority.split(':').filter((part) => part !== '')) {
    const [, sign, name] = /^([-+!])VERS-(.+)$/.exec(word) ?? [];
    const version = name === undefined ? undefined : PRIORITY_VERSIONS[name];
    if (version !== undefined && sign === '+') allowed.add(version);
    else if (version !== undefined) allowed.delete(version);
    else if (name === 'ALL' || name === 'TLS-ALL') allowed = new Set(sign === '+' ? VERSIONS : []);
    else if (!/^(NORMAL|SECURE\d*|SECURE|PFS|-CTYPE-OPENPGP|%\w+|-ARCFOUR-128|-3DES-CBC|-MD5)$/.test(word))
      unknown.push(word);
  }
  if (unknown.length > 0) {
    const remedy = 'TLS is OpenSSL here: say it with TLS_CIPHER_LIST';
    settings.warning('TLS_PRIORITY', `TLS_PRIORITY: ${unknown.join(':')} has no effect`, remedy);
  }
  const [minVersion] = VERSIONS.filter((version) => allowed.has(version));
  if (minVersion === undefined) {
    settings.problem('TLS_PRIORITY', 'TLS_PRIORITY leaves no version of TLS', 'add +VERS-TLS1.2:+VERS-TLS1.3');
  }
  return { minVersion: minVersion ?? DEFAULT_MINIMUM, maxVersion: [...allowed].sort().pop() ?? 'TLSv1.3' };
}

function readCiphers(settings: Settings): string | undefined {
  const ciphers = settings.optionalText('TLS_CIPHER_LIST');
  const problem = ciphers === undefined ? undefined : cipherProblem(ciphers);
  if (problem === undefined) return ciphers;
  settings.problem('TLS_CIPHER_LIST', `TLS_CIPHER_LIST is refused by OpenSSL: ${problem}`, 'see openssl ciphers -v');
  return undefined;
}

function readVerifyPeer(settings: Settings): TlsSettings['clientCertificate'] {
  const word = settings.text('TLS_VERIFYPEER', 'NONE');
  if (/^n/i.test(word)) return 'none';
  if (/^p/i.test(word)) return 'requested';
  if (/^r/i.test(word)) return 'required';
  settings.problem('TLS_VERIFYPEER', `TLS_VERIFYPEER=${word} is not known`, 'write NONE, PEER or REQUIREPEER');
  return 'none';
}
