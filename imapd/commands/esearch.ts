/**
 * ESEARCH: one search in many mailboxes (RFC 7377). One response for each mailbox where something is found.
 */
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import { filteredMailboxes } from '../mailbox/filtered-mailboxes.js';
import { mailboxName } from '../mailbox/mailbox-name.js';
import { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { isKnownCharset } from '../message/charset.js';
import { checkCharset, searchMessages } from '../search/search-run.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { requireSelectedRight } from '../sharing/require-right.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';
import { type MultiSearchProgram, parseMultiSearch } from '../wire/mailbox-filter.js';
import { encodeFound } from '../wire/responses.js';

interface MultiSearchArguments {
  readonly program: MultiSearchProgram;
  readonly tag: string;
}

/** See parseMultiSearch(). */
export function parseMultiSearchCommand(cursor: Cursor, { tag }: ReceivedCommand): MultiSearchArguments {
  return { program: parseMultiSearch(cursor), tag };
}

/**
 * Searches mailbox after mailbox. One that is not there, that this account may not read, or that leaves meanwhile is passed
 * over (RFC 7377 section 2.2).
 */
export async function multiSearch(session: Session, args: MultiSearchArguments): Promise<Completion> {
  const { filters, charset } = args.program;
  checkCharset(session, charset);
  if (charset !== undefined && !isKnownCharset(charset)) {
    throw new CommandFailure('The requested character set is not supported.', 'BADCHARSET (UTF-8 US-ASCII)');
  }
  const names = await filteredMailboxes(session, filters);
  const seen = new Set<string>();
  if (filters.some(({ kind }) => kind === 'selected' || kind === 'selected-delayed')) {
    if (session.state !== 'selected') throw new SyntaxFailure('No mailbox is selected.');
    const { selected } = session;
    requireSelectedRight(selected, 'r', 'ESEARCH');
    const name = mailboxName(selected.place.mailboxName);
    seen.add(name.toString('latin1'));
    await searchOne(session, selected, name, args);
  }
  for (const name of names) {
    if (seen.has(name.toString('latin1'))) continue;
    await searchOther(session, name, args);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return ok('Search completed.');
}

async function searchOther(session: Session, name: Buffer, args: MultiSearchArguments): Promise<void> {
  let mailbox: SelectedMailbox | undefined;
  try {
    const { place, folder } = session.folderNamed(name, 'r', 'ESEARCH');
    // Nothing is \Recent for a client that has not selected the mailbox, and nothing is taken from those that have.
    mailbox = await SelectedMailbox.open(folder, {
      readOnly: true,
      keywords: session.settings.keywords !== 'off',
      place,
    });
    await searchOne(session, mailbox, name, args);
  } catch (error) {
    const isPassedOver =
      error instanceof CommandFailure || (error instanceof MaildirError && error.kind === 'no such folder');
    if (!isPassedOver) throw error;
  } finally {
    mailbox?.close();
  }
}

async function searchOne(
  session: Session,
  mailbox: SelectedMailbox,
  name: Buffer,
  { program, tag }: MultiSearchArguments,
): Promise<void> {
  const found = await searchMessages(session, { charset: program.charset, key: program.key, mailbox });
  if (found.length === 0) return;
  const numbers = await paced(session, mailbox.uidsOf(found));
  const source = { name: session.manner.spoken(name), uidValidity: mailbox.uidValidity };
  const wanted = { tag, by: 'uid', options: program.return, mailbox: source } as const;
  await session.respond(await paced(session, encodeFound('SEARCH', numbers, wanted)));
}
