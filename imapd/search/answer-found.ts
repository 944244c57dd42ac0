/**
 * What SEARCH and SORT do with the messages they found: tell them in the form that was asked for, and save them for `$`.
 */
import { NOTHING_SAVED, SavedResult } from '../mailbox/saved-result.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { ELEMENTS_PER_STEP } from '../message/steps.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { encodeFound, type NumbersWanted } from '../wire/responses.js';
import { partToSave, type ReturnOptions, tellsResult } from '../wire/return-options.js';
import { asksModSequences, type SearchKey } from '../wire/search-keys.js';

/** Who asked, and for what. */
export interface FoundAnswer extends Omit<NumbersWanted, 'modSequence'> {
  readonly key: SearchKey;
}

/** The highest mod-sequence of messages, by their sequence numbers; undefined if there are none. */
function* highestOf(mailbox: SelectedMailbox, found: readonly number[]): Generator<void, number | undefined> {
  const { kept } = mailbox.folder.sequences;
  let highest = 0;
  for (let at = 0; at < found.length; at += 1) {
    if (at % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
    const row = mailbox.currentRow((found[at] ?? 0) - 1);
    if (row >= 0) highest = Math.max(highest, kept?.at(row) ?? 0);
  }
  return highest === 0 ? undefined : highest;
}

/** Tells messages by their sequence numbers or UIDs; nothing, if the client wants them saved only. */
export async function answerFound(
  session: Session,
  name: 'SEARCH' | 'SORT',
  found: readonly number[],
  wanted: FoundAnswer,
): Promise<void> {
  const { by, options, key } = wanted;
  if (options?.words.includes('SAVE') === true && !tellsResult(options)) return;
  const numbers = by === 'uid' ? await paced(session, session.selected.uidsOf(found)) : found;
  const modSequence = asksModSequences(key) ? await paced(session, highestOf(session.selected, found)) : undefined;
  session.write(await paced(session, encodeFound(name, numbers, { ...wanted, modSequence })));
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
