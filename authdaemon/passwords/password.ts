/**
 * Passwords against stored hashes, and new hashes.
 *
 * Schemes of Courier: `$1$`, `{MD5}`, `{MD5RAW}`, `{SHA}`, `{SHA256}`, `{SHA512}`, `{SSHA}`, `{CRYPT}`, and anything else
 * by crypt(3). Beyond Courier, because hashes come from other servers: `$argon2id$` (also i and d), `{ARGON2ID}`,
 * `{SMD5}`, `{SSHA256}`, `{SSHA512}`, `{BLF-CRYPT}` and the other `…-CRYPT` names, `{SCRAM-SHA-1}` and `{SCRAM-SHA-256}`.
 * A salt may have any length. There is no scheme for passwords kept in the clear.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { CryptUnavailable, crypt, cryptSalt, cryptScheme } from './crypt.js';
import { checkVerifier, formatVerifier, newVerifier, readVerifier, type ScramHash, scramHashOf } from './scram.js';

/** What became of a comparison. `impossible`: this hash cannot be checked here, whatever the password. */
export type PasswordVerdict =
  | { readonly kind: 'match' }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'impossible'; readonly reason: string };

/** argon2 takes 64 MiB and a tenth of a second for each check under way: more at once would let a crowd of logins fill the memory. */
const MAX_ARGON2_AT_ONCE = 2;
/** Courier's salt length for new {SSHA} hashes: its own check knows no other. */
const SSHA_SALT_OCTETS = 4;
const CRYPT64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

interface DigestScheme {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512';
  readonly octets: number;
  readonly salted: boolean;
}

const digestSchemes: ReadonlyMap<string, DigestScheme> = new Map([
  ['MD5', { algorithm: 'md5', octets: 16, salted: false }],
  ['SHA', { algorithm: 'sha1', octets: 20, salted: false }],
  ['SHA256', { algorithm: 'sha256', octets: 32, salted: false }],
  ['SHA512', { algorithm: 'sha512', octets: 64, salted: false }],
  ['SMD5', { algorithm: 'md5', octets: 16, salted: true }],
  ['SSHA', { algorithm: 'sha1', octets: 20, salted: true }],
  ['SSHA256', { algorithm: 'sha256', octets: 32, salted: true }],
  ['SSHA512', { algorithm: 'sha512', octets: 64, salted: true }],
]);

/** Prefixes that other servers put before crypt(3) and argon2 strings. */
const plainPrefixes = /^(CRYPT|(BLF|DES|MD5|SHA256|SHA512)-CRYPT|ARGON2(ID|I|D)?)$/;

/** Checks a password against a stored hash of any scheme. Never throws for what the hash looks like. */
export async function checkPassword(password: Secret, stored: string): Promise<PasswordVerdict> {
  const octets = octetsFromText(password.reveal());
  const prefixed = /^\{([A-Za-z0-9.-]{1,32})\}/.exec(stored);
  const scheme = prefixed?.[1]?.toUpperCase() ?? '';
  const rest = stored.slice(prefixed?.[0].length ?? 0);
  const digest = digestSchemes.get(scheme);
  if (digest !== undefined) return verdict(checkDigest(octets, rest, digest));
  const scram = scramHashOf(scheme);
  if (scram !== undefined) return checkScram(password, rest, scram);
  if (scheme === 'MD5RAW') return verdict(sameText(createHash('md5').update(octets).digest('hex'), rest));
  if (scheme !== '' && !plainPrefixes.test(scheme)) {
    return { kind: 'impossible', reason: `the scheme {${scheme}} is not known here` };
  }
  return rest.startsWith('$argon2') ? checkArgon2(octets, rest) : checkCrypt(octets, rest);
}

function checkDigest(password: Buffer, encoded: string, { algorithm, octets, salted }: DigestScheme): boolean {
  const stored = Buffer.from(encoded, 'base64');
  const salt = salted ? stored.subarray(octets) : Buffer.alloc(0);
  const made = Buffer.concat([createHash(algorithm).update(password).update(salt).digest(), salt]);
  return sameText(made.toString('base64'), encoded);
}

async function checkScram(password: Secret, stored: string, hash: ScramHash): Promise<PasswordVerdict> {
  const verifier = readVerifier(hash, stored);
  if (typeof verifier === 'string') return { kind: 'impossible', reason: verifier };
  return verdict(await checkVerifier(password, verifier));
}

async function checkCrypt(password: Buffer, stored: string): Promise<PasswordVerdict> {
  // A locked account (`!`, `*`) or an empty field: nothing to compare with.
  if (stored === '' || /^[!*]/.test(stored)) return { kind: 'mismatch' };
  try {
    const made = await crypt(password, stored);
    return verdict(made !== null && sameText(made, stored));
  } catch (error) {
    // Somebody's hash cannot be checked on this system; that must not look like a wrong password.
    if (error instanceof CryptUnavailable) return { kind: 'impossible', reason: error.message };
    throw error;
  }
}

async function checkArgon2(password: Buffer, stored: string): Promise<PasswordVerdict> {
  await takeArgon2Turn();
  // The library throws for a damaged hash and where its binary does not load.
  try {
    const argon2 = await import('argon2');
    return verdict(await argon2.verify(stored, password));
  } catch (error) {
    return { kind: 'impossible', reason: `an argon2 hash cannot be checked: ${messageOf(error)}` };
  } finally {
    releaseArgon2Turn();
  }
}

/**
 * Hashes a new password. `hint` is the old hash or a method's name, and says which scheme; without one it is {SHA512}.
 *
 * As Courier: a hint of an unknown scheme gives {SSHA}. Unlike Courier, a hint of a stronger scheme keeps it: nobody's
 * hash gets weaker because he changed his password.
 */
export async function hashPassword(password: Secret, hint?: string): Promise<string> {
  const octets = octetsFromText(password.reveal());
  const scheme = schemeForHint(hint);
  if (scheme.startsWith('$argon2')) return hashArgon2(octets);
  if (scheme.startsWith('$')) return hashCrypt(octets, cryptSalt(scheme));
  if (scheme === 'MD5RAW') return `{MD5RAW}${createHash('md5').update(octets).digest('hex')}`;
  const scram = scramHashOf(scheme);
  if (scram !== undefined) return formatVerifier(await newVerifier(password, scram, hint?.slice(scheme.length + 2)));
  const digest = digestSchemes.get(scheme);
  if (digest === undefined) throw new RangeError(`no scheme ${scheme}`);
  const salt = digest.salted ? randomBytes(SSHA_SALT_OCTETS) : Buffer.alloc(0);
  const made = Buffer.concat([createHash(digest.algorithm).update(octets).update(salt).digest(), salt]);
  return `{${scheme}}${made.toString('base64')}`;
}

/** Hashes with crypt(3) and two characters of salt: DES, what `userdbpw` without options makes. */
export function hashDes(password: Secret): Promise<string> {
  const salt = [...randomBytes(2)].map((octet) => CRYPT64.charAt(octet % 64)).join('');
  return hashCrypt(octetsFromText(password.reveal()), salt);
}

function schemeForHint(hint: string | undefined): string {
  if (hint === undefined) return 'SHA512';
  const prefixed = /^\{([A-Za-z0-9.-]{1,32})\}(.*)$/s.exec(hint);
  const name = prefixed?.[1]?.toUpperCase() ?? '';
  if (name.startsWith('MD5R')) return 'MD5RAW';
  if (digestSchemes.has(name) || scramHashOf(name) !== undefined) return name;
  if (name === 'BLF-CRYPT') return '$2b$';
  if (name.startsWith('ARGON2')) return '$argon2id$';
  const bare = prefixed?.[2] ?? hint;
  if (bare.startsWith('$argon2')) return '$argon2id$';
  if (/^\$2[aby]\$/.test(bare)) return '$2b$';
  return /^\$(1|5|6|7|y|gy)\$/.exec(bare)?.[0] ?? 'SSHA';
}

async function hashCrypt(password: Buffer, salt: string): Promise<string> {
  const hash = await crypt(password, salt);
  if (hash === null) throw new CryptUnavailable(`crypt(3) cannot hash this password with ${cryptScheme(salt)}`);
  return hash;
}

async function hashArgon2(password: Buffer): Promise<string> {
  await takeArgon2Turn();
  // Nothing to answer here: the turn must be given back.
  try {
    const argon2 = await import('argon2');
    return await argon2.hash(password, { type: argon2.argon2id });
  } finally {
    releaseArgon2Turn();
  }
}

/** Compares two texts in a time that does not tell where they differ, nor how long the stored one is. */
export function sameText(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

let argon2Running = 0;
const argon2Waiting: (() => void)[] = [];

async function takeArgon2Turn(): Promise<void> {
  if (argon2Running < MAX_ARGON2_AT_ONCE) {
    argon2Running += 1;
    return;
  }
  await new Promise<void>((resolve) => argon2Waiting.push(resolve));
}

/** Hands the turn to the next one in line, if there is one. */
function releaseArgon2Turn(): void {
  const next = argon2Waiting.shift();
  if (next === undefined) argon2Running -= 1;
  else next();
}

function verdict(matches: boolean): PasswordVerdict {
  return { kind: matches ? 'match' : 'mismatch' };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
