/**
 * CRAM answers (RFC 2195) against stored HMAC secrets, for callers that speak CRAM-MD5, CRAM-SHA1, CRAM-SHA256.
 *
 * The data of such an AUTH request is the base64 of the challenge and of `name hexdigest`, a line each. Pure.
 */

import { textFromOctets } from '../octet-text.js';
import { decodeBase64 } from '../sasl/base64.js';
import { type HmacAlgorithm, hmacFromContext } from './hmac-context.js';
import { sameText } from './password.js';

const algorithms: Readonly<Record<string, HmacAlgorithm>> = {
  'cram-md5': 'md5',
  'cram-sha1': 'sha1',
  'cram-sha256': 'sha256',
};

/** A client's answer to a challenge. */
export interface CramAnswer {
  readonly loginName: string;
  readonly algorithm: HmacAlgorithm;
  readonly challenge: Buffer;
  readonly digest: string;
}

/** Reads the data of an AUTH request of a CRAM type; undefined for other types and for damaged data. */
export function readCramData(authType: string, authData: Buffer): CramAnswer | undefined {
  const algorithm = Object.hasOwn(algorithms, authType) ? algorithms[authType] : undefined;
  const [challengeText, responseText] = authData.toString('latin1').split('\n');
  const challenge = decodeBase64(challengeText ?? '');
  const response = decodeBase64(responseText ?? '');
  if (algorithm === undefined || challenge === undefined || response === undefined) return undefined;
  const parts = /^(.+) ([0-9a-fA-F]+)$/.exec(textFromOctets(response));
  if (parts === null) return undefined;
  return { loginName: parts[1] ?? '', algorithm, challenge, digest: (parts[2] ?? '').toLowerCase() };
}

/** Checks an answer against the HMAC secret that is stored for its algorithm (hmac-context.ts). */
export function checkCram({ algorithm, challenge, digest }: CramAnswer, context: string): boolean {
  const made = hmacFromContext(algorithm, context, challenge);
  return made !== undefined && sameText(made, digest);
}
