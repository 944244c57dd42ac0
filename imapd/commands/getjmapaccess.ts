/** GETJMAPACCESS: where the same mail is to be had by JMAP (RFC 9698). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { Encoder } from '../wire/encoder.js';

/** Tells the URL of the session resource, where the administrator has set one. */
export async function getJmapAccess(session: Session): Promise<Completion> {
  const { jmapUrl } = session.settings;
  if (jmapUrl === undefined) throw new CommandFailure('There is no JMAP here.', 'CANNOT');
  session.write(new Encoder().atom('* JMAPACCESS ').quoted(jmapUrl).crlf());
  return ok('GETJMAPACCESS completed.');
}
