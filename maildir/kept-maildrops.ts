/**
 * KeptMaildrops: the views of maildrops that sessions had last, so that a client that looks for mail every few minutes
 * costs no scan, and needs no list to be read. They are few arrays each; what they may be used for, the reader decides.
 */
import type { DropMessages } from './drop-messages.js';
import type { Seen } from './observation.js';
import type { SeenList } from './seen-list.js';

/** Messages of all views together: some 20 megabytes, which is what twenty full maildrops or thousands of usual ones take. */
const MESSAGES_KEPT = 200_000;
/** A view takes about a kilobyte besides its messages; this is a part of so many of them. */
const VIEW_IN_MESSAGES = 16;

/** A view, and how the disk was when it was made. */
export interface KeptMaildrop {
  readonly messages: DropMessages;
  readonly nextUid: number;
  readonly validity: number;
  /** The list of sizes that tells the same. */
  readonly list: SeenList;
  /** How the directories were; undefined when something lies there that may become a message without a trace. */
  readonly directories: Seen | undefined;
}

/** By the path of the maildir, the longest unused first. */
export class KeptMaildrops {
  readonly #kept = new Map<string, KeptMaildrop>();
  #messages = 0;

  get(maildirPath: string): KeptMaildrop | undefined {
    const found = this.#kept.get(maildirPath);
    if (found === undefined) return undefined;
    this.#kept.delete(maildirPath);
    this.#kept.set(maildirPath, found);
    return found;
  }

  keep(maildirPath: string, maildrop: KeptMaildrop): void {
    this.forget(maildirPath);
    this.#kept.set(maildirPath, maildrop);
    this.#messages += cost(maildrop);
    for (const [path] of this.#kept) {
      if (this.#messages <= MESSAGES_KEPT) break;
      this.forget(path);
    }
  }

  forget(maildirPath: string): void {
    const found = this.#kept.get(maildirPath);
    if (found === undefined) return;
    this.#kept.delete(maildirPath);
    this.#messages -= cost(found);
  }
}

function cost({ messages }: KeptMaildrop): number {
  return messages.count + VIEW_IN_MESSAGES;
}
