/**
 * Makes the object of a folder whose messages are links into another maildir: a folder like others, on a disk that follows
 * the links, without a quota of its own.
 */
import { MaildirError } from './errors.js';
import { Folder, type FolderListener } from './folder.js';
import { folderPaths } from './folder-name.js';
import { FolderState } from './folder-state.js';
import type { Maildir } from './maildir.js';
import { MaildirQuota } from './quota/maildir-quota.js';
import { LinkedDisk } from './shared-disk.js';
import type { SharedFolderPlace } from './shared-folders.js';
import { SharedLinks } from './shared-links.js';
import type { Surroundings } from './surroundings.js';

/** For Maildir. @throws {MaildirError} 'no such folder' on a disk without links */
export function linkedFolder(
  maildir: Maildir,
  surroundings: Surroundings,
  { place, onIdle }: { readonly place: SharedFolderPlace; readonly onIdle: FolderListener },
): Folder {
  const { links } = surroundings.fileSystem;
  if (links === undefined) throw new MaildirError('no such folder', place.real);
  const fileSystem = new LinkedDisk(surroundings.fileSystem, links, place);
  const following = new SharedLinks(surroundings, links, place);
  const state = new FolderState(
    { ...surroundings, fileSystem },
    {
      name: place.name,
      maildirPath: maildir.path,
      paths: folderPaths(place.local),
      listFolders: () => maildir.listFolders(),
      // There is no maildirsize in such a directory, and so no limit.
      quota: new MaildirQuota(surroundings, place.local),
      linked: {
        follow: () => following.follow(),
        directories: [`${place.real}/cur`, `${place.real}/new`],
      },
    },
  );
  return new Folder(maildir, state, onIdle);
}
