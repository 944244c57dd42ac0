/**
 * EntryName: the name of a directory entry as the octets that a system call takes.
 *
 * Flags of thousands of messages are changed by as many renames; this puts the names together without making strings. It
 * touches no disk.
 */
import { octetsFromText, textFromOctets } from './file-system.js';
import type { NameView } from './file-table.js';

/** No file system allows a longer name; what is longer is refused by the call that gets its beginning. */
const MAX_OCTETS = 1_024;

/** A name, and a zero behind it. One object serves for many names, one after the other. */
export class EntryName {
  readonly octets: Buffer = Buffer.alloc(MAX_OCTETS + 1);
  #length = 0;

  /** Makes it a base name and its suffix. */
  set({ octets, start, end }: NameView, suffix: string): this {
    this.#length = octets.copy(this.octets, 0, start, Math.min(end, start + MAX_OCTETS));
    for (let index = 0; index < suffix.length; index += 1) {
      const code = suffix.charCodeAt(index);
      if (code > 0x7f) return this.#add(octetsFromText(suffix.slice(index)));
      if (this.#length < MAX_OCTETS) this.octets[this.#length++] = code;
    }
    return this.#end();
  }

  #add(octets: Buffer): this {
    this.#length += octets.copy(this.octets, this.#length, 0, MAX_OCTETS - this.#length);
    return this.#end();
  }

  #end(): this {
    this.octets[this.#length] = 0;
    return this;
  }

  /** The name as text; see textFromOctets(). */
  get text(): string {
    return textFromOctets(this.octets.subarray(0, this.#length));
  }
}
