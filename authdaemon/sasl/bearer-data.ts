/**
 * What AUTH says about a token of OAuth on authdaemond's socket: an extension in the form of Courier's own types.
 *
 *     AUTH 812\nimap\noauthbearer\njoe\njoe@example.com\nTOKEN\n
 *
 * are the name that the client wants, as it was typed and as the site reads it (both may be empty), and the token. The
 * type `xoauth2` differs in what a refused client is told. Pure.
 */
import { textFromOctets } from '../octet-text.js';

/** A token, and whom it is to open the mailbox of. */
export interface BearerData {
  readonly typed: string;
  readonly wanted: string;
  readonly token: string;
}

/** b64token (RFC 6750 section 2.1) */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Tells whether a text can be a token. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Writes the data of AUTH. */
export function formatBearerData({ typed, wanted, token }: BearerData): string {
  return `${typed}\n${wanted}\n${token}\n`;
}

/** Reads the data of AUTH; undefined for damaged data. */
export function readBearerData(authData: Buffer): BearerData | undefined {
  const [typed = '', wanted = '', token = ''] = textFromOctets(authData).split('\n');
  return isToken(token) ? { typed, wanted, token } : undefined;
}
