/**
 * The program `authpasswd`: asks for a password and prints its hash, as Courier's does.
 */
import { runProgram } from '../../init/runtime/program.js';
import { hashPassword } from '../passwords/password.js';
import { askNewPassword } from './tool.js';

const usage = `Usage: authpasswd [METHOD]

Reads a password and prints its hash.
METHOD: MD5, MD5RAW, SHA, SHA256, SHA512, SSHA, SMD5, SSHA256, SSHA512, BLF-CRYPT, ARGON2ID, SCRAM-SHA-256, SCRAM-SHA-1,
or the beginning of a crypt(3) hash such as '$6$' or '$y$'. Another word gives SSHA, none gives SHA512.
  --help, --version`;

await runProgram({ name: 'authpasswd', usage, run });

async function run([method]: readonly string[]): Promise<number> {
  const password = await askNewPassword();
  if (password === undefined) return 1;
  const hint = method === undefined || /^[{$]/.test(method) ? method : `{${method}}`;
  process.stdout.write(`${await hashPassword(password, hint)}\n`);
  return 0;
}
