/**
 * Folder: the messages of one folder.
 */
import type { FlagBits, FlagChange } from './flags.js';
import type { Maildir } from './maildir.js';
import type { MessageTable } from './message-table.js';
import type { Uid } from './uid.js';

/** One session's use of a folder. */
export interface FolderUse {
  readonly folder: Folder;
  /** Calls back when the folder may have changed, by whomever, until unwatch() or close(). */
  watch(onMayHaveChanged: () => void): void;
  unwatch(): void;
  close(): void;
}

/** An open message file. */
export interface MessageFile {
  readonly sizeOctets: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  /** Octets of the file; fewer than asked for only at its end. */
  read(position: number, length: number): Buffer;
  close(): void;
}

/** A message that is being received into tmp. */
export interface MessageWriter {
  /** Adds octets; CR is dropped, as Courier does. */
  write(octets: Buffer): void;
  /** Octets in the file so far. */
  readonly sizeOctets: number;
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

/** What STATUS asks for. */
export interface FolderCounts {
  readonly messages: number;
  readonly recent: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** Sum of the file sizes. */
  readonly sizeOctets: number;
}

/** The UIDs of messages before and after a COPY or MOVE, in the same order. */
export interface TransferredUids {
  readonly from: Uid[];
  readonly to: Uid[];
}

const notBuilt = (): never => {
  throw new Error('not built yet');
};

/** One folder, shared by all sessions of this process that use it. */
export class Folder {
  readonly name: string = '';

  get maildir(): Maildir {
    return notBuilt();
  }
  get uidValidity(): number {
    return notBuilt();
  }
  get uidNext(): number {
    return notBuilt();
  }
  /** The current table. */
  get table(): MessageTable {
    return notBuilt();
  }
  /** Rises whenever anything changed: arrival, flags, keywords, removal. */
  get changeNumber(): number {
    return notBuilt();
  }
  /** Whether this process may change files in cur. */
  get writable(): boolean {
    return notBuilt();
  }

  async open(_access: 'read-write' | 'read-only'): Promise<FolderUse> {
    return notBuilt();
  }

  async counts(): Promise<FolderCounts> {
    return notBuilt();
  }

  async refresh(): Promise<void> {}

  claimRecent(): number {
    return notBuilt();
  }

  get firstUnclaimedUid(): number {
    return notBuilt();
  }

  flagsAt(_row: number): FlagBits {
    return notBuilt();
  }
  keywordsAt(_row: number): readonly string[] {
    return notBuilt();
  }
  changedAt(_row: number): number {
    return notBuilt();
  }
  sizeOctetsAt(_row: number): number {
    return notBuilt();
  }
  internalDateAt(_row: number): number {
    return notBuilt();
  }
  uniqueNameAt(_row: number): string {
    return notBuilt();
  }
  get keywords(): readonly string[] {
    return notBuilt();
  }
  get keywordsChangedAt(): number {
    return notBuilt();
  }

  openMessage(_uid: number): MessageFile {
    return notBuilt();
  }

  async changeFlags(_uids: readonly number[], _change: FlagChange): Promise<void> {}

  beginMessage(): MessageWriter {
    return notBuilt();
  }

  async addMessages(_messages: readonly NewMessage[]): Promise<Uid[]> {
    return notBuilt();
  }

  async copyTo(_target: Folder, _uids: readonly number[]): Promise<TransferredUids> {
    return notBuilt();
  }

  async moveTo(_target: Folder, _uids: readonly number[]): Promise<TransferredUids> {
    return notBuilt();
  }

  async removeMessages(_uids: readonly number[]): Promise<Uid[]> {
    return notBuilt();
  }
}
