/**
 * The system's crypt(3) through koffi: DES, `$1$`, `$5$`, `$6$`, `$2b$`, `$y$` and whatever else libcrypt knows.
 *
 * Runs in koffi's threads, never on the event loop. Knows nothing of `{SCHEME}` prefixes.
 */
import { randomBytes } from 'node:crypto';
import koffi from 'koffi';

/** Scratch memory of one call: CRYPT_DATA_SIZE of libxcrypt. */
const CRYPT_DATA_OCTETS = 32_768;
/** CRYPT_GENSALT_OUTPUT_SIZE of libxcrypt. */
const GENSALT_OCTETS = 192;
/** Random octets handed to crypt_gensalt; more than any scheme uses. */
const SALT_OCTETS = 32;
/** libxcrypt refuses longer passwords (CRYPT_MAX_PASSPHRASE_SIZE). */
const MAX_PASSWORD_OCTETS = 511;

/** crypt(3) cannot be used here: the library is missing, or the system does not know the scheme. */
export class CryptUnavailable extends Error {}

type Callback = (error: unknown, text: string | null) => void;

interface Library {
  readonly crypt: (password: Buffer, setting: string, scratch: Buffer, done: Callback) => void;
  readonly gensalt: (prefix: string, random: Buffer, output: Buffer) => string | null;
}

let library: Library | undefined;

/**
 * Hashes a password as `setting` (a stored hash, or a salt) says; null when the system does not know the setting.
 *
 * @throws {CryptUnavailable} where there is no libcrypt; the text names the scheme.
 */
export async function crypt(password: Buffer, setting: string): Promise<string | null> {
  if (password.includes(0) || password.length > MAX_PASSWORD_OCTETS || /[^\x21-\x7e]/.test(setting)) return null;
  const { crypt: call } = libcrypt(setting);
  const scratch = Buffer.alloc(CRYPT_DATA_OCTETS);
  const phrase = Buffer.concat([password, Buffer.alloc(1)]);
  const hash = await new Promise<string | null>((resolve, reject) => {
    call(phrase, setting, scratch, (error, text) => {
      scratch.fill(0);
      phrase.fill(0);
      if (error instanceof Error) reject(error);
      else resolve(text);
    });
  });
  return hash === null || hash.startsWith('*') ? null : hash;
}

/**
 * Makes a fresh salt for a prefix such as `$6$` or `$y$`; the cost is the system's default.
 *
 * @throws {CryptUnavailable} where there is no libcrypt or it does not know the prefix.
 */
export function cryptSalt(prefix: string): string {
  const salt = libcrypt(prefix).gensalt(prefix, randomBytes(SALT_OCTETS), Buffer.alloc(GENSALT_OCTETS));
  if (salt === null || salt.startsWith('*')) throw new CryptUnavailable(`crypt(3) here makes no ${prefix} hashes`);
  return salt;
}

/** Names the scheme of a crypt(3) setting for a log line, without its salt. */
export function cryptScheme(setting: string): string {
  const prefix = /^\$[A-Za-z0-9-]{1,12}\$/.exec(setting)?.[0];
  return prefix ?? 'DES';
}

function libcrypt(setting: string): Library {
  if (library !== undefined) return library;
  // Optional system library: the daemon lives without it, and says which hash it cannot check.
  try {
    library = loadLibrary();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CryptUnavailable(
      `a ${cryptScheme(setting)} hash cannot be checked, libcrypt.so.1 does not load (install libcrypt1): ${reason}`,
    );
  }
  return library;
}

function loadLibrary(): Library {
  const shared = koffi.load('libcrypt.so.1');
  const cryptRn = shared.func('const char *crypt_rn(const uint8_t *phrase, const char *setting, void *data, int size)');
  const gensaltRn = shared.func(
    'const char *crypt_gensalt_rn(const char *prefix, unsigned long count, const uint8_t *random, int length, void *output, int size)',
  );
  return {
    crypt: (password, setting, scratch, done) => cryptRn.async(password, setting, scratch, scratch.length, done),
    gensalt: (prefix, random, output) => gensaltRn(prefix, 0, random, random.length, output, output.length),
  };
}
