/**
 * A JSON Web Key Set (RFC 7517), or one key: the public keys in it that signatures can be checked with.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { VerificationKey } from './jwt.js';

/** A key set of a large provider has a handful. */
export const MAX_KEYS = 100;

type WrittenKey = JsonWebKey & Record<string, unknown>;

/**
 * Reads a set. Keys for encrypting, and secret ones of HMAC, are none for us; one that this Node does not know must not
 * take the others with it: `warn` is told of it.
 *
 * @throws {SyntaxError} It is no JSON.
 */
export function readKeySet(text: string, warn: (text: string) => void): VerificationKey[] {
  const value: unknown = JSON.parse(text);
  const set: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  const written: readonly unknown[] = Array.isArray(set) ? set : [value];
  return written.filter(isForSignatures).flatMap((key) => readKey(key, warn));
}

function isForSignatures(key: unknown): key is WrittenKey {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, use } = key as WrittenKey;
  return kty !== 'oct' && (use === undefined || use === 'sig');
}

function readKey(key: WrittenKey, warn: (text: string) => void): VerificationKey[] {
  const id = typeof key['kid'] === 'string' ? { id: key['kid'] } : {};
  const algorithm = typeof key['alg'] === 'string' ? { algorithm: key['alg'] } : {};
  try {
    return [{ ...id, ...algorithm, key: createPublicKey({ key, format: 'jwk' }) }];
  } catch (error) {
    warn(`the key ${id.id ?? ''} is not used: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}
