/**
 * APOP answers (RFC 1939 section 7) against passwords that are kept in the clear.
 *
 * The data of such an AUTH request is as that of CRAM: the base64 of the challenge in the greeting, and of
 * `name hexdigest`, a line each. Pure.
 */
import { createHash } from 'node:crypto';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { decodeBase64 } from '../sasl/base64.js';
import { sameText } from './password.js';

/** A client's answer to the greeting. */
export interface ApopAnswer {
  readonly loginName: string;
  readonly challenge: Buffer;
  readonly digest: string;
}

/** Reads the data of an AUTH request of type `apop`; undefined for other types and for damaged data. */
export function readApopData(authType: string, authData: Buffer): ApopAnswer | undefined {
  if (authType !== 'apop') return undefined;
  const [challengeText, responseText] = authData.toString('latin1').split('\n');
  const challenge = decodeBase64(challengeText ?? '');
  const response = decodeBase64(responseText ?? '');
  if (challenge === undefined || response === undefined) return undefined;
  const [, loginName, digest] = /^(.+) ([0-9a-fA-F]{32})$/.exec(textFromOctets(response)) ?? [];
  if (loginName === undefined || digest === undefined) return undefined;
  return { loginName, challenge, digest: digest.toLowerCase() };
}

/** Checks an answer against the password. */
export function checkApop({ challenge, digest }: ApopAnswer, password: string): boolean {
  const made = createHash('md5').update(challenge).update(octetsFromText(password)).digest('hex');
  return sameText(made, digest);
}
