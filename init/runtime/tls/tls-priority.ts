/**
 * TLS_PRIORITY: GnuTLS's priority strings, which Debian's Courier has, said in OpenSSL's words.
 *
 *     SECURE256:-VERS-ALL:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE
 *
 * The first word is a set of algorithms, the others add to it (+) or take away (- or !). OpenSSL knows ciphers of TLS 1.2
 * and before as suites of key exchange, cipher and MAC: the list has those of which all three are allowed. It knows no
 * setting.
 */
import type { TlsVersion } from './tls-helpers.js';

/** What a priority string asks for. */
export interface TlsPriority {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL's cipher list; undefined when the string says nothing about ciphers. */
  readonly ciphers?: string;
  /** Curves as OpenSSL writes them; undefined when the string says nothing about them. */
  readonly groups?: string;
  readonly serverPreference: boolean;
  /** Words that GnuTLS knows and that change nothing here. */
  readonly withoutEffect: readonly string[];
}

/** A priority string that cannot be obeyed; the message is what is wrong with it. */
export class PriorityFailure extends Error {}

export const TLS_VERSIONS: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** TLS 1.0 and 1.1 are given up by every client that is still looked after (RFC 8996); who needs them adds them. */
const MODERN: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];

const KEY_EXCHANGES = ['ECDHE-ECDSA', 'ECDHE-RSA', 'DHE-RSA', 'RSA'] as const;
const MACS = ['AEAD', 'SHA384', 'SHA256', 'SHA1'] as const;

/** GnuTLS's ciphers, and the suites of each: by MAC, as OpenSSL writes them behind the key exchange. */
const CIPHERS: Readonly<
  Record<string, { readonly tls13?: string; readonly suites: readonly (readonly [string, string])[] }>
> = {
  'AES-256-GCM': { tls13: 'TLS_AES_256_GCM_SHA384', suites: [['AEAD', 'AES256-GCM-SHA384']] },
  'CHACHA20-POLY1305': { tls13: 'TLS_CHACHA20_POLY1305_SHA256', suites: [['AEAD', 'CHACHA20-POLY1305']] },
  'AES-256-CCM': { suites: [['AEAD', 'AES256-CCM']] },
  'AES-128-GCM': { tls13: 'TLS_AES_128_GCM_SHA256', suites: [['AEAD', 'AES128-GCM-SHA256']] },
  'AES-128-CCM': { suites: [['AEAD', 'AES128-CCM']] },
  'AES-256-CBC': {
    suites: [
      ['SHA384', 'AES256-SHA384'],
      ['SHA256', 'AES256-SHA256'],
      ['SHA1', 'AES256-SHA'],
    ],
  },
  'AES-128-CBC': {
    suites: [
      ['SHA256', 'AES128-SHA256'],
      ['SHA1', 'AES128-SHA'],
    ],
  },
};

/** GnuTLS's names of groups, and OpenSSL's. */
const GROUPS: Readonly<Record<string, string>> = {
  ...{ X25519: 'X25519', SECP256R1: 'P-256', X448: 'X448', SECP384R1: 'P-384', SECP521R1: 'P-521' },
};

const STRONG = {
  ciphers: ['AES-256-GCM', 'CHACHA20-POLY1305', 'AES-256-CBC', 'AES-256-CCM'],
  macs: ['AEAD'],
  groups: ['P-384', 'P-521', 'X448'],
};

interface Allowed {
  versions: Set<TlsVersion>;
  keyExchanges: Set<string>;
  ciphers: Set<string>;
  macs: Set<string>;
  groups: Set<string>;
}

/** Sets of algorithms by their names; what a set does not name is as in NORMAL. */
const SETS: Readonly<Record<string, Partial<Record<keyof Allowed, readonly string[]>>>> = {
  ...{ NORMAL: {}, PERFORMANCE: {}, SECURE: {}, SECURE128: {}, SECURE192: STRONG, SECURE256: STRONG },
  LEGACY: { versions: TLS_VERSIONS },
  PFS: { keyExchanges: ['ECDHE-ECDSA', 'ECDHE-RSA', 'DHE-RSA'] },
  SUITEB128: {
    versions: ['TLSv1.2'],
    keyExchanges: ['ECDHE-ECDSA'],
    ciphers: ['AES-128-GCM', 'AES-256-GCM'],
    groups: ['P-256', 'P-384'],
  },
  SUITEB192: { versions: ['TLSv1.2'], keyExchanges: ['ECDHE-ECDSA'], ciphers: ['AES-256-GCM'], groups: ['P-384'] },
  NONE: { versions: [], keyExchanges: [], ciphers: [], macs: [], groups: [] },
};

/** What OpenSSL does not have, or does in any case: taking it away is no news, adding it has no effect. */
const NOT_HERE =
  /^(VERS-(SSL3\.0|DTLS.*)|COMP-.*|CTYPE-.*|SIGN-.*|GROUP-FFDHE\d+|CURVE-.*|(ARCFOUR|3DES|CAMELLIA|AES|NULL|DES|RC2|SALSA20|GOST|CHACHA20)\b.*|MD5|SHA512|UMAC-.*|(DHE|ANON|SRP|PSK|RSA|ECDHE|VKO|DH|ECDH)-.*|SRP|PSK|MAC-.*|KX-.*)$/;
/** These are offered here whatever the string says, or are what it is all about. */
const ALWAYS = /^(COMP-NULL|CTYPE-(ALL|X\.?509|X509)|SIGN-ALL)$/;
const OPTION =
  /^%(COMPAT|DUMBFW|NO_EXTENSIONS|NO_TICKETS(_TLS12)?|NO_STATUS_REQUEST|NO_SESSION_HASH|FORCE_SESSION_HASH|(UNSAFE|PARTIAL|DISABLE_SAFE|SAFE)_RENEGOTIATION|STATELESS_COMPRESSION|VERIFY_\w+|LATEST_RECORD_VERSION|SSL3_RECORD_VERSION|DISABLE_\w+|ENABLE_\w+|FALLBACK_SCSV|PROFILE_\w+|FORCE_ETM|NO_ETM|KEYLOG_\w+|SERVER_PRECEDENCE)$/;

/** Reads a priority string. @throws {PriorityFailure} when a word is not known, or nothing is left. */
export function readPriority(text: string): TlsPriority {
  const [first = '', ...words] = text
    .trim()
    .split(':')
    .filter((word) => word !== '');
  const beginsWithSet = Object.hasOwn(SETS, first);
  const allowed = setOf(beginsWithSet ? first : 'NORMAL');
  const before = setOf('NORMAL');
  const withoutEffect: string[] = [];
  let serverPreference = false;
  for (const word of beginsWithSet || first === '' ? words : [first, ...words]) {
    if (word === '%SERVER_PRECEDENCE') serverPreference = true;
    else if (/^@/.test(word) || OPTION.test(word)) withoutEffect.push(word);
    else if (!change(allowed, word)) withoutEffect.push(...ineffective(word));
  }
  const versions = TLS_VERSIONS.filter((version) => allowed.versions.has(version));
  const [minVersion] = versions;
  const maxVersion = versions.at(-1);
  if (minVersion === undefined || maxVersion === undefined) throw new PriorityFailure('leaves no version of TLS');
  const saysCiphers = (['keyExchanges', 'ciphers', 'macs'] as const).some(
    (kind) => !isSame(allowed[kind], before[kind]),
  );
  return {
    ...{ minVersion, maxVersion, serverPreference, withoutEffect },
    ...(saysCiphers ? { ciphers: cipherList(allowed, versions) } : {}),
    ...(isSame(allowed.groups, before.groups) ? {} : { groups: groupList(allowed) }),
  };
}

function setOf(name: string): Allowed {
  const set = SETS[name] ?? {};
  const own = (kind: keyof Allowed, all: readonly string[]): Set<string> => new Set(set[kind] ?? all);
  return {
    versions: own('versions', MODERN) as Set<TlsVersion>,
    keyExchanges: own('keyExchanges', KEY_EXCHANGES),
    ciphers: own('ciphers', Object.keys(CIPHERS)),
    macs: own('macs', ['AEAD', 'SHA1']),
    groups: own('groups', Object.values(GROUPS)),
  };
}

/** Adds or takes away what a word names. False: it names nothing that can be added or taken away here. */
function change(allowed: Allowed, word: string): boolean {
  const [, sign, name = ''] = /^([-+!])(.+)$/.exec(word) ?? [];
  if (sign === undefined) return false;
  const families: readonly (readonly [Set<string>, readonly string[]])[] = [
    [allowed.versions as Set<string>, versionsNamed(name)],
    [allowed.keyExchanges, name === 'KX-ALL' ? KEY_EXCHANGES : KEY_EXCHANGES.filter((one) => one === name)],
    [
      allowed.ciphers,
      name === 'CIPHER-ALL' ? Object.keys(CIPHERS) : Object.keys(CIPHERS).filter((one) => one === name),
    ],
    [allowed.macs, name === 'MAC-ALL' ? MACS : MACS.filter((one) => one === name)],
    [allowed.groups, groupsNamed(name)],
  ];
  const found = families.filter(([, names]) => names.length > 0);
  for (const [set, names] of found) for (const one of names) sign === '+' ? set.add(one) : set.delete(one);
  return found.length > 0;
}

function versionsNamed(name: string): readonly TlsVersion[] {
  if (name === 'VERS-ALL' || name === 'VERS-TLS-ALL') return TLS_VERSIONS;
  return TLS_VERSIONS.filter((version) => name === `VERS-${version.replace(/^TLSv1$/, 'TLSv1.0').replace('v', '')}`);
}

function groupsNamed(name: string): readonly string[] {
  if (/^(GROUP|CURVE)-ALL$/.test(name)) return Object.values(GROUPS);
  const [, group = ''] = /^(?:GROUP|CURVE)-(.+)$/.exec(name) ?? [];
  const found = Object.hasOwn(GROUPS, group) ? GROUPS[group] : undefined;
  return found === undefined ? [] : [found];
}

/** A word that GnuTLS knows and that changes nothing here: the word itself if that is news. */
function ineffective(word: string): string[] {
  const [, sign, name = ''] = /^([-+!])(.+)$/.exec(word) ?? [];
  if (sign === undefined || !(NOT_HERE.test(name) || ALWAYS.test(name)))
    throw new PriorityFailure(`has ${word}, which is not known`);
  const isNews = sign === '+' ? !ALWAYS.test(name) : /^SIGN-(?!.*(MD5|SHA1))/.test(name);
  return isNews ? [word] : [];
}

function cipherList(allowed: Allowed, versions: readonly TlsVersion[]): string {
  const ciphers = Object.entries(CIPHERS)
    .filter(([name]) => allowed.ciphers.has(name))
    .map(([, cipher]) => cipher);
  const modern = allowed.macs.has('AEAD') ? ciphers.flatMap(({ tls13 = [] }) => tls13) : [];
  const suites = ciphers.flatMap(({ suites }) => suites).filter(([mac]) => allowed.macs.has(mac));
  const older = KEY_EXCHANGES.filter((exchange) => allowed.keyExchanges.has(exchange)).flatMap((exchange) =>
    suites.map(([, suite]) => (exchange === 'RSA' ? suite : `${exchange}-${suite}`)),
  );
  // Not every key exchange has a suite of every kind; OpenSSL passes over names that it does not have.
  const list = [...modern, ...older];
  const isUsable = versions.includes('TLSv1.3') ? modern.length > 0 || versions.length > 1 : true;
  if (list.length === 0 || !isUsable) throw new PriorityFailure('leaves no cipher');
  return list.join(':');
}

function groupList(allowed: Allowed): string {
  const list = Object.values(GROUPS).filter((group) => allowed.groups.has(group));
  if (list.length === 0) throw new PriorityFailure('leaves no group');
  return list.join(':');
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}
