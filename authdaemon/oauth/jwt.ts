/**
 * JSON Web Tokens that are signed (RFC 7515, RFC 7519): reading one, and checking its signature with a public key.
 *
 * The key decides which algorithms fit it, the site which are allowed; the token only says which of those it used. There
 * is no `none`, and no HMAC: a public key is no secret. Pure.
 */
import { constants, type KeyObject, verify } from 'node:crypto';

/** A key that tokens may be signed with. `id` is compared with the token's kid, and nothing else is done with that. */
export interface VerificationKey {
  readonly id?: string;
  /** The only algorithm that it is for, where its owner says so. */
  readonly algorithm?: string;
  readonly key: KeyObject;
}

/** A token, taken apart; nothing in it is believed yet. */
export interface Jwt {
  readonly algorithm: string;
  readonly keyId?: string;
  readonly claims: Claims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** What a token says. */
export type Claims = Readonly<Record<string, unknown>>;

interface Algorithm {
  readonly keyType: string;
  readonly curves?: readonly string[];
  readonly hash: string | null;
  readonly pss?: boolean;
}

const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ['EdDSA', { keyType: 'ed25519', hash: null }],
  ['ES256', { keyType: 'ec', curves: ['prime256v1'], hash: 'sha256' }],
  ['ES384', { keyType: 'ec', curves: ['secp384r1'], hash: 'sha384' }],
  ['ES512', { keyType: 'ec', curves: ['secp521r1'], hash: 'sha512' }],
  ['PS256', { keyType: 'rsa', hash: 'sha256', pss: true }],
  ['PS384', { keyType: 'rsa', hash: 'sha384', pss: true }],
  ['PS512', { keyType: 'rsa', hash: 'sha512', pss: true }],
  ['RS256', { keyType: 'rsa', hash: 'sha256' }],
  ['RS384', { keyType: 'rsa', hash: 'sha384' }],
  ['RS512', { keyType: 'rsa', hash: 'sha512' }],
]);

/** Names of all algorithms there are (RFC 7518 section 3.1, RFC 8037). */
export const SIGNATURE_ALGORITHMS: readonly string[] = [...algorithms.keys()];

/** RFC 7518 section 3.3: shorter RSA keys must not be used. */
const LEAST_RSA_BITS = 2048;

/** Takes a token apart: three parts in base64url, the first two of them JSON objects. Undefined for anything else. */
export function readJwt(token: string): Jwt | undefined {
  const parts = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token);
  if (parts === null) return undefined;
  const [, headerText = '', claimsText = '', signatureText = ''] = parts;
  const header = readObject(headerText);
  const claims = readObject(claimsText);
  // What is critical to the issuer and not known here makes the token unreadable (RFC 7515 section 4.1.11).
  if (header === undefined || claims === undefined || header['crit'] !== undefined) return undefined;
  const { alg, kid } = header;
  if (typeof alg !== 'string') return undefined;
  return {
    algorithm: alg,
    ...(typeof kid === 'string' ? { keyId: kid } : {}),
    claims,
    signed: Buffer.from(`${headerText}.${claimsText}`, 'latin1'),
    signature: Buffer.from(signatureText, 'base64url'),
  };
}

/** Tells whether one of the keys has signed the token, in one of the allowed ways. */
export function isSigned(jwt: Jwt, keys: readonly VerificationKey[], allowed: readonly string[]): boolean {
  const algorithm = allowed.includes(jwt.algorithm) ? algorithms.get(jwt.algorithm) : undefined;
  if (algorithm === undefined) return false;
  const named = jwt.keyId === undefined ? keys : keys.filter(({ id }) => id === undefined || id === jwt.keyId);
  return named.some((key) => fits(key, jwt.algorithm, algorithm) && hasSigned(key.key, jwt, algorithm));
}

function fits({ key, algorithm: only }: VerificationKey, name: string, { keyType, curves }: Algorithm): boolean {
  if (key.type !== 'public' || key.asymmetricKeyType !== keyType || (only !== undefined && only !== name)) return false;
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (keyType === 'rsa') return modulusLength >= LEAST_RSA_BITS;
  return curves === undefined || curves.includes(namedCurve);
}

function hasSigned(key: KeyObject, { signed, signature }: Jwt, { hash, pss }: Algorithm): boolean {
  const padding = pss === true ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  const how =
    key.asymmetricKeyType === 'rsa'
      ? { key, padding, ...(pss === true ? { saltLength } : {}) }
      : { key, dsaEncoding: 'ieee-p1363' as const };
  // OpenSSL throws for some signatures that are none.
  try {
    return verify(hash, signed, how, signature);
  } catch {
    return false;
  }
}

function readObject(base64url: string): Claims | undefined {
  // A stranger wrote it.
  try {
    const value: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
