/**
 * SORT and UID SORT (RFC 5256), also with the answers of ESORT (RFC 5267).
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { answerFound, saveOnSuccess } from '../search/answer-found.js';
import { checkTag, keepUpToDate } from '../search/kept-searches.js';
import { searchMessages } from '../search/search-run.js';
import { sortMessages } from '../search/sort-messages.js';
import type { Session } from '../session/session.js';
import type { ReceivedCommand } from '../wire/command-reader.js';
import type { Cursor } from '../wire/cursor.js';
import { isFuzzy } from '../wire/search-keys.js';
import { parseSort, type SortProgram } from '../wire/sort-thread.js';

interface SortArguments {
  readonly program: SortProgram;
  readonly by: 'uid' | 'sequence number';
  readonly tag: string;
}

/** `sort = "SORT" SP sort-criteria SP search-criteria` (RFC 5256 section 5). */
export function parseSortCommand(cursor: Cursor, { tag }: ReceivedCommand, by: SortArguments['by']): SortArguments {
  return { program: parseSort(cursor), by, tag };
}

/** Says which messages the keys describe, in the order that the criteria give. */
export async function sort(session: Session, { program, by, tag }: SortArguments): Promise<Completion> {
  if (session.settings.disableThreadSort) {
    throw new CommandFailure('This command is disabled by the system administrator.');
  }
  const options = program.return;
  checkTag(session, options, tag);
  const since = session.selected.folder.changeNumber;
  await saveOnSuccess(session, options, async () => {
    const scores = isFuzzy(program.key) ? new Map<number, number>() : undefined;
    const found = await searchMessages(session, program, undefined, scores);
    const inOrder = await sortMessages(session, found, program.criteria, scores);
    const relevancies = scores && inOrder.map((number) => scores.get(number) ?? 0);
    await answerFound(session, 'SORT', inOrder, { tag, by, options, key: program.key, relevancies });
    await keepUpToDate(session, options, { tag, by, request: program, since, criteria: program.criteria }, inOrder);
    return inOrder;
  });
  return ok('SORT done.');
}
