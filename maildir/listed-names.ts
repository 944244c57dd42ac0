/**
 * The names in a UID list beside the files of a folder: who is meant, and who is not there.
 */

import { textFromOctets } from './file-system.js';
import type { FileTable, NameView } from './file-table.js';
import { baseNameOf, uniqueNameOf } from './filename.js';
import type { Pace } from './pace.js';
import type { ListedMessages } from './uiddb.js';

/** What the list says of each file: 0 if nothing. A name that is listed twice counts once, with its higher UID. */
export async function listedUids(
  files: FileTable,
  listed: ListedMessages,
  pace: Pace,
): Promise<{ readonly uids: Uint32Array; readonly listedTwice: boolean }> {
  const uids = new Uint32Array(files.count);
  let listedTwice = false;
  for (let line = 0; line < listed.count; line += 1) {
    const file = files.find(listed.nameAt(line));
    if (file >= 0 && file < uids.length) {
      if (uids[file] !== 0) listedTwice = true;
      uids[file] = listed.uidAt(line);
    }
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return { uids, listedTwice };
}

/** Where a message may be known. */
export interface KnowsNames {
  /** Whether a message of this name, whatever its flags, is known. */
  knowsName(name: NameView): boolean;
}

/** Whether a list names messages that are known nowhere. */
export async function namesUnknown(
  places: readonly KnowsNames[],
  listed: ListedMessages,
  pace: Pace,
): Promise<boolean> {
  for (let line = 0; line < listed.count; line += 1) {
    const name = listed.nameAt(line);
    if (!places.some((place) => place.knowsName(name))) return true;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return false;
}

/** A name as text. */
export function textIn({ octets, start, end }: NameView): string {
  return textFromOctets(octets.subarray(start, end));
}

/** The unique name in a name, as text. */
export function uniqueNameIn(name: NameView): string {
  return uniqueNameOf(baseNameOf(textIn(name)));
}
