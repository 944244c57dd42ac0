/**
 * GENURLAUTH: makes URLs that let others fetch one message or part of it (RFC 4467 section 7).
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { withUrlContent } from '../fetch/url-content.js';
import { authorise } from '../fetch/url-keys.js';
import type { Session } from '../session/session.js';
import { Encoder } from '../wire/encoder.js';
import { SyntaxFailure } from '../wire/failures.js';
import { type ImapUrl, parseImapUrl } from '../wire/imap-url.js';
import type { UrlToAuthorise } from '../wire/url-arguments.js';

/** Whom a URL may let in. */
const ACCESS = /^(?:(?:submit|user)\+.+|authuser|anonymous)$/;

/** All of them or none. Only the owner of the mailboxes can authorise, and only what is there. */
export async function genUrlAuth(session: Session, wanted: readonly UrlToAuthorise[]): Promise<Completion> {
  const urls = wanted.map((each) => ownUrl(session, each));
  const answer = new Encoder().atom('* GENURLAUTH');
  for (const { url, text } of urls) {
    const { place } = session.folderNamed(url.mailboxName, 'r', 'GENURLAUTH');
    const isThere =
      place.namespace === 'personal' && (await withUrlContent(session, url, 'GENURLAUTH', async () => {}));
    if (!isThere) throw new CommandFailure('The URL leads to no message of yours.', `BADURL ${quoted(text)}`);
    answer.sp().quoted(`${text}:internal:${await authorise(session, place, text)}`);
  }
  session.write(answer.crlf());
  return ok('GENURLAUTH completed.');
}

function ownUrl(session: Session, { url: text, mechanism }: UrlToAuthorise): { url: ImapUrl; text: string } {
  if (mechanism !== 'INTERNAL') throw new SyntaxFailure('INTERNAL is the one mechanism.');
  const url = parseImapUrl(text);
  const authority = url?.authority;
  if (url === undefined || authority === undefined || authority.token !== undefined || !ACCESS.test(authority.access)) {
    throw new SyntaxFailure('Not a URL that can be authorised.');
  }
  if (!url.hasServer || url.user !== session.account.address) {
    throw new CommandFailure('Only URLs of your own mailboxes can be authorised.', `BADURL ${quoted(text)}`);
  }
  return { url, text };
}

function quoted(text: string): string {
  return new Encoder().quoted(text).octets().toString('latin1');
}
