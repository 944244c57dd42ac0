/**
 * SEARCH and UID SEARCH, with the answers of RFC 3501, of ESEARCH (RFC 4731) and of SEARCHRES (RFC 5182).
 */
import { type Completion, ok } from '../completion.js';
import { answerFound, saveOnSuccess } from '../search/answer-found.js';
import { checkTag, keepUpToDate } from '../search/kept-searches.js';
import { checkCharset, type SearchExtent, searchMessages } from '../search/search-run.js';
import type { Session } from '../session/session.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { type ReturnOptions, wantsEndsOnly } from '../wire/return-options.js';
import { parseSearch, type SearchProgram } from '../wire/search-keys.js';

interface SearchArguments {
  readonly program: SearchProgram;
  readonly by: 'uid' | 'sequence number';
  /** ESEARCH names the command that it answers. */
  readonly tag: string;
}

/** `search = "SEARCH" [search-return-opts] SP search-program` (RFC 9051 section 9). */
export function parseSearchCommand(
  cursor: Cursor,
  { tag }: ReceivedCommand,
  by: SearchArguments['by'],
): SearchArguments {
  return { program: parseSearch(cursor), by, tag };
}

/** Says which messages the keys describe (RFC 9051 section 6.4.4). */
export async function search(session: Session, { program, by, tag }: SearchArguments): Promise<Completion> {
  const options = program.return ?? (session.manner.rev2 ? ALL_FOUND : undefined);
  checkCharset(session, program.charset);
  checkTag(session, options, tag);
  const since = session.selected.folder.changeNumber;
  await saveOnSuccess(session, options, async () => {
    const scores = options?.words.includes('RELEVANCY') === true ? new Map<number, number>() : undefined;
    const found = await searchMessages(session, program, extentOf(options), scores);
    const relevancies = scores && found.map((number) => scores.get(number) ?? 0);
    await answerFound(session, 'SEARCH', found, { tag, by, options, key: program.key, relevancies });
    await keepUpToDate(session, options, { tag, by, request: program, since }, found);
    return found;
  });
  return ok('SEARCH done.');
}

/** What an IMAP4rev2 client is told that asked for nothing in particular (RFC 9051 section 6.4.4). */
const ALL_FOUND: ReturnOptions = { words: ['ALL'] };

/** MIN and MAX need no more than the first and the last message. */
function extentOf(options: ReturnOptions | undefined): SearchExtent | undefined {
  if (options === undefined || !wantsEndsOnly(options)) return undefined;
  return { all: false, first: options.words.includes('MIN'), last: options.words.includes('MAX') };
}
