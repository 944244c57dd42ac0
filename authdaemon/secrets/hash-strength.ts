/**
 * How hard it is to guess a password from its stored hash, as an order of the schemes. Pure.
 *
 * From weak to strong: without salt (one table breaks all accounts), salted but fast, iterated, and made to be dear in
 * memory. Iterations and costs are not compared: hashes of one scheme count as equally strong.
 */

/** From the weakest on. DES sees eight characters only, whatever its salt. */
const ORDER = [
  ...['DES', 'MD5', 'SHA', 'SHA256', 'SHA512'],
  ...['SMD5', 'SSHA', 'SSHA256', 'SSHA512'],
  ...['MD5-CRYPT', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SHA256-CRYPT', 'SHA512-CRYPT', 'BLF-CRYPT'],
  ...['SCRYPT', 'YESCRYPT', 'ARGON2'],
] as const;

type Scheme = (typeof ORDER)[number];

const cryptSchemes: readonly (readonly [RegExp, Scheme])[] = [
  [/^[./0-9A-Za-z]{13}$/, 'DES'],
  [/^_[./0-9A-Za-z]{19}$/, 'DES'],
  [/^\$1\$/, 'MD5-CRYPT'],
  [/^\$5\$/, 'SHA256-CRYPT'],
  [/^\$6\$/, 'SHA512-CRYPT'],
  [/^\$2[abxy]\$/, 'BLF-CRYPT'],
  [/^\$7\$/, 'SCRYPT'],
  [/^\$g?y\$/, 'YESCRYPT'],
  [/^\$argon2/, 'ARGON2'],
];

/** Gives the place of a hash in the order, or of the method `{NAME}` or `$6$` that makes such; undefined: not known. */
export function hashStrength(hash: string): number | undefined {
  const scheme = schemeOf(hash);
  return scheme === undefined ? undefined : ORDER.indexOf(scheme);
}

/** The hint for hashPassword() of a method as authpasswd takes it: `SHA512`, `{SHA512}`, `$6$`; undefined: no method. */
export function methodHint(word: string): string | undefined {
  const hint = /^[{$]/.test(word) ? word : `{${word.toUpperCase()}}`;
  // Of the names that stand before crypt(3) hashes, new ones are made for this one only.
  const isMade = !/^\{(DES|.*-CRYPT|SCRYPT|YESCRYPT)\}$/.test(hint) || hint === '{BLF-CRYPT}';
  return isMade && hashStrength(hint) !== undefined ? hint : undefined;
}

function schemeOf(hash: string): Scheme | undefined {
  const prefixed = /^\{([A-Za-z0-9.-]{1,32})\}/.exec(hash);
  const name = prefixed?.[1]?.toUpperCase() ?? '';
  const bare = hash.slice(prefixed?.[0].length ?? 0);
  if (prefixed === null || name === 'CRYPT' || (name.endsWith('-CRYPT') && bare !== '')) {
    return cryptSchemes.find(([pattern]) => pattern.test(bare))?.[1];
  }
  if (name === 'MD5RAW') return 'MD5';
  return ORDER.find((scheme) => scheme === name.replace(/^ARGON2(ID|I|D)$/, 'ARGON2'));
}
