/**
 * A line of vpopmail's `vpasswd`:
 *
 *     ann:$1$c4…:1:8:Ann Lee:/home/vpopmail/domains/example.com/ann:10485760S:secret
 *     name:hash:uid:flags:gecos:directory:quota[:password in the clear]
 *
 * The fourth field stands where passwd(5) has a gid, and holds bits of what the account may not do. Pure.
 */
import type { AccountOption } from '../account.js';

/** A line, read. */
export interface VpasswdEntry {
  readonly name: string;
  readonly hash: string;
  readonly flags: number;
  readonly gecos: string;
  readonly directory: string;
  readonly quota: string;
  readonly clear?: string;
}

/** Bits of the gid field (NO_PASSWD_CHNG and so on in vpopmail's own header). Others do not concern IMAP and POP3. */
export const NO_PASSWORD_CHANGE = 0x01;
const NO_POP = 0x02;
const NO_WEBMAIL = 0x04;
const NO_IMAP = 0x08;

const options: readonly (readonly [bit: number, name: string])[] = [
  [NO_IMAP, 'disableimap'],
  [NO_POP, 'disablepop3'],
  [NO_WEBMAIL, 'disablewebmail'],
  [NO_PASSWORD_CHANGE, 'wbnochangepass'],
];

const QUOTA_UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, K: 1024, M: 1_048_576, G: 1_073_741_824 };

/** Reads a line without its end; undefined for one that is none. */
export function parseVpasswdLine(line: string): VpasswdEntry | undefined {
  const [name = '', hash = '', , flagsText = '', gecos = '', directory = '', quota, clear] = line.split(':');
  if (name === '' || quota === undefined || !/^\d{1,10}$/.test(flagsText)) return undefined;
  const entry: VpasswdEntry = { name, hash, flags: Number(flagsText), gecos, directory, quota };
  return clear === undefined || clear === '' ? entry : { ...entry, clear };
}

/** The account options that the flags mean. */
export function optionsFromFlags(flags: number): AccountOption[] {
  return options.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => ({ name, value: '1' }));
}

/**
 * Writes vpopmail's quota as Maildir++ does; undefined for none, or one that nobody can read.
 *
 *     maildirQuota('10485760S,1000C')   // the same
 *     maildirQuota('50MB')              // '52428800S'
 *     maildirQuota('NOQUOTA')           // undefined
 */
export function maildirQuota(text: string): string | undefined {
  const parts = text.split(',').map((part) => {
    const [, amount = '', unit = '', kind = ''] = /^(\d{1,15})([KMG]?)(B?|S|C)$/i.exec(part.trim()) ?? [];
    if (amount === '') return undefined;
    if (kind.toUpperCase() === 'C') return `${amount}C`;
    return `${Number(amount) * (QUOTA_UNITS[unit.toUpperCase()] ?? 1)}S`;
  });
  const written = parts.filter((part) => part !== undefined && !/^0+[SC]$/.test(part));
  return written.length === 0 ? undefined : written.join(',');
}
