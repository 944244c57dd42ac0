/**
 * The system's accounts through the C library, so that those of LDAP and NIS are found as well: getpwnam, getspnam,
 * getpwent. Every call blocks; only worker.ts makes them.
 */
import koffi from 'koffi';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import type { PasswordAging, ShadowUse, SystemAccount } from './questions.js';

/** The name service cannot say. */
export class NameServiceFailure extends Error {}

const FIRST_BUFFER_OCTETS = 4096;
/** A record of a megabyte is none. */
const MAX_BUFFER_OCTETS = 1_048_576;
/** The caller takes the whole list; more accounts than this do not come from a system's own list. */
const MAX_ENUMERATED = 200_000;
/** Errors by which name services say "there is none" (getpwnam(3), Notes), and that the buffer is too small. */
const NO_SUCH_ENTRY = [0, 1, 2, 3, 9, 13];
const ERANGE = 34;

interface Passwd {
  readonly pw_name: unknown;
  readonly pw_passwd: unknown;
  readonly pw_uid: number;
  readonly pw_gid: number;
  readonly pw_gecos: unknown;
  readonly pw_dir: unknown;
}

interface Shadow {
  readonly sp_pwdp: unknown;
  readonly sp_lstchg: number;
  readonly sp_max: number;
  readonly sp_inact: number;
  readonly sp_expire: number;
}

const libc = koffi.load('libc.so.6');
koffi.struct('passwd', {
  pw_name: 'void *',
  pw_passwd: 'void *',
  pw_uid: 'uint32_t',
  pw_gid: 'uint32_t',
  pw_gecos: 'void *',
  pw_dir: 'void *',
  pw_shell: 'void *',
});
koffi.struct('spwd', {
  sp_namp: 'void *',
  sp_pwdp: 'void *',
  sp_lstchg: 'long',
  sp_min: 'long',
  sp_max: 'long',
  sp_warn: 'long',
  sp_inact: 'long',
  sp_expire: 'long',
  sp_flag: 'unsigned long',
});
const strlen = libc.func('size_t strlen(const void *text)');
const getpwnam = libc.func(
  'int getpwnam_r(const uint8_t *name, _Out_ passwd *entry, void *buffer, size_t size, _Out_ void **result)',
);
const getspnam = libc.func(
  'int getspnam_r(const uint8_t *name, _Out_ spwd *entry, void *buffer, size_t size, _Out_ void **result)',
);
const getpwent = libc.func('int getpwent_r(_Out_ passwd *entry, void *buffer, size_t size, _Out_ void **result)');
const setpwent = libc.func('void setpwent()');
const endpwent = libc.func('void endpwent()');

/** Finds an account by name, and its entry of shadow(5). @throws {NameServiceFailure} */
export function findAccount(name: string, shadow: ShadowUse): SystemAccount | undefined {
  const octets = cString(name);
  const account = read(
    'getpwnam',
    (entry: Passwd, buffer, result) => getpwnam(octets, entry, buffer, buffer.length, result),
    accountOf,
  );
  if (account === undefined || shadow === 'not') return account;
  const secrets = shadowOf(octets);
  // glibc does not tell that shadow may not be read: it says that there is no entry.
  const isHidden = secrets === undefined && account.encryptedPassword === undefined && process.geteuid?.() !== 0;
  if (isHidden && shadow === 'needed') throw new NameServiceFailure('only root may read the hashes of shadow(5)');
  return { ...account, ...secrets };
}

/** Lists the accounts that the name service lists. @throws {NameServiceFailure} */
export function listAccounts(): SystemAccount[] {
  const accounts: SystemAccount[] = [];
  setpwent();
  // Whatever happens, the list must not stay open.
  try {
    while (accounts.length < MAX_ENUMERATED) {
      const account = read(
        'getpwent',
        (entry: Passwd, buffer, result) => getpwent(entry, buffer, buffer.length, result),
        accountOf,
      );
      if (account === undefined) return accounts;
      accounts.push(account);
    }
  } finally {
    endpwent();
  }
  throw new NameServiceFailure(`the system lists more than ${MAX_ENUMERATED} accounts`);
}

/** The text with its end, as C wants it. */
export function cString(text: string): Buffer {
  return Buffer.concat([octetsFromText(text), Buffer.alloc(1)]);
}

/** Copies a C string. */
export function textAt(pointer: unknown): string {
  if (pointer === null || pointer === undefined) return '';
  const length = Number(strlen(pointer));
  return length === 0 ? '' : textFromOctets(Buffer.from(koffi.decode(pointer, 'uint8_t', length) as Uint8Array));
}

function shadowOf(name: Buffer): Pick<SystemAccount, 'encryptedPassword' | 'aging'> | undefined {
  return read(
    'getspnam',
    (entry: Shadow, buffer, result) => getspnam(name, entry, buffer, buffer.length, result),
    (entry) => {
      const aging: PasswordAging = {
        lastChange: Number(entry.sp_lstchg),
        maxDays: Number(entry.sp_max),
        inactiveDays: Number(entry.sp_inact),
        expires: Number(entry.sp_expire),
      };
      return { encryptedPassword: textAt(entry.sp_pwdp), aging };
    },
  );
}

function accountOf(entry: Passwd): SystemAccount {
  const password = textAt(entry.pw_passwd);
  const account: SystemAccount = {
    name: textAt(entry.pw_name),
    uid: entry.pw_uid,
    gid: entry.pw_gid,
    home: textAt(entry.pw_dir),
    gecos: textAt(entry.pw_gecos),
  };
  // `x` says that the hash stands elsewhere.
  return password === '' || password === 'x' ? account : { ...account, encryptedPassword: password };
}

/** Calls a function of the family …_r with a buffer that is large enough, and copies what it found. */
function read<Entry, Found>(
  what: string,
  call: (entry: Entry, buffer: Buffer, result: [unknown]) => number,
  copy: (entry: Entry) => Found,
): Found | undefined {
  for (let octets = FIRST_BUFFER_OCTETS; octets <= MAX_BUFFER_OCTETS; octets *= 4) {
    const buffer = Buffer.alloc(octets);
    const entry = {} as Entry;
    const result: [unknown] = [null];
    const error = call(entry, buffer, result);
    if (error === ERANGE) continue;
    if (error === 0 && result[0] !== null) {
      const found = copy(entry);
      // The entry's texts lie in the buffer: it must be there until now, and hashes no longer.
      buffer.fill(0);
      return found;
    }
    if (NO_SUCH_ENTRY.includes(error)) return undefined;
    throw new NameServiceFailure(`${what} failed with error ${error}`);
  }
  throw new NameServiceFailure(`${what}: a record is longer than ${MAX_BUFFER_OCTETS} octets`);
}
