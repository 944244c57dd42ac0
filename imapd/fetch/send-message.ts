/** The response for one message of a FETCH, whoever asked for it. */

import { falseIfGone } from '../cache/message-reading.js';
import { CommandFailure } from '../completion.js';
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import type { FetchPlan } from './fetch-plan.js';
import type { FetchSubject } from './fetch-subject.js';

/** Sends the response for one message; false when it was left out. A promise only if there is much to do. */
export function sendMessage(
  plan: FetchPlan,
  subject: FetchSubject,
  message: PickedMessage,
): boolean | Promise<boolean> {
  if (!subject.moveTo(message)) return false;
  // The file must be closed whatever happens, and what happens is either over here or a promise.
  let sending: Promise<void> | undefined;
  try {
    sending = plan.run(subject);
  } catch (error) {
    subject.close();
    return leftOut(subject, error);
  }
  if (sending !== undefined) {
    return sending
      .then(() => true)
      .catch((error: unknown) => leftOut(subject, error))
      .finally(() => subject.close());
  }
  subject.close();
  return true;
}

/** False for a message that is gone, or has what cannot be decoded; of the latter the client hears at the end. */
function leftOut(subject: FetchSubject, error: unknown): false {
  if (!(error instanceof CommandFailure)) return falseIfGone(error);
  subject.failure = error;
  return false;
}
