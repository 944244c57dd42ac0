/**
 * Channel binding of TLS: octets that both ends of one connection know, and nobody in the middle.
 *
 * `tls-exporter` (RFC 9266) under TLS 1.3; before it `tls-unique` (RFC 5929 section 3), unless the session was resumed:
 * without extended master secret that does not bind (RFC 7627 section 1); `tls-server-end-point` (RFC 5929 section 4), a
 * hash of the certificate, under any version.
 */
import { createHash } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { derElement } from './der.js';

/** Types by name, the better first. */
export const CHANNEL_BINDINGS = ['tls-exporter', 'tls-unique', 'tls-server-end-point'] as const;

/** RFC 9266 section 4.2 */
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';
const EXPORTER_OCTETS = 32;

/** Signature algorithms in the hexadecimal DER of their object identifiers, and the hash of each. */
const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  // RFC 5929 section 4.1: MD5 and SHA-1 count as SHA-256.
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010e', 'sha224'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040301', 'sha224'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);

/** RSASSA-PSS (RFC 4055 section 3.1) names its hash, 2.16.840.1.101.3.4.2.x, in its parameters; without one it is SHA-1. */
const PSS = '2a864886f70d01010a';
const PSS_HASH = /060960864801650304020([123])/;
const PSS_HASHES: Readonly<Record<string, string>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' };

/** Gives the octets; undefined for a type that this connection does not have. */
export function channelBinding(socket: TLSSocket, type: string): Buffer | undefined {
  const isCurrent = socket.getProtocol() === 'TLSv1.3';
  switch (type) {
    case 'tls-exporter':
      return isCurrent ? socket.exportKeyingMaterial(EXPORTER_OCTETS, EXPORTER_LABEL, Buffer.alloc(0)) : undefined;
    case 'tls-unique':
      // The first Finished message of a full handshake is the client's.
      return isCurrent || socket.isSessionReused() ? undefined : socket.getPeerFinished();
    case 'tls-server-end-point':
      return endPoint(socket.getCertificate());
    default:
      return undefined;
  }
}

/** A hash of the certificate by the hash of its own signature; undefined where that has none (Ed25519), or two. */
function endPoint(certificate: PeerCertificate | object | null): Buffer | undefined {
  if (certificate === null || !('raw' in certificate)) return undefined;
  const { raw } = certificate;
  const hash = signatureHash(raw);
  return hash === undefined ? undefined : createHash(hash).update(raw).digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, … }, … } (RFC 5280 section 4.1) */
function signatureHash(certificate: Buffer): string | undefined {
  const body = derElement(certificate, 0);
  const signed = derElement(certificate, body.start);
  const algorithm = derElement(certificate, signed.end);
  const identifier = derElement(certificate, algorithm.start);
  const name = certificate.toString('hex', identifier.start, identifier.end);
  if (name !== PSS) return SIGNATURE_HASHES.get(name);
  const parameters = certificate.toString('hex', identifier.end, algorithm.end);
  return PSS_HASHES[PSS_HASH.exec(parameters)?.[1] ?? '1'];
}
