/**
 * What lies in the directories of a maildrop, matched with the messages that are known: which of them were seen, and
 * which files are of no known message. Nothing is made per message that is known.
 */
import type { DropMessages } from './drop-messages.js';
import { FileTable, type NameView } from './file-table.js';
import type { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';

const DOT = 0x2e;

/** Shows the name of each message file in a directory. Of a message with two files, both are shown. */
export async function visitMessages(
  { fileSystem }: Pick<Surroundings, 'fileSystem'>,
  directory: string,
  pace: Pace,
  show: (name: NameView) => void,
): Promise<void> {
  const name: NameView = { octets: Buffer.alloc(0), start: 0, end: 0 };
  const visit = (octets: Buffer, start: number, end: number, _regular: boolean, isDirectory?: boolean): void => {
    if (octets[start] === DOT || isDirectory === true) return;
    name.octets = octets;
    name.start = start;
    name.end = end;
    show(name);
  };
  for (const _piece of fileSystem.visit(directory, visit)) {
    const pause = pace.look();
    if (pause !== undefined) await pause;
  }
}

/** One or more looks at cur, for messages that are known. */
export class DropScan {
  readonly messages: DropMessages;
  /** Files of messages that are not known. */
  readonly strangers = new FileTable();
  readonly #seen: Uint8Array;
  #seenCount = 0;

  constructor(messages: DropMessages) {
    this.messages = messages;
    this.#seen = new Uint8Array(messages.count);
  }

  /** Whether the file of a known message was not seen. */
  get someMissing(): boolean {
    return this.#seenCount < this.messages.count;
  }

  /** Reads cur; what was seen before stays seen. */
  async read(surroundings: Pick<Surroundings, 'fileSystem'>, cur: string, pace: Pace): Promise<void> {
    await visitMessages(surroundings, cur, pace, (name) => this.see(name));
  }

  /** Takes the file of this name in cur for seen. */
  see(name: NameView): void {
    const message = renamed(this.messages, name);
    if (message < 0) this.strangers.addIfNew(name, 'cur');
    else if (this.#seen[message] === 0) {
      this.#seen[message] = 1;
      this.#seenCount += 1;
    }
  }

  /** Whether a file of the message that has this name was seen. */
  saw(name: NameView): boolean {
    const message = this.messages.files.find(name);
    return message < 0 ? this.strangers.find(name) >= 0 : this.#seen[message] === 1;
  }

  /** The known messages that were seen, in their order. */
  seen(): Uint32Array {
    const messages = new Uint32Array(this.#seenCount);
    let count = 0;
    for (let message = 0; message < this.#seen.length; message += 1) {
      if (this.#seen[message] === 1) messages[count++] = message;
    }
    return messages;
  }
}

/** Finds the message of a file, and takes over how that is called now; -1 when it is not known. */
export function renamed({ files }: DropMessages, name: NameView): number {
  const message = files.find(name);
  if (message >= 0 && !files.hasName(message, name, 'cur')) files.rename(message, name, 'cur');
  return message;
}
