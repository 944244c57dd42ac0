/**
 * CRAM answers (RFC 2195) against the HMAC secrets of userdb, for callers that speak CRAM-MD5, CRAM-SHA1, CRAM-SHA256.
 *
 * The data of such an AUTH request is the base64 of the challenge and of `name hexdigest`, a line each. Pure.
 */
import { type HmacAlgorithm, hmacFromContext } from './hmac-context.js';
import { textFromOctets } from './octet-text.js';
import { sameText } from './password.js';
import { decodeBase64 } from './sasl.js';
import type { UserdbFields } from './userdb-record.js';

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

/** Checks an answer: the service's own secret counts before the common one. No secret is no match. */
export function checkCram(
  { algorithm, challenge, digest }: CramAnswer,
  service: string,
  shadow: UserdbFields,
): boolean {
  const context = shadow.get(`${service}-hmac-${algorithm}pw`) ?? shadow.get(`hmac-${algorithm}pw`);
  const made = context === undefined ? undefined : hmacFromContext(algorithm, context, challenge);
  return made !== undefined && sameText(made, digest);
}
