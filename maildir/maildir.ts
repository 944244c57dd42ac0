/**
 * Maildir: one maildir with its folders and subscriptions.
 *
 * It knows which folders there are and keeps one shared object for each in use; what is in a folder is folder.ts.
 */
import { join } from 'node:path';
import { MaildirAcls } from './acl/maildir-acls.js';
import { diskErrors, diskErrorsSoon, errorCode, MaildirError } from './errors.js';
import { type FileSystem, namesIn, textFromOctets } from './file-system.js';
import { flagsInSuffix } from './filename.js';
import { unlinkIfThere } from './files.js';
import { SEEN } from './flags.js';
import { Folder, type FolderListener } from './folder.js';
import { canonicalFolderName, folderDirectory, folderPaths, isFolderName } from './folder-name.js';
import { FolderState } from './folder-state.js';
import {
  type CurStatuses,
  createFolderDirectory,
  deleteFolderDirectory,
  isFolderDirectory,
  listFolderNames,
  PASSING_DIRECTORY,
  planRename,
  removeTree,
  renameFolderDirectories,
  type TreePlace,
} from './folder-tree.js';
import { linkedFolder } from './linked-folder.js';
import type { Maildrop } from './maildrop.js';
import { Metadata } from './metadata.js';
import { removeOldMail } from './old-mail.js';
import { Turns } from './pace.js';
import { MaildirQuota } from './quota/maildir-quota.js';
import { seenFolder } from './seen/seen-folder.js';
import type { SeenPlace } from './seen/seen-marks.js';
import { type SharedFolderPlace, SharedFolders } from './shared-folders.js';
import { FolderSnapshots } from './snapshots.js';
import { SpecialUses } from './special-uses.js';
import { changeSubscriptions, foldInbox, readSubscriptions } from './subscriptions.js';
import type { Surroundings } from './surroundings.js';
import { TreeWatch } from './tree-watch.js';

/** The maildir convention: whoever still writes to a file in tmp touched it within 36 hours. */
const TMP_FILES_LAST_MILLISECONDS = 36 * 60 * 60 * 1000;

const DOT = 0x2e;
const COLON = 0x3a;

export type { CurStatuses };

/** One maildir. Folder names are Courier's internal ones: `INBOX`, `INBOX.Sent`, in UTF-8. */
export class Maildir {
  readonly path: string;
  readonly quota: MaildirQuota;
  readonly #surroundings: Surroundings;
  readonly #onIdle: FolderListener;
  readonly #folders = new Map<string, Folder>();
  /** Folders as readers see them who have a \Seen of their own: by the folder's name and the file of the reader's marks. */
  readonly #views = new Map<string, Map<string, Folder>>();
  /** Changes of the tree and of the subscriptions, one after the other. */
  readonly #turns = new Turns();
  #acls: MaildirAcls | undefined;
  #sharedFolders: SharedFolders | undefined;
  #treeWatch: TreeWatch | undefined;

  /** Made by MaildirStore only. */
  constructor(path: string, surroundings: Surroundings, onIdle: FolderListener) {
    this.path = path;
    this.quota = new MaildirQuota(surroundings, path);
    this.#surroundings = surroundings;
    this.#onIdle = onIdle;
  }

  /**
   * Existing folders, INBOX first, then sorted. Stray files and symbolic links are not folders.
   *
   * @param curStatuses is filled with what was looked at, for whoever then looks at all of them
   */
  listFolders(curStatuses?: CurStatuses): readonly string[] {
    return diskErrors(this.path, () => listFolderNames(this.#surroundings, this.path, { curStatuses }));
  }

  /** The same without folders that this process may not enter: for who looks into a maildir of somebody else. */
  listEnterableFolders(): readonly string[] {
    return diskErrors(this.path, () => listFolderNames(this.#surroundings, this.path, { onlyEnterable: true }));
  }

  /** Whether there is a folder of this name. */
  hasFolder(name: string): boolean {
    if (!isFolderName(name)) return false;
    const directory = folderDirectory(this.path, canonicalFolderName(name));
    return diskErrors(this.path, () => isFolderDirectory(this.#surroundings.fileSystem, directory));
  }

  /** The shared object of a folder. @throws {MaildirError} 'no such folder', 'invalid folder name' */
  folder(name: string): Folder {
    const canonical = canonicalFolderName(name);
    if (!this.hasFolder(canonical)) throw new MaildirError('no such folder', canonical);
    return this.listedFolder(canonical);
  }

  /** The same for a name as listFolders() has just given it: the disk is not asked again whether there is one. */
  listedFolder(name: string): Folder {
    const known = this.#folders.get(name);
    if (known?.ended === false) return known;
    const paths = folderPaths(folderDirectory(this.path, name));
    const listFolders = (): readonly string[] => this.listFolders();
    const place = { name, maildirPath: this.path, paths, listFolders, quota: this.quota };
    const state = new FolderState(this.#surroundings, place);
    const folder = new Folder(this, state, this.#onIdle);
    this.#folders.set(name, folder);
    return folder;
  }

  /** The messages of INBOX as a POP3 session sees them; new ones are moved to cur. */
  async maildrop(): Promise<Maildrop> {
    // Only POP3 needs it.
    const { readMaildrop } = await import('./maildrop-reading.js');
    return readMaildrop({ surroundings: this.#surroundings, maildirPath: this.path, quota: this.quota });
  }

  /** What other maildirs let this one's owner into, by file permissions. */
  get sharedFolders(): SharedFolders {
    this.#sharedFolders ??= new SharedFolders(this.path, this.#surroundings);
    return this.#sharedFolders;
  }

  /** The shared object of a folder of another maildir, which is subscribed to if it was not yet. */
  sharedFolder(place: SharedFolderPlace): Folder {
    return diskErrors(place.real, () => {
      if (!this.sharedFolders.isSubscribed(place)) {
        this.sharedFolders.subscribe(place);
        this.#treeWatch?.note('subscriptions');
      }
      const known = this.#folders.get(place.name);
      if (known?.ended === false) return known;
      const folder = linkedFolder(this, this.#surroundings, { place, onIdle: this.#onIdle });
      this.#folders.set(place.name, folder);
      return folder;
    });
  }

  /**
   * A folder as one reader sees it who has a \Seen of his own.
   *
   * @throws {MaildirError} 'no such folder', 'invalid folder name'
   */
  folderSeenBy(name: string, seen: SeenPlace): Folder {
    const canonical = canonicalFolderName(name);
    if (!this.hasFolder(canonical)) throw new MaildirError('no such folder', canonical);
    const views = this.#views.get(canonical) ?? new Map<string, Folder>();
    this.#views.set(canonical, views);
    const known = views.get(seen.path);
    if (known?.ended === false) return known;
    const folder = seenFolder(this, this.#surroundings, { name: canonical, seen, onIdle: this.#onIdle });
    views.set(seen.path, folder);
    return folder;
  }

  /** Removes the subscription of such a folder. Sessions that use it hear of it. Gives whether there was one. */
  async unsubscribeShared(place: SharedFolderPlace): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.sharedFolders.isSubscribed(place)) return false;
      await this.#end(place.name);
      this.#treeWatch?.note('subscriptions');
      return this.sharedFolders.unsubscribe(place);
    });
  }

  /**
   * Has a folder forget its messages, and forgets the folder, unless somebody uses it. Who still holds it goes on with it,
   * as another process would: whoever asks for the folder next gets another object.
   */
  async letGo(folder: Folder): Promise<void> {
    await folder.rest({ unload: true });
    if (folder.inUse) return;
    if (this.#folders.get(folder.name) === folder) this.#folders.delete(folder.name);
    const views = this.#views.get(folder.name);
    for (const [reader, view] of views ?? []) if (view === folder) views?.delete(reader);
    if (views?.size === 0) this.#views.delete(folder.name);
  }

  /** Who may do what with the folders. */
  get acls(): MaildirAcls {
    this.#acls ??= new MaildirAcls(this, this.#surroundings);
    return this.#acls;
  }

  /** The annotations of a folder. */
  metadata(folderName: string): Metadata {
    return this.#metadataIn(canonicalFolderName(folderName), 'angarium-metadata');
  }

  /** What SMAP clients knew of a folder when they left it. */
  snapshots(folderName: string): FolderSnapshots {
    return new FolderSnapshots(this.#surroundings, folderDirectory(this.path, canonicalFolderName(folderName)));
  }

  /** The keys that URLs of a folder's messages are authorised with. */
  urlKeys(folderName: string): Metadata {
    return this.#metadataIn(canonicalFolderName(folderName), 'angarium-url-keys');
  }

  /** What folders are used for. */
  get specialUses(): SpecialUses {
    return new SpecialUses(this.#metadataIn('INBOX', 'angarium-special-use'));
  }

  /** Annotations that are about no folder. */
  get serverMetadata(): Metadata {
    return this.#metadataIn('INBOX', 'angarium-server-metadata');
  }

  #metadataIn(name: string, filename: string): Metadata {
    const { directory, tmp } = folderPaths(folderDirectory(this.path, name));
    return new Metadata(this.#surroundings, { directory, tmp, filename });
  }

  /** What else than messages may change, for those who want to hear of it. */
  get treeWatch(): TreeWatch {
    const { path } = this;
    const surroundings = this.#surroundings;
    this.#treeWatch ??= new TreeWatch({ path, surroundings, listFolders: () => this.listEnterableFolders() });
    return this.#treeWatch;
  }

  /** How many folders and maildirs are watched in this process. */
  get watchesOfProcess(): number {
    return this.#surroundings.polls.size;
  }

  /** What a folder is known by when it has got another name; undefined if there is none of this name. */
  folderIdentity(name: string): string | undefined {
    if (!this.hasFolder(name)) return undefined;
    const { cur } = folderPaths(folderDirectory(this.path, canonicalFolderName(name)));
    const status = diskErrors(cur, () => this.#surroundings.fileSystem.status(cur));
    return status && `${status.device}:${status.inode}`;
  }

  /** Has those who watch its folders look again: something else than messages has changed. */
  wake(): void {
    this.#treeWatch?.note('rights');
    for (const folder of this.#folders.values()) folder.wake();
    for (const views of this.#views.values()) for (const folder of views.values()) folder.wake();
  }

  /** Makes a folder. @throws {MaildirError} 'folder exists', 'invalid folder name' */
  async createFolder(name: string): Promise<void> {
    const canonical = canonicalFolderName(name);
    await this.#inTurn(async () => {
      await createFolderDirectory(this.#tree, canonical);
      await this.acls.folderMade(canonical);
    });
  }

  /** Deletes a folder; its subfolders stay. Sessions that use it hear of it. */
  async deleteFolder(name: string): Promise<void> {
    await this.#inTurn(async () => {
      const canonical = canonicalFolderName(name);
      if (canonical === 'INBOX') throw new MaildirError('not permitted', 'INBOX cannot be deleted');
      if (!this.hasFolder(canonical)) throw new MaildirError('no such folder', canonical);
      await this.#end(canonical);
      await this.acls.folderWillGo(canonical);
      await deleteFolderDirectory(this.#tree, canonical);
      this.acls.foldersChanged();
      await this.specialUses.follow((folderName) => (folderName === canonical ? undefined : folderName));
      await this.quota.recount();
    });
  }

  /** Renames a folder with all subfolders, their subscriptions and hierarchy ACLs. UIDs follow. */
  async renameFolder(from: string, to: string): Promise<void> {
    await this.#inTurn(async () => {
      const rename = { from: canonicalFolderName(from), to: canonicalFolderName(to) };
      if (rename.from === 'INBOX' || rename.to === 'INBOX' || rename.to.startsWith(`${rename.from}.`)) {
        throw new MaildirError('invalid folder name', `RENAME ${rename.from} ${rename.to}`);
      }
      const plan = planRename(this.listFolders(), rename);
      for (const one of plan) canonicalFolderName(one.to);
      for (const one of plan) await this.#end(one.from);
      const moving = plan.map((one) => one.from);
      await this.acls.foldersWillMove(moving, rename.to);
      await renameFolderDirectories(this.#tree, plan, rename);
      this.acls.foldersChanged();
      const renamed = (name: string): string =>
        name === rename.from || name.startsWith(`${rename.from}.`) ? rename.to + name.slice(rename.from.length) : name;
      try {
        await changeSubscriptions(this.#surroundings, this.path, (names) => names.map(renamed));
      } catch (error) {
        // On a full disk directories can still be renamed. Folders and subscriptions change together, or not at all.
        const back = plan.map((one) => ({ from: one.to, to: one.from })).reverse();
        await renameFolderDirectories(this.#tree, back, { from: rename.to, to: rename.from });
        throw error;
      }
      await this.specialUses.follow(renamed);
      await this.quota.recount();
    });
  }

  /** RENAME INBOX: creates the folder and moves the messages there; INBOX and its subfolders stay. */
  async moveInboxTo(name: string): Promise<void> {
    await this.createFolder(name);
    const inbox = this.folder('INBOX');
    const use = await inbox.open('read-write');
    try {
      const { table } = inbox;
      const uids = Array.from({ length: table.count }, (_uid, row) => table.uidAt(row));
      await inbox.moveTo(this.folder(name), uids);
    } finally {
      use.close();
    }
  }

  /** The subscribed names, whether or not there are such folders. */
  subscriptions(): string[] {
    return diskErrors(this.path, () => readSubscriptions(this.#surroundings, this.path));
  }

  /** Subscribes to a name, once. */
  async subscribe(name: string): Promise<void> {
    if (/[\u0000-\u001f\u007f]/.test(name)) throw new MaildirError('invalid folder name', JSON.stringify(name));
    await this.#inTurn(async () => {
      await changeSubscriptions(this.#surroundings, this.path, (names) => [...names, name]);
    });
  }

  /** Whether there was such a subscription. */
  async unsubscribe(name: string): Promise<boolean> {
    return this.#inTurn(() =>
      changeSubscriptions(this.#surroundings, this.path, (names) => names.filter((known) => known !== foldInbox(name))),
    );
  }

  /** Removes messages whose files are older than `before`, in milliseconds since 1970; gives how many. */
  async removeOldMail(name: string, before: number): Promise<number> {
    const { fileSystem: disk, now } = this.#surroundings;
    const folderName = canonicalFolderName(name);
    const paths = folderPaths(folderDirectory(this.path, folderName));
    return diskErrorsSoon(paths.directory, () =>
      removeOldMail({ disk, paths, folderName, quota: this.quota, before, now }),
    );
  }

  /** For LIST's \Marked: whether there is a message in new, or one without \Seen. */
  hasNewOrUnseen(name: string): boolean {
    const canonical = canonicalFolderName(name);
    const { fileSystem } = this.#surroundings;
    const paths = folderPaths(folderDirectory(this.path, canonical));
    return diskErrors(paths.directory, () => {
      const known = this.#folders.get(canonical)?.hasNewOrUnseen();
      if (known !== undefined) return known;
      return ['new', 'cur'].some((place) => someUnseen(fileSystem, join(paths.directory, place), place === 'new'));
    });
  }

  /** Removes what nobody touched for 36 hours from the tmp of every folder. */
  purgeTmp(): void {
    for (const name of this.listFolders()) this.#purgeTmpOf(folderPaths(folderDirectory(this.path, name)).tmp);
  }

  #purgeTmpOf(tmp: string): void {
    const { fileSystem, now } = this.#surroundings;
    try {
      for (const name of namesIn(fileSystem, tmp)) {
        const path = join(tmp, name);
        const status = fileSystem.status(path);
        if (status === undefined || now() - status.changedAt < TMP_FILES_LAST_MILLISECONDS) continue;
        if (status.kind !== 'directory') unlinkIfThere(fileSystem, path);
        else if (name.includes(PASSING_DIRECTORY)) void removeTree(this.#surroundings, path);
      }
    } catch (error) {
      // Cleaning up must not keep anybody from his mail.
      if (errorCode(error) === undefined) throw error;
      this.#surroundings.warnOnce(`tmp cannot be cleaned: ${tmp}: ${String(error)}`);
    }
  }

  /** The file server's clock minus ours, as a new file shows it. */
  clockSkewSeconds(): number {
    const { fileSystem, now } = this.#surroundings;
    const path = join(folderPaths(this.path).tmp, 'courier-imap.clockskew.chk');
    return diskErrors(path, () => {
      unlinkIfThere(fileSystem, path);
      const file = fileSystem.create(path, 0o600);
      try {
        return (file.status().modifiedAt - now()) / 1000;
      } finally {
        file.close();
        unlinkIfThere(fileSystem, path);
      }
    });
  }

  /** Whether the maildir belongs to this user and group (IMAP_MAILBOX_SANITY_CHECK). */
  ownedBy(uid: number, gid: number): boolean {
    // With the final dot a link to the maildir is followed: an administrator may have moved it to another disk.
    const status = diskErrors(this.path, () => this.#surroundings.fileSystem.status(`${this.path}/.`));
    return status?.owner === uid && status.group === gid;
  }

  /** Whether another path leads to the same maildir. */
  isSameAs(other: Maildir): boolean {
    const statusOf = ({ path }: Maildir) => diskErrors(path, () => this.#surroundings.fileSystem.status(`${path}/.`));
    const [one, two] = [statusOf(this), statusOf(other)];
    return one !== undefined && one.inode === two?.inode && one.device === two.device;
  }

  /** Brings all folders to rest. */
  async rest(): Promise<void> {
    for (const folder of this.#folders.values()) await folder.rest({ unload: false });
    for (const views of this.#views.values()) for (const folder of views.values()) await folder.rest({ unload: false });
  }

  get #tree(): TreePlace {
    return { surroundings: this.#surroundings, path: this.path, listFolders: () => this.listFolders() };
  }

  async #end(name: string): Promise<void> {
    const folder = this.#folders.get(name);
    this.#folders.delete(name);
    const views = this.#views.get(name);
    this.#views.delete(name);
    for (const view of views?.values() ?? []) await view.end();
    await folder?.end();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    return diskErrorsSoon(this.path, () => this.#turns.take(run));
  }
}

/** Whether a directory holds a message that nobody has seen; in new, any is one. */
function someUnseen(disk: FileSystem, directory: string, isNew: boolean): boolean {
  let unseen = false;
  const visit = (octets: Buffer, start: number, end: number): void => {
    if (unseen || octets[start] === DOT) return;
    const colon = octets.subarray(start, end).indexOf(COLON);
    const suffix = colon < 0 ? '' : textFromOctets(octets.subarray(start + colon, end));
    unseen = isNew || (flagsInSuffix(suffix) & SEEN) === 0;
  };
  for (const _piece of disk.visit(directory, visit)) if (unseen) return true;
  return unseen;
}
