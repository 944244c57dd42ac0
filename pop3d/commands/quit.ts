/** QUIT: the UPDATE state of RFC 1939 section 6, in which messages are removed, and nowhere else. */
import { logValue } from '../../init/runtime/log/log.js';
import { who } from '../../init/runtime/log/session-lines.js';
import { count } from '../../init/runtime/metrics/counts.js';
import type { Session } from '../session/session.js';
import { err, ok, type Reply } from '../wire/replies.js';

/** Names as programs make them, whose commas and equals signs can be taken for nothing else. */
const USUAL_FILE = /^cur\/[\w.%+-]+(,[A-Z]=\d+)*(:2,[A-Za-z]*)?$/;

/** Removes what is marked. The OK means that it stays removed. */
export async function quit(session: Session): Promise<Reply> {
  session.end();
  const { maildrop, marks, settings, log } = session;
  const marked = marks.all();
  if (marked.length === 0) return ok('Bye-bye.');
  const prefix = `DELETED, ${who(session)}, filename=`;
  const { failed } = await maildrop.remove(marked, (file) => {
    if (settings.logDeletions) log.write('info', `${prefix}${shown(file)}`, session.sessionId);
  });
  count('messages_expunged_total').value += marked.length - failed;
  return failed === 0 ? ok('Bye-bye.') : err('Some deleted messages were not removed.', 'SYS/TEMP');
}

/** As Courier writes it, but so that nobody can write a line of the log by naming a file. */
function shown(file: string): string {
  return USUAL_FILE.test(file) ? file : logValue(file);
}
