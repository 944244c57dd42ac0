/**
 * `imapd.cnf` and `pop3d.cnf`: what Courier's certificate makers write into a certificate. Courier with GnuTLS has
 * certtool's templates, with OpenSSL the settings of `openssl req`; the names of both are understood.
 *
 *     organization = "Example"        O=Example
 *     cn = "mail.example.com"         CN=mail.example.com
 *     dns_name = "imap.example.com"   subjectAltName=DNS:imap.example.com,IP:192.0.2.7
 *     expiration_days = 365           (no such setting)
 *
 * Keys are always ECDSA P-256, whatever is said about their length.
 */
import { isIP } from 'node:net';
import type { SubjectField } from './certificate.js';

/** What a template says. */
export interface CertificateTemplate {
  /** Host names and addresses, the common name first. */
  readonly names: readonly string[];
  readonly organization?: string;
  readonly subject: Readonly<Partial<Record<SubjectField, string>>>;
  readonly days?: number;
}

const FIELDS: Readonly<Record<string, SubjectField | 'organization' | 'name'>> = {
  ...{ c: 'country', country: 'country', countryname: 'country' },
  ...{ st: 'state', state: 'state', stateorprovincename: 'state' },
  ...{ l: 'locality', locality: 'locality', localityname: 'locality' },
  ...{ o: 'organization', organization: 'organization', organizationname: 'organization' },
  ...{ ou: 'unit', unit: 'unit', organizationalunitname: 'unit' },
  ...{ email: 'email', emailaddress: 'email' },
  ...{ cn: 'name', commonname: 'name', dns_name: 'name', ip_address: 'name' },
};

/** Who wrote this name has not said how the server is called. */
const SHIPPED_NAME = 'localhost';

/** X.520 allows a country no more and no less. */
const COUNTRY = /^[A-Z]{2}$/i;

const MAX_DAYS = 36_500;

/** Reads a template; what it does not understand means nothing, as for Courier's tools. */
export function readCertificateTemplate(text: string): CertificateTemplate {
  const names: string[] = [];
  const found: Partial<Record<SubjectField | 'organization', string>> = {};
  let days: number | undefined;
  for (const [name, value] of assignments(text)) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (field === 'name' || /^(dns|ip)\.\d+$/.test(name)) names.push(value);
    else if (field !== undefined) found[field] = value;
    else if (name === 'subjectaltname') names.push(...alternativeNames(value));
    else if (name === 'expiration_days') days = Number(value);
  }
  const { organization, country, ...subject } = found;
  const isPeriod = days !== undefined && Number.isInteger(days) && days > 0 && days <= MAX_DAYS;
  return {
    names: [...new Set(names)].filter((name) => name !== SHIPPED_NAME && isName(name)),
    subject: { ...subject, ...(country !== undefined && COUNTRY.test(country) ? { country } : {}) },
    ...(organization === undefined ? {} : { organization }),
    ...(isPeriod && days !== undefined ? { days } : {}),
  };
}

/** Is this a host name or an address? */
export function isName(name: string): boolean {
  return (
    isIP(name) !== 0 || /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(name)
  );
}

function assignments(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line) => {
    const [, name, quoted, plain] = /^\s*([\w.]+)\s*=\s*(?:"([^"]*)"|([^#]*))/.exec(line) ?? [];
    const value = (quoted ?? plain ?? '').trim();
    // Commented lines do not begin with a name. A number and a dot is how openssl repeats a name: 0.OU.
    return name === undefined || value === '' ? [] : [[name.toLowerCase().replace(/^\d+\./, ''), value] as const];
  });
}

/** DNS:imap.example.com,IP:192.0.2.7 */
function alternativeNames(value: string): string[] {
  return value.split(',').flatMap((part) => {
    const [, name] = /^\s*(?:DNS|IP)\s*:\s*(\S+)\s*$/i.exec(part) ?? [];
    return name === undefined ? [] : [name];
  });
}
