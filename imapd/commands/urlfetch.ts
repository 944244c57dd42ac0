/**
 * URLFETCH: what authorised URLs lead to (RFC 4467 section 7). Whatever is wrong with a URL, it is answered with NIL.
 *
 * A session reads the mailboxes of its own account only. So `submit+ann` is for a submission server that acts as ann with
 * the password of an administrator; and a URL of another account leads nowhere.
 */

import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { type UrlContent, withUrlContent } from '../fetch/url-content.js';
import { isAuthorised } from '../fetch/url-keys.js';
import type { Session } from '../session/session.js';
import { Encoder } from '../wire/encoder.js';
import { type ImapUrl, parseImapUrl } from '../wire/imap-url.js';

/** Tells all of them in one response. */
export async function urlFetch(session: Session, urls: readonly string[]): Promise<Completion> {
  session.write(Buffer.from('* URLFETCH'));
  for (const text of urls) {
    session.write(new Encoder().sp().quoted(text).sp().octets());
    const url = parseImapUrl(text);
    const isAllowed = url !== undefined && mayFetch(session, url);
    const found = isAllowed && (await withUrlContent(session, url, 'URLFETCH', (content) => send(session, content)));
    if (!found) session.write(Buffer.from('NIL'));
    if (session.full) await session.flush();
  }
  session.write(Buffer.from('\r\n'));
  return ok('URLFETCH completed.');
}

function mayFetch(session: Session, { user, authority, mailboxName }: ImapUrl): boolean {
  const { address } = session.account;
  if (user !== address || authority === undefined || authority.mechanism !== 'internal') return false;
  if (authority.expires !== undefined && authority.expires <= session.clock.now()) return false;
  return letsIn(session, authority.access) && isOfKey(session, mailboxName, authority);
}

/** RFC 4467 section 3. */
function letsIn({ account, administrator }: Session, access: string): boolean {
  if (access === 'anonymous' || access === 'authuser') return true;
  if (access === `user+${account.address}`) return true;
  return access === `submit+${account.address}` && administrator !== undefined;
}

function isOfKey(session: Session, mailboxName: Buffer, authority: NonNullable<ImapUrl['authority']>): boolean {
  try {
    const { place } = session.folderNamed(mailboxName, 'r', 'URLFETCH');
    return place.namespace === 'personal' && isAuthorised(session, place, authority);
  } catch (error) {
    if (error instanceof CommandFailure) return false;
    if (error instanceof MaildirError && error.kind === 'no such folder') return false;
    throw error;
  }
}

async function send(session: Session, content: UrlContent): Promise<void> {
  session.write(new Encoder().literalHead(content.sizeOctets).octets());
  session.counters.body += content.sizeOctets;
  let left = content.sizeOctets;
  for (const piece of content.pieces()) {
    left -= piece.length;
    session.write(Buffer.from(piece));
    if (session.full) await session.flush();
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  // The client waits for octets that do not exist.
  if (left !== 0) throw new ClientGone('A message became shorter while it was sent.');
}
