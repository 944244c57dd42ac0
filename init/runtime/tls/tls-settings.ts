/**
 * The TLS_* settings in Courier's words: what each means for node:tls, and a warning by name where it means nothing.
 *
 * Courier is built with OpenSSL or with GnuTLS, and reads other settings in each case. Here those of both are read:
 * TLS_PROTOCOL and TLS_CIPHER_LIST of OpenSSL win over TLS_PRIORITY of GnuTLS.
 */
import type { Settings, WithoutEffect } from '../settings/settings-file.js';
import { cipherProblem, type TlsSettings, type TlsVersion } from './tls-helpers.js';
import { PriorityFailure, readPriority, type TlsPriority } from './tls-priority.js';

/** TLS_PROTOCOL of Courier with OpenSSL: words and the least version that each allows. */
const MINIMUM_VERSIONS: Readonly<Record<string, TlsVersion>> = {
  ...{ TLS1: 'TLSv1', TLSv1: 'TLSv1', 'TLSv1+': 'TLSv1' },
  ...{ 'TLSv1.1': 'TLSv1.1', 'TLSv1.1+': 'TLSv1.1', 'TLSv1.1++': 'TLSv1.1' },
  ...{ 'TLSv1.2': 'TLSv1.2', 'TLSv1.2+': 'TLSv1.2', 'TLSv1.2++': 'TLSv1.2' },
  ...{ 'TLSv1.3': 'TLSv1.3', 'TLSv1.3+': 'TLSv1.3', 'TLSv1.3++': 'TLSv1.3' },
};

/** Words of TLS_PROTOCOL in older Couriers, with OpenSSL (SSL23) and with GnuTLS (a list: TLS1_1:TLS1:SSL3). */
const OLD_PROTOCOLS = /^(SSL(2|3|23)\+?|TLS1_[012]|TLS1)(:(SSL(2|3)|TLS1(_[012])?))*$/;

const MODERN: TlsPriority = {
  ...{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', serverPreference: false, withoutEffect: [] },
};

/** Parameters of fewer bits are not used for anything (RFC 7919 section 1). */
const DEFAULT_MIN_DH_BITS = 2048;

const RESUMED = 'sessions are resumed by tickets, which need no file';
const WITH_PRIORITY = 'Courier does not know it any more; say it with TLS_CIPHER_LIST or TLS_PRIORITY';

/** Settings of Courier about TLS that change nothing here. */
export const tlsSettingsWithoutEffect: Readonly<Record<string, WithoutEffect>> = {
  COURIERTLS: { reason: 'TLS needs no program of its own here' },
  TLS_CACHEFILE: { reason: RESUMED },
  TLS_CACHESIZE: { reason: RESUMED },
  TLS_INTCACHESIZE: { reason: RESUMED },
  TLS_CERTS: { reason: 'certificates are X.509', harmless: ['X509'] },
  TLS_COMPRESSION: { reason: 'nothing is compressed in TLS', harmless: ['NULL'] },
  TLS_DEBUG: { reason: 'reasons for failed handshakes are in the log anyway', harmless: ['0'] },
  TLS_DHCERTFILE: { reason: 'Courier does not know it any more; name DH parameters in TLS_DHPARAMS' },
  TLS_KX_LIST: { reason: WITH_PRIORITY, harmless: ['ALL'] },
  TLS_TIMEOUT: { reason: 'Courier does not use it either' },
};

/** Settings of certificates and protocols; `alpn` is the default of TLS_ALPN. */
export function readTlsSettings(settings: Settings, certificateFile: string, alpn: string): TlsSettings {
  const priority = readPrioritySetting(settings);
  const minVersion = readProtocol(settings, 'TLS_PROTOCOL', priority.minVersion);
  const startTlsMinVersion = readProtocol(settings, 'TLS_STARTTLS_PROTOCOL', minVersion);
  const ciphers = readCiphers(settings) ?? priority.ciphers;
  const hasPrecedence = [settings.text('TLS_PROTOCOL', ''), settings.text('TLS_STARTTLS_PROTOCOL', '')].some((word) =>
    word.endsWith('++'),
  );
  return {
    ...{ minVersion, startTlsMinVersion, maxVersion: maxVersion(settings, priority, [minVersion, startTlsMinVersion]) },
    certificateFile: settings.text('TLS_CERTFILE', certificateFile),
    ...optional('privateKeyFile', settings.optionalText('TLS_PRIVATE_KEYFILE')),
    ...optional('ocspFile', settings.optionalText('TLS_OCSPFILE')),
    ...optional('dhParametersFile', settings.optionalText('TLS_DHPARAMS')),
    minDhBits: settings.integer('TLS_MIN_DH_BITS', DEFAULT_MIN_DH_BITS, { min: 512, max: 16_384 }),
    ...optional('ciphers', ciphers),
    ...optional('groups', priority.groups),
    serverPreference: hasPrecedence || priority.serverPreference,
    alpn: readAlpn(settings, alpn),
    ...readVerifyPeer(settings),
  };
}

function optional<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>);
}

function readProtocol(settings: Settings, name: string, defaultVersion: TlsVersion): TlsVersion {
  const word = settings.optionalText(name);
  if (word === undefined) return defaultVersion;
  const remedy = 'write TLSv1.2+ (TLS 1.2 and later) or TLSv1.3, or leave it out';
  const version = Object.hasOwn(MINIMUM_VERSIONS, word) ? MINIMUM_VERSIONS[word] : undefined;
  if (version === 'TLSv1' || version === 'TLSv1.1') {
    settings.warning(name, `${name}=${word} allows versions of TLS that are given up (RFC 8996)`, remedy);
  }
  if (version !== undefined) return version;
  if (OLD_PROTOCOLS.test(word)) {
    settings.warning(name, `${name}=${word} has no effect: Courier does not know it any more`, remedy);
  } else settings.problem(name, `${name}=${word} is not known`, remedy);
  return defaultVersion;
}

/** TLS_PROTOCOL has no upper limit; without it TLS_PRIORITY may have one. */
function maxVersion(settings: Settings, priority: TlsPriority, minimums: readonly TlsVersion[]): TlsVersion {
  const isLimited = settings.optionalText('TLS_PROTOCOL') === undefined && !minimums.includes('TLSv1.3');
  return isLimited ? priority.maxVersion : 'TLSv1.3';
}

function readPrioritySetting(settings: Settings): TlsPriority {
  const text = settings.optionalText('TLS_PRIORITY');
  if (text === undefined) return MODERN;
  try {
    const priority = readPriority(text);
    if (priority.withoutEffect.length > 0) {
      const what = `TLS_PRIORITY: ${priority.withoutEffect.join(':')} has no effect`;
      settings.warning('TLS_PRIORITY', what, 'TLS is OpenSSL here: say it with TLS_CIPHER_LIST, or leave it out');
    }
    return priority;
  } catch (error) {
    if (!(error instanceof PriorityFailure)) throw error;
    const remedy = 'write NORMAL, or a priority string of GnuTLS: SECURE256:-VERS-ALL:+VERS-TLS1.3';
    settings.problem('TLS_PRIORITY', `TLS_PRIORITY ${error.message}`, remedy);
    return MODERN;
  }
}

function readCiphers(settings: Settings): string | undefined {
  const ciphers = settings.optionalText('TLS_CIPHER_LIST');
  const problem = ciphers === undefined ? undefined : cipherProblem(ciphers);
  if (problem === undefined) return ciphers;
  settings.problem('TLS_CIPHER_LIST', `TLS_CIPHER_LIST is refused by OpenSSL: ${problem}`, 'see openssl ciphers -v');
  return undefined;
}

/** `@s` asks for the server's order, which is the only one; `@o` for mercy with clients that offer others only. */
function readAlpn(settings: Settings, defaultAlpn: string): readonly string[] {
  const words = (settings.textOrNone('TLS_ALPN', defaultAlpn) ?? '').split(/[\s,]+/).filter((word) => word !== '');
  if (words.includes('@o')) {
    const what = 'TLS_ALPN: @o has no effect: a client that offers other protocols only is refused';
    settings.warning('TLS_ALPN', what, 'leave @o out');
  }
  return words.filter((word) => !word.startsWith('@'));
}

function readVerifyPeer(settings: Settings): Pick<TlsSettings, 'clientCertificate' | 'trustedCertificates'> {
  const trusted = optional('trustedCertificates', settings.optionalText('TLS_TRUSTCERTS'));
  const word = settings.text('TLS_VERIFYPEER', 'NONE');
  if (/^p/i.test(word)) return { clientCertificate: 'requested', ...trusted };
  if (/^r/i.test(word)) return { clientCertificate: 'required', ...trusted };
  if (!/^n/i.test(word)) {
    settings.problem('TLS_VERIFYPEER', `TLS_VERIFYPEER=${word} is not known`, 'write NONE, PEER or REQUIREPEER');
  }
  return { clientCertificate: 'none', ...trusted };
}
