/**
 * Filesystem shared mailboxes: `shared.pub.News` is the folder News of the maildir that is called pub, as far as file
 * permissions let this process in. Flags are the reader's own.
 *
 * To select one is to subscribe to it, as in Courier. What cannot be read is answered as what does not exist. It knows no
 * files; those are maildir/shared-folders.ts.
 */
import { RIGHT_BITS, type Rights, rightsFromLetters } from '../../maildir/acl/rights.js';
import type { Maildir } from '../../maildir/maildir.js';
import { SHARED_PREFIX, type SharedFolderPlace } from '../../maildir/shared-folders.js';
import type { MailboxPattern } from '../mailbox/mailbox-pattern.js';
import type { MailboxPlace } from './mailbox-place.js';
import type { SharedMailbox } from './virtual-mailboxes.js';

/** The name above all of them. */
const ROOT = 'shared';
const DELIMITER = '.';

/** As Courier tells them. Without permission to write, flags are still one's own. */
const READER_RIGHTS: Rights = rightsFromLetters('lrsw');
const WRITER_RIGHTS: Rights = READER_RIGHTS | RIGHT_BITS.i | RIGHT_BITS.x | RIGHT_BITS.t | RIGHT_BITS.e;

/** A folder that file permissions share. */
class FilesystemPlace implements MailboxPlace {
  readonly namespace = 'filesystem';
  readonly maildir: Maildir;
  readonly shared: SharedFolderPlace;

  constructor(maildir: Maildir, shared: SharedFolderPlace) {
    this.maildir = maildir;
    this.shared = shared;
  }

  get folderName(): string {
    return this.shared.name;
  }

  get mailboxName(): string {
    return this.shared.name;
  }

  get rights(): Rights {
    return this.maildir.sharedFolders.isWritable(this.shared) ? WRITER_RIGHTS : READER_RIGHTS;
  }
}

/** Those of one session. */
export class FilesystemMailboxes {
  readonly #maildir: Maildir;
  readonly #machineFile: string;

  /** `machineFile` names maildirs for all accounts. */
  constructor(maildir: Maildir, machineFile: string) {
    this.#maildir = maildir;
    this.#machineFile = machineFile;
  }

  /** Where a name leads that begins with the prefix; undefined where there is nothing, or nothing that may be read. */
  place(name: string): (MailboxPlace & { readonly shared: SharedFolderPlace }) | undefined {
    const place = this.#named(name);
    return place !== undefined && this.#maildir.sharedFolders.isReadable(place)
      ? new FilesystemPlace(this.#maildir, place)
      : undefined;
  }

  /** The folder with links that a name stands for, whether it leads anywhere or not. */
  subscriptionPlace(name: string): SharedFolderPlace | undefined {
    const [, share = '', folder = ''] = /^shared\.([^.]+)\.(.+)$/.exec(name) ?? [];
    // Also of a maildir that is shared no longer.
    return this.#named(name) ?? this.#maildir.sharedFolders.place(share, '/', folder);
  }

  /** The mailboxes that one of the patterns matches. */
  *list(patterns: readonly MailboxPattern[]): Generator<SharedMailbox | undefined, void, void> {
    const maildirs = this.#maildir.sharedFolders.maildirs(this.#machineFile);
    if (maildirs.size === 0) return;
    const matches = (name: string): boolean => patterns.some((pattern) => pattern.matches(name));
    const reaches = (name: string): boolean => patterns.some((pattern) => pattern.mayMatchBelow(name));
    if (matches(ROOT)) yield { name: ROOT, place: undefined, hasChildren: true };
    for (const [share, path] of maildirs) {
      const name = SHARED_PREFIX + share;
      if (!matches(name) && !reaches(name)) continue;
      yield undefined;
      for (const mailbox of this.#below(share, path)) if (matches(mailbox.name)) yield mailbox;
    }
  }

  #named(name: string): SharedFolderPlace | undefined {
    const [, share = '', folder = ''] = /^shared\.([^.]+)\.(.+)$/.exec(name) ?? [];
    const path = this.#maildir.sharedFolders.maildirs(this.#machineFile).get(share);
    return path === undefined ? undefined : this.#maildir.sharedFolders.place(share, path, folder);
  }

  /** A maildir's name and all below it, each before what is below it. */
  #below(share: string, path: string): SharedMailbox[] {
    const { sharedFolders } = this.#maildir;
    const places = new Map<string, MailboxPlace>();
    for (const folder of sharedFolders.readableFolders(path)) {
      const place = sharedFolders.place(share, path, folder);
      if (place !== undefined) places.set(place.name, new FilesystemPlace(this.#maildir, place));
    }
    const parents = new Set<string>();
    for (const name of places.keys()) {
      for (let at = name.lastIndexOf(DELIMITER); at > ROOT.length; at = name.lastIndexOf(DELIMITER, at - 1)) {
        parents.add(name.slice(0, at));
      }
    }
    return [...new Set([...places.keys(), ...parents])]
      .sort()
      .map((name) => ({ name, place: places.get(name), hasChildren: parents.has(name) }));
  }
}
