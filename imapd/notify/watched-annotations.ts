/**
 * WatchedAnnotations: the annotations of a mailbox, or of the server, as the client knows them. What has changed is told by
 * name, without values (RFC 5464 section 4.4.2).
 */
import { MaildirError } from '../../maildir/errors.js';
import { type Metadata, SHARED } from '../../maildir/metadata.js';
import { annotationOwner } from '../mailbox/annotations.js';
import type { Session } from '../session/session.js';
import { encodeMetadataNames } from '../wire/metadata-arguments.js';

/** Those in one file. */
export class WatchedAnnotations {
  readonly #session: Session;
  readonly #metadata: Metadata;
  #version = '';
  #values: ReadonlyMap<string, string> = new Map();

  constructor(session: Session, metadata: Metadata) {
    this.#session = session;
    this.#metadata = metadata;
    this.changes();
  }

  /** The names of those that are not as they were when this was asked last. */
  changes(): string[] {
    try {
      const version = this.#metadata.version();
      if (version === this.#version) return [];
      const before = this.#values;
      const now = version === '' ? new Map<string, string>() : this.#read();
      this.#version = version;
      this.#values = now;
      return [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));
    } catch (error) {
      if (error instanceof MaildirError) return [];
      throw error;
    }
  }

  /** Writes the METADATA response; `mailboxName` is empty for the server. */
  tell(mailboxName: Buffer): void {
    const names = this.changes();
    if (names.length > 0) this.#session.write(encodeMetadataNames(this.#session.manner.spoken(mailboxName), names));
  }

  #read(): Map<string, string> {
    const own = annotationOwner(this.#session);
    const visible = this.#metadata.read().filter(({ owner }) => owner === SHARED || owner === own);
    return new Map(visible.map(({ name, value }) => [name, value.toString('latin1')]));
  }
}
