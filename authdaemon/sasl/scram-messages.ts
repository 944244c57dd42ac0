/**
 * SCRAM's messages (RFC 5802 section 7): read by login processes, which know the connection, and by authdaemond, which
 * knows the secrets. Pure.
 */
import { isUtf8 } from 'node:buffer';
import { decodeBase64 } from './base64.js';

/** Names and nonces are short; what a client's first message says comes back in all the others. */
export const MAX_FIRST_MESSAGE_OCTETS = 1024;
/** The nonce twice as long as anybody makes it, the proof, and channel binding. */
const MAX_FINAL_MESSAGE_OCTETS = 2048;

/** The client's first message. */
export interface ClientFirst {
  /** With its last comma: `n,,` or `p=tls-exporter,a=bob,`. */
  readonly gs2Header: string;
  /** `n`: the client cannot bind; `y`: it could, and thinks the server cannot; else the type that it binds with. */
  readonly binding: 'n' | 'y' | { readonly type: string };
  readonly authorisationName: string;
  readonly loginName: string;
  /** client-first-message-bare */
  readonly bare: string;
  readonly nonce: string;
}

/** The client's second message. */
export interface ClientFinal {
  /** What `c=` holds, decoded. */
  readonly binding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** client-final-message-without-proof */
  readonly withoutProof: string;
}

/** gs2-header client-first-message-bare; undefined for anything else, mandatory extensions included. */
export function readClientFirst(octets: Buffer): ClientFirst | undefined {
  if (octets.length > MAX_FIRST_MESSAGE_OCTETS || !isUtf8(octets)) return undefined;
  const text = octets.toString('utf8');
  const parts = /^((n|y|p=[A-Za-z0-9.-]{1,64}),(a=([^,\0]*))?,)(n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]+)(,.*)?)$/s.exec(
    text,
  );
  if (parts === null) return undefined;
  const [, gs2Header = '', flag = '', , authzid = '', bare = '', user = '', nonce = ''] = parts;
  const loginName = readSaslName(user);
  const authorisationName = readSaslName(authzid);
  if (loginName === undefined || authorisationName === undefined) return undefined;
  const binding = flag === 'n' || flag === 'y' ? flag : { type: flag.slice(2) };
  return { gs2Header, binding, authorisationName, loginName, bare, nonce };
}

/** client-final-message; undefined for anything else. */
export function readClientFinal(octets: Buffer): ClientFinal | undefined {
  if (octets.length > MAX_FINAL_MESSAGE_OCTETS || !isUtf8(octets)) return undefined;
  const text = octets.toString('utf8');
  const parts = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[a-zA-Z]=[^,\0]*)*),p=([A-Za-z0-9+/=]+)$/.exec(
    text,
  );
  const [, withoutProof = '', bindingText = '', nonce = '', proofText = ''] = parts ?? [];
  const binding = decodeBase64(bindingText);
  const proof = decodeBase64(proofText);
  if (parts === null || binding === undefined || proof === undefined) return undefined;
  return { binding, nonce, proof, withoutProof };
}

/** saslname: a comma is written =2C, an equals sign =3D. */
function readSaslName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
