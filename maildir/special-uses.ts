/**
 * Special uses: which folders an account uses for what, as its owner has it (RFC 6154 section 5.3).
 *
 * All of them are in one small file of the maildir, `angarium-special-use`, in the form of annotations, so that one look
 * shows them: who an annotation belongs to is the role, and its value the name of the folder. A role has one folder, the
 * one that was given it last; a value of no octets says that the role has none. There is no file before somebody writes
 * one. It knows no role by name.
 */
import { MaildirError } from './errors.js';
import { octetsFromText, textFromOctets } from './file-system.js';
import type { AnnotationChange, Metadata } from './metadata.js';

const NAME = '/private/specialuse';

/** Folder names by role; an empty name is no folder. */
export type FoldersByRole = ReadonlyMap<string, string>;

/** What becomes of roles. */
export interface RoleChange {
  /** The folder gets them, whichever had them. */
  readonly given: readonly string[];
  /** No folder has them. */
  readonly taken: readonly string[];
  /** Nothing is said of them any more. */
  readonly letGo: readonly string[];
}

/** The roles of one maildir's folders. */
export class SpecialUses {
  readonly #file: Metadata;

  constructor(file: Metadata) {
    this.#file = file;
  }

  /** What was ever said. @throws {MaildirError} when the disk says so */
  read(): FoldersByRole {
    return new Map(this.#file.read().map(({ owner, value }) => [owner, textFromOctets(value)]));
  }

  /** Changes who has which roles; it is on the disk when this settles. */
  async change(folderName: string, { given, taken, letGo }: RoleChange): Promise<void> {
    const changes = [
      ...given.map((role) => entry(role, folderName)),
      ...taken.map((role) => entry(role, '')),
      ...letGo.map((role) => entry(role, undefined)),
    ];
    if (changes.length > 0) await this.#file.change(changes);
  }

  /** To be called when folders have got other names, or none. That is done, and does not fail for the sake of a role. */
  async follow(newName: (folderName: string) => string | undefined): Promise<void> {
    const changes: AnnotationChange[] = [];
    for (const [role, folderName] of this.read()) {
      if (folderName === '') continue;
      const name = newName(folderName);
      if (name !== folderName) changes.push(entry(role, name));
    }
    if (changes.length === 0) return;
    try {
      await this.#file.change(changes);
    } catch (error) {
      if (!(error instanceof MaildirError)) throw error;
    }
  }
}

/** Without a folder, the role is nobody's care any more. */
function entry(role: string, folderName: string | undefined): AnnotationChange {
  return { owner: role, name: NAME, value: folderName === undefined ? undefined : octetsFromText(folderName) };
}
