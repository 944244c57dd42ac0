/**
 * What a URL of a message leads to: octets as they go on the wire, piece by piece. For CATENATE and URLFETCH.
 */
import { MaildirError } from '../../maildir/errors.js';
import { MessageReading } from '../cache/message-reading.js';
import { CommandFailure } from '../completion.js';
import { type Located, locateSection, wireOctets } from '../message/body-section.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { ImapUrl } from '../wire/imap-url.js';

/** The octets of a URL. A piece is valid until the next one is asked for. */
export interface UrlContent {
  readonly sizeOctets: number;
  pieces(): Iterable<Buffer>;
}

/**
 * Hands the content of a URL to `use`, and keeps the message's file open meanwhile.
 *
 * @param command for the right that reading needs
 * @returns false when the URL leads nowhere, or where this account may not read
 */
export async function withUrlContent(
  session: Session,
  url: ImapUrl,
  command: string,
  use: (content: UrlContent) => Promise<void>,
): Promise<boolean> {
  const reading = await openMessage(session, url, command);
  if (reading === undefined) return false;
  try {
    const located = await locate(session, reading, url);
    if (located === undefined) return false;
    await use(contentOf(reading, located, url));
    return true;
  } catch (error) {
    if (error instanceof MaildirError && error.kind === 'message gone') return false;
    throw error;
  } finally {
    reading.close();
  }
}

async function openMessage(session: Session, url: ImapUrl, command: string): Promise<MessageReading | undefined> {
  try {
    const { folder } = session.folderNamed(url.mailboxName, 'r', command);
    await folder.counts({ sizes: false });
    const facts = await session.facts.ready(folder);
    const row = folder.table.rowOf(url.uid);
    const isOther = url.uidValidity !== undefined && url.uidValidity !== folder.uidValidity;
    return isOther || row < 0 ? undefined : new MessageReading(facts, row);
  } catch (error) {
    // Where somebody may not read, there is nothing.
    if (error instanceof CommandFailure) return undefined;
    if (error instanceof MaildirError && error.kind === 'no such folder') return undefined;
    throw error;
  }
}

async function locate(session: Session, reading: MessageReading, { section }: ImapUrl): Promise<Located | undefined> {
  const index = section.part.length === 0 ? undefined : await paced(session, reading.index());
  return locateSection(reading.file, index, section);
}

function contentOf({ file }: MessageReading, located: Located, { partial }: ImapUrl): UrlContent {
  const all = 'octets' in located ? located.octets.length : located.wireOctets;
  const offset = Math.min(partial?.offset ?? 0, all);
  const sizeOctets = Math.min(partial?.count ?? all, all - offset);
  return {
    sizeOctets,
    pieces: () =>
      'octets' in located
        ? [located.octets.subarray(offset, offset + sizeOctets)]
        : wireOctets(file, located, offset, sizeOctets),
  };
}
