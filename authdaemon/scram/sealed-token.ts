/**
 * Tokens that only one run of this daemon can make and read: what it must know again at the second step of an exchange,
 * kept by the caller meanwhile. Encrypted and authenticated (AES-256-GCM, NIST SP 800-38D).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

/** Seals texts with a key of its own. */
export class TokenSeal {
  readonly #key = randomBytes(KEY_OCTETS);

  /** Makes a token; `purpose` must be the same when it is opened. */
  seal(text: string, purpose: string): string {
    const nonce = randomBytes(NONCE_OCTETS);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Gives the text; undefined for a token of another run, for another purpose, and for a damaged one. */
  open(token: string, purpose: string): string | undefined {
    const octets = Buffer.from(token, 'base64url');
    if (octets.length < NONCE_OCTETS + TAG_OCTETS) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#key, octets.subarray(0, NONCE_OCTETS), {
      authTagLength: TAG_OCTETS,
    });
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(octets.subarray(-TAG_OCTETS));
    // The one way in which a forged token shows itself.
    try {
      const opened = decipher.update(octets.subarray(NONCE_OCTETS, -TAG_OCTETS));
      return Buffer.concat([opened, decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}
