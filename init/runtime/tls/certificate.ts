/**
 * Self-signed certificates without the openssl program: an ECDSA P-256 key, and X.509 written in DER (RFC 5280).
 *
 *     Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
 *
 * It knows no file and no setting.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** What a certificate says. */
export interface CertificateRequest {
  /** Host names and IP addresses; the first is the common name, all are alternative names. */
  readonly names: readonly string[];
  readonly organization: string;
  /** Further fields of the subject. */
  readonly subject?: Readonly<Partial<Record<SubjectField, string>>>;
  /** Validity, in ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Fields of a subject besides organization and common name. */
export type SubjectField = 'country' | 'state' | 'locality' | 'unit' | 'email';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;
const IA5_STRING = 0x16;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const BOOLEAN_TRUE = Buffer.from([0x01, 0x01, 0xff]);

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COUNTRY = '2.5.4.6';
const STATE = '2.5.4.8';
const LOCALITY = '2.5.4.7';
const ORGANIZATION = '2.5.4.10';
const UNIT = '2.5.4.11';
const COMMON_NAME = '2.5.4.3';
const EMAIL_ADDRESS = '1.2.840.113549.1.9.1';
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';

/** RFC 5280 appendix A.1: the longest common name. */
const MAX_COMMON_NAME_CHARACTERS = 64;

/** Makes a new key and its certificate; gives both as PEM text, the key first. */
export function makeCertificate(request: CertificateRequest): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subjectPublicKey = publicKey.export({ type: 'spki', format: 'der' });
  const body = certificateBody(request, subjectPublicKey);
  const signature = sign('sha256', body, privateKey);
  const certificate = der(SEQUENCE, body, algorithm(), der(BIT_STRING, Buffer.from([0]), signature));
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${pem(certificate)}`;
}

function certificateBody(request: CertificateRequest, subjectPublicKey: Buffer): Buffer {
  // Positive, and 16 octets long whatever the first of them is.
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const subject = distinguishedName(request);
  return der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm(),
    subject,
    der(SEQUENCE, time(request.notBefore), time(request.notAfter)),
    subject,
    subjectPublicKey,
    der(0xa3, der(SEQUENCE, ...extensions(request, subjectPublicKey))),
  );
}

function extensions(request: CertificateRequest, subjectPublicKey: Buffer): Buffer[] {
  const keyIdentifier = createHash('sha1').update(subjectPublicKey).digest();
  // Of the nine bits only the first, digitalSignature: seven are unused in the octet.
  const digitalSignature = der(BIT_STRING, Buffer.from([7, 0x80]));
  return [
    extension(BASIC_CONSTRAINTS, true, der(SEQUENCE)),
    extension(KEY_USAGE, true, digitalSignature),
    extension(EXTENDED_KEY_USAGE, false, der(SEQUENCE, objectIdentifier(SERVER_AUTHENTICATION))),
    extension(SUBJECT_ALTERNATIVE_NAME, false, der(SEQUENCE, ...request.names.map(generalName))),
    extension(SUBJECT_KEY_IDENTIFIER, false, der(OCTET_STRING, keyIdentifier)),
  ];
}

function extension(identifier: string, critical: boolean, value: Buffer): Buffer {
  const head = critical ? [objectIdentifier(identifier), BOOLEAN_TRUE] : [objectIdentifier(identifier)];
  return der(SEQUENCE, ...head, der(OCTET_STRING, value));
}

/** GeneralName: [2] dNSName as ASCII, [7] iPAddress as octets. */
function generalName(name: string): Buffer {
  const version = isIP(name);
  if (version === 0) return der(0x82, Buffer.from(name, 'latin1'));
  return der(0x87, version === 4 ? Buffer.from(name.split('.').map(Number)) : ipv6Octets(name));
}

function ipv6Octets(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** From the largest to the smallest, as in Courier's own. */
function distinguishedName({ names, organization, subject = {} }: CertificateRequest): Buffer {
  const [commonName = 'localhost'] = names;
  const fields: readonly (readonly [string, string | undefined, number])[] = [
    [COUNTRY, subject.country, PRINTABLE_STRING],
    [STATE, subject.state, UTF8_STRING],
    [LOCALITY, subject.locality, UTF8_STRING],
    [ORGANIZATION, organization, UTF8_STRING],
    [UNIT, subject.unit, UTF8_STRING],
    [COMMON_NAME, commonName.slice(0, MAX_COMMON_NAME_CHARACTERS), UTF8_STRING],
    [EMAIL_ADDRESS, subject.email, IA5_STRING],
  ];
  const attribute = (identifier: string, text: string, type: number) =>
    der(SET, der(SEQUENCE, objectIdentifier(identifier), der(type, Buffer.from(text))));
  return der(
    SEQUENCE,
    ...fields.flatMap(([identifier, text, type]) => (text === undefined ? [] : [attribute(identifier, text, type)])),
  );
}

function algorithm(): Buffer {
  return der(SEQUENCE, objectIdentifier(ECDSA_WITH_SHA256));
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049, four from then on. */
function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  const isShort = new Date(ms).getUTCFullYear() < 2050;
  return isShort ? der(UTC_TIME, Buffer.from(digits.slice(2))) : der(GENERALIZED_TIME, Buffer.from(digits));
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return der(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

function base128(number: number): number[] {
  const octets = [number & 0x7f];
  for (let rest = number >> 7; rest > 0; rest >>= 7) octets.unshift((rest & 0x7f) | 0x80);
  return octets;
}

/** Tag, length, value. */
function der(tag: number, ...pieces: readonly Buffer[]): Buffer {
  const value = Buffer.concat(pieces);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  const lengthOctets = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthOctets]), value]);
}

function pem(octets: Buffer): string {
  const lines = octets.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
