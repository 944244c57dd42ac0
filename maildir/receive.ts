/**
 * Receiving messages: a file in tmp, which moves to cur, and then gets a UID.
 *
 * A message becomes visible by one rename, after its contents are on the disk; so it is there whole or not at all, and
 * what is broken off leaves a file in tmp only. The promise settles when the directory and the UID are on the disk, too;
 * several additions at once share one round of syncing.
 */
import { join } from 'node:path';
import { diskErrors, errorCode } from './errors.js';
import type { OpenFile } from './file-system.js';
import { deliveredName, suffixFor, uniqueNameOf } from './filename.js';
import { createUnique, unlinkIfThere } from './files.js';
import type { FlagBits } from './flags.js';
import { folderPaths } from './folder-name.js';
import { type NumberedFile, noKeywords } from './folder-rows.js';
import { scanFolder } from './folder-scan.js';
import type { FolderState } from './folder-state.js';
import { keywordsOfNew } from './keyword-change.js';
import { checkKeywordRoom, keywordsInUse } from './keyword-state.js';
import { eachKeywordOnce, foldKeyword, safeKeyword } from './keyword-text.js';
import { withLock } from './lock.js';
import { inSlices } from './message-file.js';
import { spendOnNew } from './quota/folder-quota.js';
import { Gate } from './sync-group.js';
import { asUid, type Uid } from './uid.js';

/** A message that is being received into tmp. */
export interface MessageWriter {
  /** Adds octets; CR is dropped, as Courier does. */
  write(octets: Buffer): void;
  /** Octets in the file so far. */
  readonly sizeOctets: number;
  /** Reads what was written, from a position, until end() was called; gives how many octets were read, 0 at the end. */
  read(octets: Buffer, position: number): number;
  /**
   * Says that all octets are there, and begins to bring them to the disk while others come. Gives a promise to wait for
   * when that takes longer than receiving. `internalDate` must be what addMessages() will be told.
   */
  end(internalDate?: number): Promise<void> | undefined;
  /** Gives up: removes the file. Does nothing once the message was added. */
  abort(): void;
}

/** A message to be added: what was written, and what it is to be given. */
export interface NewMessage {
  readonly writer: MessageWriter;
  readonly flags: FlagBits;
  readonly keywords: readonly string[];
  /** Milliseconds since 1970; now if absent. */
  readonly internalDate?: number;
}

/** Files of this process that wait to be synced, each open, before those who send more wait, too. */
const MAX_UNSYNCED_FILES = 64;
const fileSyncs = new Gate(MAX_UNSYNCED_FILES);
/** Additions in a row, each with a command of its own, that are no import yet. */
const IMPORT_BEGINS_AFTER = 8;
const CR = 13;
const LF = 10;

/** How a file in tmp is completed. */
interface Completing {
  /** Whether its last line gets an end if it has none. */
  readonly lineEnd: boolean;
  readonly internalDate: number | undefined;
}

/** The file in tmp that a message is written to. */
export class TmpMessage implements MessageWriter {
  readonly tmpName: string;
  readonly path: string;
  readonly #state: FolderState;
  readonly #file: OpenFile;
  #mode: 'writing' | 'completing' | 'gone' = 'writing';
  #completed: Promise<string> | undefined;
  #sizeOctets = 0;
  #lastOctet = LF;

  constructor(state: FolderState) {
    this.#state = state;
    const name = (): string => state.surroundings.names.forMessage();
    const created = createUnique(state.disk, state.paths.tmp, { name, mode: 0o666 });
    this.tmpName = created.name;
    this.path = created.path;
    this.#file = created.file;
  }

  get sizeOctets(): number {
    return this.#sizeOctets;
  }

  read(octets: Buffer, position: number): number {
    return diskErrors(this.path, () => this.#file.read(octets, position));
  }

  write(octets: Buffer): void {
    if (octets.includes(CR)) this.#writeWithoutCr(octets);
    else diskErrors(this.path, () => this.writeAsIs(octets));
  }

  /** Adds octets that come from another message file. */
  writeAsIs(octets: Buffer): void {
    if (this.#mode !== 'writing') throw new Error('this message was added or given up already');
    if (octets.length === 0) return;
    this.#file.write(octets);
    this.#sizeOctets += octets.length;
    this.#lastOctet = octets[octets.length - 1] ?? LF;
  }

  #writeWithoutCr(octets: Buffer): void {
    for (let at = 0; at < octets.length; at += stripped.length) {
      const piece = withoutCr(octets.subarray(at, at + stripped.length));
      diskErrors(this.path, () => this.writeAsIs(piece));
    }
  }

  end(internalDate?: number): Promise<void> | undefined {
    // Whoever adds the message hears of a failure; until then it is not an unhandled one.
    this.completed({ lineEnd: true, internalDate }).catch(() => undefined);
    return fileSyncs.whenFree();
  }

  /** Completes the file and brings it to the disk, once. Gives its base name in cur. */
  completed(how: Completing): Promise<string> {
    if (this.#mode === 'gone') throw new Error('this message was added or given up already');
    this.#completed ??= this.#complete(how);
    return this.#completed;
  }

  async #complete({ lineEnd, internalDate }: Completing): Promise<string> {
    try {
      if (lineEnd && this.#lastOctet !== LF) this.writeAsIs(Buffer.of(LF));
      this.#mode = 'completing';
      if (internalDate !== undefined) this.#state.disk.setModified(this.path, internalDate);
      if (this.#state.surroundings.durable) await fileSyncs.pass(() => this.#file.sync());
      return deliveredName(this.tmpName, this.#file.status());
    } finally {
      this.#file.close();
    }
  }

  /** Moves the completed file out of tmp. Its name there has its inode in it, so no other file has that name. */
  moveTo(path: string): void {
    this.#state.disk.rename(this.path, path);
    this.#mode = 'gone';
  }

  abort(): void {
    if (this.#mode === 'gone') return;
    // What brings the file to the disk needs it open, and closes it.
    if (this.#completed === undefined) this.#file.close();
    this.#mode = 'gone';
    unlinkIfThere(this.#state.disk, this.path);
  }
}

/** Octets without CR, which are written at once: one buffer serves all messages, and none waits for the collector. */
const stripped = Buffer.allocUnsafeSlow(65_536);

/** Gives octets that are good until the next call. */
function withoutCr(octets: Buffer): Buffer {
  let length = 0;
  for (let from = 0; ; ) {
    const cr = octets.indexOf(CR, from);
    length += octets.copy(stripped, length, from, cr === -1 ? octets.length : cr);
    if (cr === -1) return stripped.subarray(0, length);
    from = cr + 1;
  }
}

/** A message that is complete in tmp (or elsewhere), and what it will be in cur. */
export interface ReadyMessage {
  readonly baseName: string;
  readonly suffix: string;
  readonly keywords: readonly string[];
  /** Puts the file into cur under this path. */
  place(path: string): void;
  /** Undoes place(). */
  takeBack(path: string): void;
}

/** Adds received messages: all or none. Gives their UIDs when they are safe on the disk. */
export async function addMessages(state: FolderState, messages: readonly NewMessage[]): Promise<Uid[]> {
  if (messages.length === 0) return [];
  const tmpFiles = messages.map(({ writer }) => {
    if (!(writer instanceof TmpMessage)) throw new TypeError('not a message that this folder began');
    return writer;
  });
  try {
    const keywords = eachKeywordOnce(messages.flatMap((message) => message.keywords));
    if (keywords.length > 0 && state.surroundings.keywords !== 'off') checkKeywordRoom(state, keywords);
    const ready = await completeAll(state, messages, tmpFiles);
    const costing = messages.map(({ flags }, index) => ({ flags, sizeOctets: tmpFiles[index]?.sizeOctets ?? 0 }));
    return await spendOnNew(state, costing, async () => {
      const added = await state.turns.take(() => placeInTurn(state, ready));
      return settle(state, added);
    });
  } finally {
    for (const tmpFile of tmpFiles) tmpFile.abort();
  }
}

function completeAll(
  state: FolderState,
  messages: readonly NewMessage[],
  tmpFiles: readonly TmpMessage[],
): Promise<ReadyMessage[]> {
  const ready = messages.map(async ({ internalDate, flags, keywords }, index): Promise<ReadyMessage> => {
    const tmpFile = tmpFiles[index];
    if (tmpFile === undefined) throw new RangeError('messages and files differ');
    const baseName = await tmpFile.completed({ lineEnd: true, internalDate });
    return {
      baseName,
      suffix: suffixFor(flags),
      keywords: keywordsFor(state, keywords),
      place: (path) => tmpFile.moveTo(path),
      takeBack: (path) => unlinkIfThere(state.disk, path),
    };
  });
  return allSettled(ready);
}

/** Waits for all, so that nothing goes on behind a failure; then throws the first failure. */
async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** What a message is given of the keywords asked for, as this folder keeps them. */
export function keywordsFor(state: FolderState, keywords: readonly string[]): readonly string[] {
  if (keywords.length === 0 || state.surroundings.keywords === 'off') return noKeywords;
  const spellings = new Map(state.keywords.map((word) => [foldKeyword(word), word]));
  return eachKeywordOnce(keywords.map(safeKeyword)).map((word) => spellings.get(foldKeyword(word)) ?? word);
}

/** Messages that are in cur and have UIDs, and the syncing that makes them safe. */
export interface PlacedMessages {
  readonly files: readonly NumberedFile[];
  readonly messages: readonly ReadyMessage[];
  readonly synced: Promise<void>;
}

/** Puts messages into cur and numbers them, all or none. It must run in the folder's turn. */
export async function placeInTurn(state: FolderState, messages: readonly ReadyMessage[]): Promise<PlacedMessages> {
  state.mustExist();
  const { surroundings, paths, place: where } = state;
  const place = async (): Promise<PlacedMessages> => {
    // Another process may have numbered messages that we have not seen: they come first.
    if (!state.loaded || state.uidList.changedOnDisk()) await scanFolder(state, { lockHeld: true });
    const placed: ReadyMessage[] = [];
    const { cur } = state.paths;
    try {
      const afterwards = await keywordsOfNew(state, messages);
      await inSlices(state, messages, (message) => {
        message.place(`${cur}/${message.baseName}${message.suffix}`);
        placed.push(message);
      });
      await afterwards?.();
      return await state.numbering(async () => {
        const firstUid = await state.uidList.assign({
          count: messages.length,
          write: (lines, first) => {
            for (const [index, { baseName }] of messages.entries()) lines.addText(first + index, baseName);
          },
          known: state.rows,
        });
        return stageAll(state, messages, firstUid);
      });
    } catch (error) {
      takeBack(state, placed);
      throw error;
    }
  };
  const spare = { tmp: folderPaths(where.maildirPath).tmp, after: IMPORT_BEGINS_AFTER };
  return withLock(surroundings, paths.tmp, place, { spare });
}

function takeBack(state: FolderState, placed: readonly ReadyMessage[]): void {
  for (const message of placed) message.takeBack(join(state.paths.cur, message.baseName + message.suffix));
  if (placed.length > 0) state.mustScan = true;
}

function stageAll(state: FolderState, messages: readonly ReadyMessage[], firstUid: number): PlacedMessages {
  const files = messages.map(
    ({ baseName, suffix }, index): NumberedFile => ({ baseName, suffix, place: 'cur', uid: asUid(firstUid + index) }),
  );
  messages.forEach((message, index) => {
    const file = files[index];
    if (file !== undefined) state.rows.stage(file, message.keywords);
  });
  const keywords = messages.some((message) => message.keywords.length > 0)
    ? [state.paths.keywords, state.paths.directory]
    : [];
  const synced = state.syncWithUids({ directories: [state.paths.cur, ...keywords] });
  // Whoever waits for it hears of a failure; until then it is not an unhandled one.
  synced.catch(() => undefined);
  return { files, messages, synced };
}

/** Waits until placed messages are safe, then shows them. If they cannot be made safe, they are taken back. */
export async function settle(state: FolderState, placed: PlacedMessages): Promise<Uid[]> {
  try {
    await placed.synced;
  } catch (error) {
    for (const { baseName } of placed.files) state.rows.unstage(uniqueNameOf(baseName));
    state.uidList.outOfDate = true;
    if (errorCode(error) !== undefined) takeBack(state, placed.messages);
    throw error;
  }
  const last = placed.files.at(-1)?.uid ?? 0;
  if (state.rows.publish(last, state.nextChange()) > 0) {
    keywordsInUse(state);
    state.notify();
  }
  return placed.files.map(({ uid }) => uid);
}
