/**
 * Metadata: the annotations of a folder, or of a whole maildir (RFC 5464), in one small file beside its messages.
 *
 *     Maildir/.Sent/angarium-metadata
 *     shared<TAB>/shared/comment<TAB>SGVsbG8=
 *     user=bob<TAB>/private/comment<TAB>bXkgb3du
 *
 * Each line is who the annotation belongs to, its name, and its value in base64. The file goes with the folder when that
 * is renamed, and there is none before somebody writes one. Lines that are not of this form are passed over, and go when
 * the file is written again.
 */
import { diskErrors, diskErrorsSoon, MaildirError } from './errors.js';
import { textFromOctets } from './file-system.js';
import { readWhole, replaceFile, unlinkIfThere } from './files.js';
import { withLock } from './lock.js';
import type { Surroundings } from './surroundings.js';

/** One value: Thunderbird's and Kolab's are a few kilobytes. */
export const MAX_VALUE_OCTETS = 64 * 1024;

/** Everybody's annotations of one folder; what is read and written as a whole must stay small. */
const MAX_FILE_OCTETS = 1024 * 1024;

/** A folder has a dozen; each is a line that everybody must read over. */
const MAX_ANNOTATIONS = 500;

/** Whose annotations those are that all see. */
export const SHARED = 'shared';

/** One annotation. */
export interface Annotation {
  /** `SHARED`, or the identifier of the account that alone sees it. */
  readonly owner: string;
  /** `/shared/comment`, in lower case. */
  readonly name: string;
  readonly value: Buffer;
}

/** An annotation to set, or to remove. */
export interface AnnotationChange extends Pick<Annotation, 'owner' | 'name'> {
  /** Undefined removes it. */
  readonly value: Buffer | undefined;
}

/** Where a file is, and where new versions of it are written. */
export interface MetadataPlace {
  readonly directory: string;
  readonly tmp: string;
  /** `angarium-metadata`, or another name for what is not about the folder in whose directory it stands. */
  readonly filename: string;
}

/** The annotations in one file. */
export class Metadata {
  readonly #surroundings: Surroundings;
  readonly #place: MetadataPlace;

  constructor(surroundings: Surroundings, place: MetadataPlace) {
    this.#surroundings = surroundings;
    this.#place = place;
  }

  /** All of them, in the order of the file. @throws {MaildirError} when the disk says so */
  read(): Annotation[] {
    return diskErrors(this.#path, () => {
      const file = readWhole(this.#surroundings.fileSystem, this.#path, MAX_FILE_OCTETS);
      return file === undefined ? [] : parse(textFromOctets(file.octets));
    });
  }

  /** Differs when somebody may have changed them. */
  version(): string {
    return diskErrors(this.#path, () => {
      const status = this.#surroundings.fileSystem.status(this.#path);
      return status === undefined ? '' : `${status.inode}:${status.modifiedAt}:${status.sizeOctets}`;
    });
  }

  /**
   * Makes all changes or none; they are on the disk when this settles.
   *
   * @throws {MaildirError} 'too many annotations', and when the disk says so
   */
  async change(changes: readonly AnnotationChange[]): Promise<void> {
    const { tmp, directory } = this.#place;
    const surroundings = this.#surroundings;
    await diskErrorsSoon(this.#path, () =>
      withLock(surroundings, tmp, async () => {
        const annotations = changed(this.read(), changes);
        const contents = annotations.map(lineOf).join('');
        if (annotations.length > MAX_ANNOTATIONS || contents.length > MAX_FILE_OCTETS)
          throw new MaildirError('too many annotations', this.#path);
        if (contents === '') unlinkIfThere(surroundings.fileSystem, this.#path);
        else await replaceFile(surroundings, { tmp, path: this.#path, purpose: 'metadata', contents });
        if (surroundings.durable) await surroundings.fileSystem.syncDirectory(directory);
      }),
    );
  }

  get #path(): string {
    return `${this.#place.directory}/${this.#place.filename}`;
  }
}

function changed(annotations: readonly Annotation[], changes: readonly AnnotationChange[]): Annotation[] {
  let result = [...annotations];
  for (const { owner, name, value } of changes) {
    result = result.filter((known) => known.owner !== owner || known.name !== name);
    if (value !== undefined) result.push({ owner, name, value });
  }
  return result;
}

const LINE = /^([^\t\n]+)\t(\/[^\t\n]*)\t([A-Za-z0-9+/]*={0,2})$/;

function parse(text: string): Annotation[] {
  const annotations: Annotation[] = [];
  for (const line of text.split('\n')) {
    const [, owner, name, value] = LINE.exec(line) ?? [];
    if (owner === undefined || name === undefined || value === undefined) continue;
    annotations.push({ owner, name, value: Buffer.from(value, 'base64') });
  }
  return annotations;
}

function lineOf({ owner, name, value }: Annotation): string {
  return `${owner.replace(/[\t\n]/g, '?')}\t${name}\t${value.toString('base64')}\n`;
}
