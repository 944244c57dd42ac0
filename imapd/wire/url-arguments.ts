/**
 * What GENURLAUTH, URLFETCH and RESETKEY are told (RFC 4467 section 9).
 */
import type { Cursor } from './cursor.js';
import { SyntaxFailure } from './failures.js';

/** Each may cost a look at a message. */
const MAX_URLS = 100;

/** A URL to be authorised, and how. */
export interface UrlToAuthorise {
  readonly url: string;
  /** In capitals. */
  readonly mechanism: string;
}

/** `genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)` */
export function parseGenUrlAuth(cursor: Cursor): readonly UrlToAuthorise[] {
  const urls: UrlToAuthorise[] = [];
  do {
    cursor.sp();
    const url = urlText(cursor);
    cursor.sp();
    urls.push({ url, mechanism: cursor.atom().toUpperCase() });
  } while (cursor.spaceBeforeMore() && urls.length < MAX_URLS);
  cursor.end();
  return urls;
}

/** `urlfetch = "URLFETCH" 1*(SP url-full)` */
export function parseUrlFetch(cursor: Cursor): readonly string[] {
  const urls: string[] = [];
  do {
    cursor.sp();
    urls.push(urlText(cursor));
  } while (cursor.spaceBeforeMore() && urls.length < MAX_URLS);
  cursor.end();
  return urls;
}

function urlText(cursor: Cursor): string {
  const text = cursor.astring().toString('latin1');
  if (/[^\x21-\x7e]/.test(text)) throw new SyntaxFailure('A URL has a character that no URL has.');
  return text;
}

/** What RESETKEY is about; without a mailbox all of them. */
export interface KeysToReset {
  readonly mailboxName: Buffer | undefined;
  /** In capitals. */
  readonly mechanisms: readonly string[];
}

/** `resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]` */
export function parseResetKey(cursor: Cursor): KeysToReset {
  const mechanisms: string[] = [];
  if (!cursor.spaceBeforeMore()) {
    cursor.end();
    return { mailboxName: undefined, mechanisms };
  }
  cursor.sp();
  const mailboxName = cursor.mailbox();
  while (cursor.spaceBeforeMore() && mechanisms.length < MAX_URLS) {
    cursor.sp();
    mechanisms.push(cursor.atom().toUpperCase());
  }
  cursor.end();
  return { mailboxName, mechanisms };
}
