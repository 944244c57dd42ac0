/**
 * What proves that a URL was authorised (RFC 4467 section 5): a token made of the URL and of a secret key of the mailbox that
 * it leads to. Keys are kept as annotations of their own beside the mailbox's messages; a key that is replaced makes all URLs
 * void that were authorised with it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Metadata } from '../../maildir/metadata.js';
import type { Session } from '../session/session.js';
import { folderAt, type MailboxPlace } from '../sharing/mailbox-place.js';
import type { UrlAuthority } from '../wire/imap-url.js';

/** As long as the digest. */
const KEY_OCTETS = 32;
const KEY_NAME = '/key';

function keysOf(place: MailboxPlace): Metadata {
  folderAt(place);
  return place.maildir.urlKeys(place.folderName);
}

/** The key of a mailbox for this account; undefined if there is none. @throws {MaildirError} when the disk says so */
function keyOf(session: Session, place: MailboxPlace): Buffer | undefined {
  const { address } = session.account;
  return keysOf(place)
    .read()
    .find(({ owner, name }) => owner === address && name === KEY_NAME)?.value;
}

/** The token for a URL, hexadecimal; makes a key for the mailbox if it has none. */
export async function authorise(session: Session, place: MailboxPlace, rump: string): Promise<string> {
  let key = keyOf(session, place);
  if (key === undefined) {
    key = randomBytes(KEY_OCTETS);
    await keysOf(place).change([{ owner: session.account.address, name: KEY_NAME, value: key }]);
  }
  return tokenFor(rump, key);
}

/** Whether this is the token of the URL. */
export function isAuthorised(session: Session, place: MailboxPlace, { rump, token }: UrlAuthority): boolean {
  const key = keyOf(session, place);
  if (key === undefined || token === undefined) return false;
  const [given, right] = [Buffer.from(token, 'hex'), Buffer.from(tokenFor(rump, key), 'hex')];
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Takes the key of a mailbox away, if there is one: the next URL gets a new one. */
export async function forgetKey(session: Session, place: MailboxPlace): Promise<void> {
  if (keyOf(session, place) === undefined) return;
  await keysOf(place).change([{ owner: session.account.address, name: KEY_NAME, value: undefined }]);
}

function tokenFor(rump: string, key: Buffer): string {
  return createHmac('sha256', key).update(rump, 'latin1').digest('hex');
}
