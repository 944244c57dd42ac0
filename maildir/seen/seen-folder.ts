/**
 * A folder as one reader sees it who has a \Seen of his own: another object for the same directory, with a disk that shows
 * his marks. UIDs and keywords are those of everybody; what is learnt of changes is not, as it would be different for each.
 */
import { Folder, type FolderListener } from '../folder.js';
import { FolderPaths, folderDirectory } from '../folder-name.js';
import { FolderState } from '../folder-state.js';
import type { Maildir } from '../maildir.js';
import type { Surroundings } from '../surroundings.js';
import { SeenDisk } from './seen-disk.js';
import { SeenMarks, type SeenPlace } from './seen-marks.js';

/** Which folder, and whose marks. */
export interface SeenFolderPlace {
  readonly name: string;
  readonly seen: SeenPlace;
}

const views = new WeakSet<Folder>();

class ReaderPaths extends FolderPaths {
  readonly #seen: SeenPlace;

  constructor(directory: string, seen: SeenPlace) {
    super(directory);
    this.#seen = seen;
  }

  /** Beside the marks: to each reader other messages have changed. */
  override get changes(): string {
    return `${this.#seen.path}-changes`;
  }
}

/** For Maildir. */
export function seenFolder(
  maildir: Maildir,
  surroundings: Surroundings,
  { name, seen, onIdle }: SeenFolderPlace & { readonly onIdle: FolderListener },
): Folder {
  const paths = new ReaderPaths(folderDirectory(maildir.path, name), seen);
  const marks = new SeenMarks(surroundings, seen);
  const fileSystem = new SeenDisk(surroundings.fileSystem, marks, paths.cur);
  const place = {
    name,
    maildirPath: maildir.path,
    paths,
    listFolders: () => maildir.listFolders(),
    quota: maildir.quota,
    forOneReader: true,
  };
  const folder = new Folder(maildir, new FolderState({ ...surroundings, fileSystem }, place), onIdle);
  views.add(folder);
  return folder;
}

/** Whether this object shows \Seen as one reader has it. */
export function isSeenFolder(folder: Folder): boolean {
  return views.has(folder);
}
