/**
 * What an authority says about a certificate of its own, to be shown to clients with the certificate: an OCSP response
 * (RFC 6960 section 4.2.1), in the file of TLS_OCSPFILE.
 *
 *     OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] { id-pkix-ocsp-basic, OCTET STRING } }
 *     SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate, nextUpdate [0] OPTIONAL, … }
 *
 * Clients check its signature; here it is read only as far as needed to show none that is old, or of another certificate.
 */
import { type DerElement, derElement, derElements } from './der.js';

/** A response that may be shown. */
export interface OcspResponse {
  readonly octets: Buffer;
  /** Ms since the epoch between which it holds. */
  readonly from: number;
  readonly until: number;
}

/** id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1 */
const BASIC = '2b0601050507300101';

const SUCCESSFUL = 0;
const GOOD = 0x80;
const REVOKED = 0xa1;
const NEXT_UPDATE = 0xa0;
const SEQUENCE = 0x30;
const GENERALIZED_TIME = 0x18;

/** Without nextUpdate, newer ones can be had all the time: one older than this is not shown. */
const WITHOUT_NEXT_UPDATE_MS = 86_400_000;

/** Reads a response about the certificate with this serial number (hexadecimal). @throws {Error} why it cannot be shown. */
export function readOcspResponse(octets: Buffer, serialNumber: string): OcspResponse {
  const single = readable(() => {
    const responses = singleResponses(octets);
    return responses.find((fields) => serialOf(octets, fields[0]?.start ?? 0) === plain(serialNumber));
  });
  if (single === undefined) throw new Error('it is about another certificate');
  const [, status, thisUpdate, next] = single;
  if (status?.tag === REVOKED) throw new Error('it says that the certificate is revoked');
  if (status?.tag !== GOOD || thisUpdate === undefined) throw new Error('it does not say that the certificate is good');
  return readable(() => {
    const from = timeAt(octets, thisUpdate.at);
    const until = next?.tag === NEXT_UPDATE ? timeAt(octets, next.start) : from + WITHOUT_NEXT_UPDATE_MS;
    return { octets, from, until };
  });
}

function readable<Result>(read: () => Result): Result {
  try {
    return read();
  } catch {
    throw new Error('it is no successful OCSP response in DER');
  }
}

function singleResponses(octets: Buffer) {
  const [status, bytes] = derElements(octets, derElement(octets, 0));
  if (status === undefined || octets[status.start] !== SUCCESSFUL) throw new RangeError();
  const [type, value] = derElements(octets, inside(octets, bytes));
  if (type === undefined || octets.toString('hex', type.start, type.end) !== BASIC) throw new RangeError();
  const fields = derElements(octets, inside(octets, inside(octets, value)));
  // Before the responses: version [0], the responder's name [1] or key [2], producedAt.
  const list = fields.find(({ tag }) => tag === SEQUENCE);
  return derElements(octets, required(list)).map((each) => derElements(octets, each));
}

/** The element that the value of another begins with. */
function inside(octets: Buffer, element: DerElement | undefined): DerElement {
  return derElement(octets, required(element).start);
}

function required(element: DerElement | undefined): DerElement {
  if (element === undefined) throw new RangeError();
  return element;
}

/** CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } */
function serialOf(octets: Buffer, start: number): string {
  let position = start;
  for (let field = 0; field < 3; field += 1) position = derElement(octets, position).end;
  const serial = derElement(octets, position);
  return plain(octets.toString('hex', serial.start, serial.end));
}

function plain(hexadecimal: string): string {
  return hexadecimal.toLowerCase().replace(/^0+/, '');
}

/** GeneralizedTime of RFC 5280 section 4.1.2.5.2: 20261121170000Z. */
function timeAt(octets: Buffer, position: number): number {
  const { tag, start, end } = derElement(octets, position);
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(octets.toString('latin1', start, end));
  if (tag !== GENERALIZED_TIME || digits === null) throw new RangeError();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = digits.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
