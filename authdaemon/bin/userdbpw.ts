/**
 * The program `userdbpw`: reads a password and prints it as userdb keeps it, as Courier's does.
 */
import { runProgram } from '../../init/runtime/program.js';
import type { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { type HmacAlgorithm, hmacContext } from '../passwords/hmac-context.js';
import { hashDes, hashPassword } from '../passwords/password.js';
import { askNewPassword } from './tool.js';

const usage = `Usage: userdbpw [-md5 | -hmac-md5 | -hmac-sha1 | -hmac-sha256 | -scram-sha-256] | userdb NAME set FIELD

Reads a password and prints its hash.
  -md5      a $1$ hash; without an option: the old DES hash, which sees eight characters only
  -hmac-…   the secret of CRAM-MD5, CRAM-SHA1 or CRAM-SHA256, for a field such as hmac-md5pw
  -scram-…  what SCRAM-SHA-256 and passwords are checked with, for a field such as imappw; also -scram-sha-1
  --help, --version
authpasswd makes stronger hashes.`;

const hmacOptions: Readonly<Record<string, HmacAlgorithm>> = {
  '-hmac-md5': 'md5',
  '-hmac-sha1': 'sha1',
  '-hmac-sha256': 'sha256',
};

const hashOptions: Readonly<Record<string, string>> = {
  '-md5': '$1$',
  '-scram-sha-1': '{SCRAM-SHA-1}',
  '-scram-sha-256': '{SCRAM-SHA-256}',
};

await runProgram({ name: 'userdbpw', usage, run });

async function run(words: readonly string[]): Promise<number> {
  const [option, ...more] = words;
  const known = option === undefined || Object.hasOwn(hashOptions, option) || Object.hasOwn(hmacOptions, option);
  if (!known || more.length > 0) {
    process.stderr.write('userdbpw: invalid argument.\n');
    return 1;
  }
  const password = await askNewPassword();
  if (password === undefined) return 1;
  process.stdout.write(`${await stored(password, option)}\n`);
  return 0;
}

async function stored(password: Secret, option: string | undefined): Promise<string> {
  if (option === undefined) return hashDes(password);
  const algorithm = hmacOptions[option];
  return algorithm === undefined
    ? hashPassword(password, hashOptions[option])
    : hmacContext(algorithm, octetsFromText(password.reveal()));
}
