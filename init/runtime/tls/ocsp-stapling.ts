/**
 * Shows clients that ask for it the OCSP response of the certificate they get, as long as it holds.
 *
 * Node asks a `tls.Server` for responses. Connections that are secured by hand have none, and get as much of one as Node
 * looks at. It knows no file.
 */
import { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { SecureContext, Server } from 'node:tls';
import type { TlsMaterial } from './tls-files.js';

/** The authority's clock may be ahead of ours. */
const CLOCKS_DIFFER_MS = 300_000;

type Answer = (error: null, octets?: Buffer) => void;

const staplers = new WeakMap<TlsMaterial, WeakMap<SecureContext, Server>>();

/** What a connection that begins with this context needs as its server; undefined when there is nothing to show. */
export function staplerFor(material: TlsMaterial, main: SecureContext): Server | undefined {
  if (material.certificates.every(({ ocsp }) => ocsp === undefined)) return undefined;
  const ofMaterial = staplers.get(material) ?? new WeakMap<SecureContext, Server>();
  staplers.set(material, ofMaterial);
  const stapler = ofMaterial.get(main) ?? newStapler(material, main);
  ofMaterial.set(main, stapler);
  return stapler;
}

function newStapler({ certificates }: TlsMaterial, main: SecureContext): Server {
  const byCertificate = new Map(
    certificates.flatMap(({ certificate, ocsp }) =>
      ocsp === undefined ? [] : [[new X509Certificate(certificate).raw.toString('latin1'), ocsp] as const],
    ),
  );
  const stapler = new EventEmitter();
  stapler.on('OCSPRequest', (certificate: Buffer, _issuer: Buffer | null, answer: Answer) => {
    const response = byCertificate.get(certificate.toString('latin1'));
    const now = Date.now();
    if (response === undefined || now >= response.until || now < response.from - CLOCKS_DIFFER_MS) answer(null);
    else answer(null, Buffer.from(response.octets));
  });
  return Object.assign(stapler, { _sharedCreds: main }) as unknown as Server;
}
