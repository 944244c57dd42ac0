/**
 * What SCRAM (RFC 5802, RFC 7677) keeps of a password, and the sums done with it.
 *
 *     {SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=
 *
 * are iterations, salt, StoredKey and ServerKey, as Dovecot writes them. Nobody can log in with it, or read the password
 * from it. PBKDF2 runs in Node's threads, never on the event loop.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { decodeBase64 } from '../sasl/base64.js';
import { saslprep } from './saslprep.js';

/** The hashes of SCRAM-SHA-1 and SCRAM-SHA-256. */
export type ScramHash = 'sha1' | 'sha256';

/** The password's salted keys. */
export interface ScramVerifier {
  readonly hash: ScramHash;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** For new verifiers: more than RFC 7677's 4096, and still nothing that a telephone's user would notice. */
export const DEFAULT_ITERATIONS = 10_000;
/** A client would take seconds over more, and so would a thread here for each login with a password. */
const MAX_ITERATIONS = 1_000_000;
/** Salts of new verifiers; those of others may have up to the second figure. */
export const SALT_OCTETS = 16;
const MAX_SALT_OCTETS = 128;

const hashes: ReadonlyMap<string, ScramHash> = new Map([
  ['SCRAM-SHA-1', 'sha1'],
  ['SCRAM-SHA-256', 'sha256'],
]);
const octetsOf: Readonly<Record<ScramHash, number>> = { sha1: 20, sha256: 32 };

/** The hash of a scheme `SCRAM-SHA-256`; undefined for other schemes. */
export function scramHashOf(scheme: string): ScramHash | undefined {
  return hashes.get(scheme);
}

/** Reads what stands behind `{SCRAM-SHA-256}`; a text says what is wrong with it. */
export function readVerifier(hash: ScramHash, text: string): ScramVerifier | string {
  const [iterationsText = '', ...encoded] = text.split(',');
  const iterations = /^[0-9]{1,10}$/.test(iterationsText) ? Number(iterationsText) : 0;
  if (iterations < 1 || iterations > MAX_ITERATIONS) {
    return `a SCRAM verifier must have 1 to ${MAX_ITERATIONS} iterations`;
  }
  const [salt, storedKey, serverKey, ...rest] = encoded.map(decodeBase64);
  if (salt === undefined || storedKey === undefined || serverKey === undefined || rest.length > 0) {
    return 'a SCRAM verifier is damaged: it is iterations,salt,storedkey,serverkey in base64';
  }
  const keyOctets = octetsOf[hash];
  const isWhole = storedKey.length === keyOctets && serverKey.length === keyOctets;
  if (!isWhole || salt.length === 0 || salt.length > MAX_SALT_OCTETS)
    return 'a SCRAM verifier has keys of a wrong length';
  return { hash, iterations, salt, storedKey, serverKey };
}

/** Writes a verifier as it is stored. */
export function formatVerifier({ hash, iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  const keys = [salt, storedKey, serverKey].map((octets) => octets.toString('base64'));
  return `{SCRAM-SHA-${hash === 'sha1' ? 1 : 256}}${[iterations, ...keys].join(',')}`;
}

const deriveKey = promisify(pbkdf2);

/** Salts a password (RFC 5802 section 3). One that SASLprep cannot take is used as it is, as PostgreSQL does. */
export async function deriveVerifier(
  password: Secret,
  { hash, iterations, salt }: Pick<ScramVerifier, 'hash' | 'iterations' | 'salt'>,
): Promise<ScramVerifier> {
  const text = password.reveal();
  const saltedPassword = await deriveKey(
    octetsFromText(saslprep(text) ?? text),
    salt,
    iterations,
    octetsOf[hash],
    hash,
  );
  const storedKey = createHash(hash)
    .update(hmac(hash, saltedPassword, 'Client Key'))
    .digest();
  return { hash, iterations, salt, storedKey, serverKey: hmac(hash, saltedPassword, 'Server Key') };
}

/** Makes a new verifier; no fewer iterations than the one it replaces has. */
export function newVerifier(password: Secret, hash: ScramHash, replaced?: string): Promise<ScramVerifier> {
  const old = replaced === undefined ? undefined : readVerifier(hash, replaced);
  const before = typeof old === 'object' ? old.iterations : 0;
  const iterations = Math.max(DEFAULT_ITERATIONS, before);
  return deriveVerifier(password, { hash, iterations, salt: randomBytes(SALT_OCTETS) });
}

/** Tells whether a password is the one that a verifier was made of. */
export async function checkVerifier(password: Secret, verifier: ScramVerifier): Promise<boolean> {
  const { storedKey } = await deriveVerifier(password, verifier);
  return timingSafeEqual(storedKey, verifier.storedKey);
}

/** Checks a client's proof: whoever made it knows the key whose hash is StoredKey (RFC 5802 section 3). */
export function checkProof({ hash, storedKey }: ScramVerifier, authMessage: string, proof: Buffer): boolean {
  if (proof.length !== storedKey.length) return false;
  const signature = hmac(hash, storedKey, authMessage);
  const clientKey = proof.map((octet, index) => octet ^ (signature[index] ?? 0));
  return timingSafeEqual(createHash(hash).update(clientKey).digest(), storedKey);
}

/** The server's own proof that it knows the verifier. */
export function serverSignature({ hash, serverKey }: ScramVerifier, authMessage: string): Buffer {
  return hmac(hash, serverKey, authMessage);
}

function hmac(hash: ScramHash, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest();
}
