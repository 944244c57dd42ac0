/**
 * THREAD and UID THREAD (RFC 5256): ORDEREDSUBJECT, REFERENCES, and REFS, which is REFERENCES without a look at subjects.
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { threadByReferences, threadByReferencesAlone, threadBySubject } from '../message/thread.js';
import { searchMessages } from '../search/search-run.js';
import { collectThreads } from '../search/thread-messages.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { parseThread, type ThreadProgram } from '../wire/sort-thread.js';

interface ThreadArguments {
  readonly program: ThreadProgram;
  readonly by: 'uid' | 'sequence number';
}

/** `thread = "THREAD" SP thread-alg SP search-criteria` (RFC 5256 section 5). */
export function parseThreadCommand(cursor: Cursor, by: ThreadArguments['by']): ThreadArguments {
  return { program: parseThread(cursor), by };
}

/** Says how the messages that the keys describe hang together. */
export async function thread(session: Session, { program, by }: ThreadArguments): Promise<Completion> {
  if (session.settings.disableThreadSort) {
    throw new CommandFailure('This command is disabled by the system administrator.');
  }
  const { messages, numbers } = await collectThreads(session, await searchMessages(session, program));
  const forest = await paced(session, threadings[program.algorithm](messages));
  const shown = by === 'uid' ? await paced(session, session.selected.uidsOf(numbers)) : numbers;
  session.write(await paced(session, forest.encode(shown)));
  return ok('THREAD done.');
}

const threadings = {
  ORDEREDSUBJECT: threadBySubject,
  REFERENCES: threadByReferences,
  REFS: threadByReferencesAlone,
} as const;
