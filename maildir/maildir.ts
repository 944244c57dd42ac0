/**
 * Maildir: one maildir with its folders and subscriptions.
 */
import type { Folder } from './folder.js';

/** One maildir. Folder names are Courier's internal ones: `INBOX`, `INBOX.Sent`, in UTF-8. */
export class Maildir {
  readonly path: string = '';

  /** Existing folders, INBOX first, then sorted. Stray files and symbolic links are not folders. */
  listFolders(): string[] {
    throw new Error('not built yet');
  }

  hasFolder(_name: string): boolean {
    throw new Error('not built yet');
  }

  /** The shared object of a folder. @throws {MaildirError} 'no such folder', 'invalid folder name' */
  folder(_name: string): Folder {
    throw new Error('not built yet');
  }

  async createFolder(_name: string): Promise<void> {}

  /** Deletes a folder; its subfolders stay. */
  async deleteFolder(_name: string): Promise<void> {}

  /** Renames a folder with all subfolders, their subscriptions and hierarchy ACLs. UIDs follow. */
  async renameFolder(_from: string, _to: string): Promise<void> {}

  /** RENAME INBOX: creates the folder and moves the messages there. */
  async moveInboxTo(_name: string): Promise<void> {}

  subscriptions(): string[] {
    throw new Error('not built yet');
  }

  async subscribe(_name: string): Promise<void> {}

  /** Whether there was such a subscription. */
  async unsubscribe(_name: string): Promise<boolean> {
    throw new Error('not built yet');
  }

  /** For LIST's \Marked. */
  hasNewOrUnseen(_name: string): boolean {
    throw new Error('not built yet');
  }

  /** Removes files in tmp that nobody touched for 36 hours. */
  purgeTmp(): void {}

  /** The file server's clock minus ours. */
  clockSkewSeconds(): number {
    throw new Error('not built yet');
  }

  ownedBy(_uid: number, _gid: number): boolean {
    throw new Error('not built yet');
  }
}
