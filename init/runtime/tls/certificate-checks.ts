/**
 * What is wrong with a certificate although it can be used, and why a file cannot: clear words for administrators, with
 * the path and what to do.
 */
import type { X509Certificate } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { closedPlace } from '../system/reachable.js';

/** A certificate that cannot be used: path, reason and remedy, for the administrator. */
export class CertificateFailure extends Error {}

const DAY_MS = 86_400_000;

/** Whoever renews certificates by a timer has done it by then. */
const SOON_DAYS = 14;

/** Tells whether a certificate is over, will be soon, or has not begun. */
export function dateProblem(file: string, certificate: X509Certificate, now: number): string | undefined {
  const from = Date.parse(certificate.validFrom);
  const until = Date.parse(certificate.validTo);
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (until <= now) return `${file} expired on ${day(until)}, and clients refuse it; renew the certificate`;
  if (from > now) return `${file} is not valid before ${day(from)}; look at the clock of this machine`;
  const days = Math.floor((until - now) / DAY_MS);
  const inDays = days === 0 ? 'within a day' : days === 1 ? 'in a day' : `in ${days} days`;
  return days < SOON_DAYS ? `${file} expires on ${day(until)}, ${inDays}; renew the certificate` : undefined;
}

/** Tells whether others can read a key, or put another in its place. */
export function rightsProblem(keyFile: string): string | undefined {
  const { mode } = statSync(keyFile);
  if ((mode & 0o002) !== 0) return `${keyFile}, with its key, can be changed by everybody; chmod 600 ${keyFile}`;
  if ((mode & 0o004) === 0) return undefined;
  return `${keyFile}, with its key, can be read by everybody on this machine; chmod 600 ${keyFile}`;
}

/** The program that makes a certificate for this file. */
export function makerOf(file: string): string {
  return basename(file).startsWith('pop3') ? 'mkpop3dcert' : 'mkimapdcert';
}

/** Says why a file cannot be read, who owns it, and what to do. */
export function describeUnreadable(file: string, setting: string, error: unknown): CertificateFailure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    return new CertificateFailure(`${file} does not exist; make it with ${makerOf(file)}, or name yours in ${setting}`);
  }
  if (code !== 'EACCES' && code !== 'EPERM') {
    return new CertificateFailure(`${file} cannot be read (${code}); mend it, or name another in ${setting}`);
  }
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const closed = placeClosedTo(file, uid, gid);
  if (closed !== undefined) {
    return new CertificateFailure(`${file} cannot be read by uid ${uid}, which may not enter ${closed}; open it to it`);
  }
  return new CertificateFailure(`${file}${ownership(file)} cannot be read by uid ${uid}; chown ${uid} ${file}`);
}

function placeClosedTo(file: string, uid: number, gid: number): string | undefined {
  try {
    return closedPlace(dirname(file), { uid, gid });
  } catch {
    return undefined;
  }
}

function ownership(file: string): string {
  let status: Stats;
  try {
    status = statSync(file);
  } catch {
    return '';
  }
  return ` (of uid ${status.uid}, mode ${(status.mode & 0o7777).toString(8).padStart(4, '0')})`;
}
