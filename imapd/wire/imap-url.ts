/**
 * URLs of messages and their parts (RFC 5092), as CATENATE and URLAUTH have them:
 *
 *     /INBOX;UIDVALIDITY=785799047/;UID=113330/;SECTION=1.5
 *     imap://joe@example.com/INBOX/;UID=20/;SECTION=1.2;EXPIRE=2026-11-21T17:00:00Z;URLAUTH=submit+fred:internal:9135…
 */
import { Cursor } from './cursor.js';
import { SyntaxFailure } from './failures.js';
import { type BodySection, parseSectionSpec } from './fetch-items.js';
import { encodeMailboxName } from './modified-utf7.js';

/** Whom a URL lets in, and the proof (RFC 4467 section 3). */
export interface UrlAuthority {
  /** Until when, in milliseconds since 1970. */
  readonly expires: number | undefined;
  /** `submit+fred`, `user+joe`, `authuser`, `anonymous`; in lower case before the plus. */
  readonly access: string;
  /** All that the token is made of: the URL up to here. */
  readonly rump: string;
  /** `internal`; undefined where the URL is not authorised yet. */
  readonly mechanism: string | undefined;
  readonly token: string | undefined;
}

/** A message or a part of it. */
export interface ImapUrl {
  /** Whose mailboxes; undefined in a URL without a server. */
  readonly user: string | undefined;
  readonly hasServer: boolean;
  /** As IMAP says it. */
  readonly mailboxName: Buffer;
  readonly uidValidity: number | undefined;
  readonly uid: number;
  readonly section: BodySection;
  readonly partial: { readonly offset: number; readonly count: number } | undefined;
  readonly authority: UrlAuthority | undefined;
}

/** Longer ones name nothing. */
const MAX_URL_LENGTH = 4_096;

const SERVER = /^imap:\/\/(?:([^/@;]*)(?:;AUTH=[^/@;]*)?@)?[^/@;]+/i;
const PATH =
  /^\/([^;]+?)(?:;UIDVALIDITY=([1-9]\d{0,9}))?\/;UID=([1-9]\d{0,9})(?:\/;SECTION=([^/;]+))?(?:\/;PARTIAL=(\d{1,15})(?:\.(\d{1,15}))?)?(?=;|$)/i;
const AUTHORITY =
  /^(?:;EXPIRE=([0-9TZ:.+-]{1,40}))?;URLAUTH=([a-z]+(?:\+[^:;/]+)?)(?::([a-z0-9.-]+):([0-9a-f]{32,128}))?$/i;

/** Reads a URL; undefined if it is none of a message. */
export function parseImapUrl(text: string): ImapUrl | undefined {
  if (text.length > MAX_URL_LENGTH) return undefined;
  const server = SERVER.exec(text);
  const path = PATH.exec(text.slice(server?.[0].length ?? 0));
  if (path === null) return undefined;
  const end = (server?.[0].length ?? 0) + path[0].length;
  const authority = end === text.length ? undefined : parseAuthority(text, end);
  const mailbox = decoded(path[1] ?? '');
  const user = decoded(server?.[1] ?? '');
  const section = parseSection(path[4]);
  const isWhole = end === text.length || authority !== undefined;
  if (!isWhole || mailbox === undefined || user === undefined || section === undefined) return undefined;
  const [validity, uid, offset, count] = [path[2], path[3], path[5], path[6]];
  return {
    user: user === '' ? undefined : user,
    hasServer: server !== null,
    mailboxName: Buffer.from(encodeMailboxName(mailbox), 'latin1'),
    uidValidity: validity === undefined ? undefined : Number(validity),
    uid: Number(uid),
    section,
    partial:
      offset === undefined ? undefined : { offset: Number(offset), count: Number(count ?? Number.MAX_SAFE_INTEGER) },
    authority,
  };
}

function parseAuthority(text: string, start: number): UrlAuthority | undefined {
  const found = AUTHORITY.exec(text.slice(start));
  if (found === null) return undefined;
  const [, expire, written, mechanism, token] = found;
  const access = decoded(written ?? '')?.replace(/^[^+]*/, (word) => word.toLowerCase());
  const expires = expire === undefined ? undefined : Date.parse(expire);
  if (access === undefined || Number.isNaN(expires)) return undefined;
  const proof = token === undefined ? 0 : (mechanism ?? '').length + token.length + 2;
  const rump = text.slice(0, text.length - proof);
  return { expires, access, rump, mechanism: mechanism?.toLowerCase(), token: token?.toLowerCase() };
}

function parseSection(encoded: string | undefined): BodySection | undefined {
  const text = decoded(encoded ?? '');
  if (text === undefined) return undefined;
  try {
    const cursor = new Cursor(Buffer.from(text));
    const section = parseSectionSpec(cursor);
    cursor.end();
    return section;
  } catch (error) {
    if (error instanceof SyntaxFailure) return undefined;
    throw error;
  }
}

/** Undoes percent-encoding; undefined for what is no UTF-8 then. */
function decoded(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // There is no other way to ask.
    return undefined;
  }
}
