/**
 * A remembered login as octets that nobody can read or make without the site's secret and the login itself.
 *
 *     nonce (12 octets), tag (16), sealed JSON of the account and of the time until which it counts
 *
 * The id is a MAC of the login, password included. The key of the seal is made of the secret and the same login, so that
 * the secret alone opens nothing either. Id and epoch are sealed in: a value counts in its own place only. Pure.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { type Account, formatOptions, parseOptions } from '../account.js';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import type { RememberedLogin } from './login-cache.js';

const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const KEY_OCTETS = 32;

/** A login, and the wall clock's time (ms) until which it counts. */
export interface TimedLogin {
  readonly login: RememberedLogin;
  readonly until: number;
}

/** Where one login is kept, and what opens it. */
export interface SealPlace {
  readonly id: string;
  readonly key: Buffer;
}

/** The site's secret, as keys of two uses. */
export class SiteSecret {
  readonly #idKey: Buffer;
  readonly #sealKey: Buffer;

  constructor(secret: Buffer) {
    const derive = (use: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', use, KEY_OCTETS));
    this.#idKey = derive('angarium login id');
    this.#sealKey = derive('angarium login seal');
  }

  /** Gives the place of a login. */
  placeOf(login: Buffer): SealPlace {
    const id = createHmac('sha256', this.#idKey).update(login).digest('hex');
    return { id, key: createHmac('sha256', this.#sealKey).update(login).digest() };
  }
}

/** Seals a login for its place in this epoch. */
export function sealLogin({ login, until }: TimedLogin, { id, key }: SealPlace, epoch: string): Buffer {
  const { module, withPassword, account } = login;
  const { clearPassword: _, options, ...fields } = account;
  const text = JSON.stringify({ until, module, withPassword, account: { ...fields, options: formatOptions(options) } });
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(`${id} ${epoch}`));
  const sealed = Buffer.concat([cipher.update(octetsFromText(text)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** Opens what sealLogin made; undefined for anything else, and for another place or epoch. */
export function openLogin(octets: Buffer, { id, key }: SealPlace, epoch: string): TimedLogin | undefined {
  const sealedAt = NONCE_OCTETS + TAG_OCTETS;
  if (octets.length <= sealedAt) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, octets.subarray(0, NONCE_OCTETS), {
    authTagLength: TAG_OCTETS,
  });
  decipher.setAAD(Buffer.from(`${id} ${epoch}`));
  decipher.setAuthTag(octets.subarray(NONCE_OCTETS, sealedAt));
  // Octets that somebody else wrote, or that belong elsewhere, are no login.
  try {
    const text = textFromOctets(Buffer.concat([decipher.update(octets.subarray(sealedAt)), decipher.final()]));
    const { until, module, withPassword, account } = JSON.parse(text) as SealedFields;
    return { until, login: { module, withPassword, account: { ...account, options: parseOptions(account.options) } } };
  } catch {
    return undefined;
  }
}

/** What stands inside; made by sealLogin, or the seal does not open. */
interface SealedFields {
  readonly until: number;
  readonly module: string;
  readonly withPassword: boolean;
  readonly account: Omit<Account, 'options' | 'clearPassword'> & { readonly options: string };
}
