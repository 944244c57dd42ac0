/**
 * Puts a new self-signed certificate where TLS_CERTFILE points; never over one that is there.
 */
import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { makeCertificate } from './certificate.js';
import type { CertificateTemplate } from './certificate-template.js';

const DAY_MS = 86_400_000;
/** As Courier's mkimapdcert: a year. Clients that were told to trust it must be told again then. */
const VALID_DAYS = 365;

/**
 * Writes key and certificate into `path`, readable for its owner only. False: something is there already, and was not
 * touched.
 */
export function writeNewCertificate(
  path: string,
  names: readonly string[] = certificateNames(),
  template: CertificateTemplate = { names: [], subject: {} },
): boolean {
  const now = Date.now();
  const notBefore = now - DAY_MS;
  const { organization = 'Angarium', days = VALID_DAYS, subject } = template;
  const text = makeCertificate({ names, organization, subject, notBefore, notAfter: now + days * DAY_MS });
  // Whole or not at all, and never over another: link() fails when the name is taken.
  const unfinished = `${path}.${process.pid}.tmp`;
  const fd = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
    linkSync(unfinished, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    closeSync(fd);
    rmSync(unfinished, { force: true });
  }
}

/** The names by which clients on and off this machine may know it. */
export function certificateNames(): string[] {
  return [...new Set([hostname(), 'localhost', '127.0.0.1', '::1'])].filter((name) => name !== '');
}
