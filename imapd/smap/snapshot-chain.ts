/**
 * SnapshotChain: the snapshots of the folder that a client has opened with SOPEN (courier.md section 5.8): one after the
 * other, as what the client knows of the folder changes.
 */
import type { FlagBits } from '../../maildir/flags.js';
import { type KeywordEntries, sameKeywords } from '../../maildir/keyword-text.js';
import type { FolderSnapshots, Snapshot } from '../../maildir/snapshots.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import type { SmapSession } from './smap-session.js';
import { smapWording } from './wording.js';
import { quoted } from './words.js';

/** One of a session. */
export class SnapshotChain {
  readonly #mailbox: SelectedMailbox;
  readonly #snapshots: FolderSnapshots;
  /** The last one, from which the client can go on. */
  #last: string | undefined;
  /** What the client knew then; undefined if none was written since it opened the folder. */
  #written: Snapshot | undefined;
  #change = -1;

  constructor(mailbox: SelectedMailbox, snapshots: FolderSnapshots) {
    this.#mailbox = mailbox;
    this.#snapshots = snapshots;
  }

  /** Tells what is not as in the snapshot of this name; false if there is none from which the client can go on. */
  resume(smap: SmapSession, name: string): boolean {
    const snapshot = this.#snapshots.read(name);
    if (snapshot === undefined || snapshot.uidValidity !== this.#mailbox.uidValidity) return false;
    const { view, count } = this.#mailbox;
    const removed: number[] = [];
    const kept: { uid: number; flags: FlagBits }[] = [];
    for (const [at, message] of snapshot.messages.entries()) {
      const row = view.rowOf(message.uid);
      if (row < 0 || row >= count) removed.push(at);
      else if (row === kept.length) kept.push(message);
      // Others have come in between, which cannot be told.
      else return false;
    }
    this.#last = name;
    smap.say(`* SNAPSHOTEXISTS ${quoted(name)}`);
    const wording = smapWording(smap.session.settings.keywords !== 'off');
    smap.session.write(Buffer.from(wording.expunged(removed, view)));
    if (count > kept.length) smap.say(`* EXISTS ${count}`);
    for (const [row, message] of kept.entries()) this.#tellFlags(smap, { row, ...message }, snapshot.keywords);
    return true;
  }

  #tellFlags(
    smap: SmapSession,
    { row, uid, flags }: { readonly row: number; readonly uid: number; readonly flags: FlagBits },
    keywords: KeywordEntries,
  ): void {
    const withKeywords = smap.session.settings.keywords !== 'off';
    const now = this.#mailbox.flagsOf(uid);
    if (now === undefined) return;
    const before = keywords.get(this.#uniqueName(uid))?.keywords ?? [];
    if (now.bits === flags && (!withKeywords || sameKeywords(now.keywords, before))) return;
    const line = smapWording(withKeywords).flags(row + 1, { uid, ...now });
    smap.session.write(Buffer.from(line));
  }

  /** Writes a new one where messages or flags are not as in the last. As in Courier, keywords alone are no reason. */
  renew(smap: SmapSession): void {
    const { folder } = this.#mailbox;
    if (folder.changeNumber === this.#change && this.#written !== undefined) return;
    const snapshot = this.#now();
    this.#change = folder.changeNumber;
    if (this.#written !== undefined && isSame(this.#written, snapshot)) return;
    this.#last = this.#snapshots.write(snapshot, this.#last);
    this.#written = snapshot;
    smap.say(`* SNAPSHOT ${quoted(this.#last)}`);
  }

  #uniqueName(uid: number): string {
    const { folder } = this.#mailbox;
    const row = folder.table.rowOf(uid);
    return row < 0 ? '' : folder.uniqueNameAt(row);
  }

  /** What the client has been told. */
  #now(): Snapshot {
    const { folder, uidValidity, view, count } = this.#mailbox;
    const messages: { uid: number; flags: FlagBits }[] = [];
    const keywords: KeywordEntries = new Map();
    for (let row = 0; row < count; row += 1) {
      const uid = view.uidAt(row);
      const now = this.#mailbox.flagsOf(uid);
      messages.push({ uid, flags: now?.bits ?? 0 });
      const current = folder.table.rowOf(uid);
      if (now === undefined || now.keywords.length === 0 || current < 0) continue;
      keywords.set(folder.uniqueNameAt(current), { baseName: folder.baseNameAt(current), keywords: now.keywords });
    }
    return { uidValidity, uidNext: folder.uidNext, messages, keywords };
  }
}

function isSame(one: Snapshot, other: Snapshot): boolean {
  return (
    one.messages.length === other.messages.length &&
    one.messages.every(({ uid, flags }, at) => uid === other.messages[at]?.uid && flags === other.messages[at]?.flags)
  );
}
