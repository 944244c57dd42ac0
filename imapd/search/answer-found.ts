/**
 * What SEARCH and SORT do with the messages they found: tell them in the form that was asked for, and save them for `$`.
 */
import { NOTHING_SAVED, SavedResult } from '../mailbox/saved-result.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { encodeFound, type NumbersWanted } from '../wire/responses.js';
import { partToSave, type ReturnOptions, tellsResult } from '../wire/return-options.js';

/** Tells messages by their sequence numbers or UIDs; nothing, if the client wants them saved only. */
export async function answerFound(
  session: Session,
  name: 'SEARCH' | 'SORT',
  found: readonly number[],
  wanted: NumbersWanted,
): Promise<void> {
  const { by, options } = wanted;
  if (options?.words.includes('SAVE') === true && !tellsResult(options)) return;
  const numbers = by === 'uid' ? await paced(session, session.selected.uidsOf(found)) : found;
  session.write(await paced(session, encodeFound(name, numbers, wanted)));
}

/**
 * Finds messages, and saves what RETURN (SAVE) asks for. A command that ends with NO leaves nothing saved, one that was
 * not understood leaves what there was (RFC 5182 section 2.1).
 */
export async function saveOnSuccess(
  session: Session,
  options: ReturnOptions | undefined,
  find: () => Promise<readonly number[]>,
): Promise<void> {
  if (options?.words.includes('SAVE') !== true) {
    await find();
    return;
  }
  const mailbox = session.selected;
  let saved = NOTHING_SAVED;
  try {
    const found = partToSave(await find(), options);
    saved = new SavedResult(await paced(session, mailbox.uidsOf(found)));
  } finally {
    mailbox.savedResult = saved;
  }
}
