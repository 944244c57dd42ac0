/**
 * SEARCH and UID SEARCH, with the answers of RFC 3501 and of ESEARCH (RFC 4731).
 */
import { type Completion, ok } from '../completion.js';
import { type SearchExtent, searchMessages } from '../search/search-run.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeFound } from '../wire/responses.js';
import { parseSearch, type ReturnOption, type SearchProgram } from '../wire/search-keys.js';

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
  const found = await searchMessages(session, program, extentOf(program.return));
  const numbers = by === 'uid' ? await paced(session, session.selected.uidsOf(found)) : found;
  session.write(await paced(session, encodeFound('SEARCH', numbers, { tag, by, options: program.return })));
  return ok('SEARCH done.');
}

/** MIN and MAX need no more than the first and the last message. */
function extentOf(options: readonly ReturnOption[] | undefined): SearchExtent | undefined {
  if (options === undefined || options.includes('ALL') || options.includes('COUNT')) return undefined;
  return { all: false, first: options.includes('MIN'), last: options.includes('MAX') };
}
