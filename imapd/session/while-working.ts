/**
 * Waits for work that is not done in steps of the session's own, and tells its client meanwhile that it goes on (RFC 9585).
 *
 * Only between whole answers: whoever waits here has written nothing by halves.
 */
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { PROGRESS_MILLISECONDS, type Session } from './session.js';

/** Gives what the work gives. */
export async function whileWorking<T>(session: Session, work: Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const beat = (): void => {
    cancel = session.clock.after(PROGRESS_MILLISECONDS, () => {
      beat();
      session.tellProgress().catch((error: unknown) => {
        // The command itself finds out that nobody waits any more.
        if (!(error instanceof ClientGone)) session.log.bug(error, 'progress');
      });
    });
  };
  beat();
  try {
    return await work;
  } finally {
    cancel();
  }
}
