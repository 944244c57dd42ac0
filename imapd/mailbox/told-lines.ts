/**
 * The lines of LIST and STATUS as they were last said of each mailbox of an account. Most of them are said again, to the
 * letter, at the next LIST: they are put together anew only when what they say has changed.
 *
 * It looks at nothing; whoever says something brings what is true now.
 */
import type { FolderCounts } from '../../maildir/folder.js';
import { encodeList } from '../wire/responses.js';
import type { StatusItem } from '../wire/status-items.js';
import { DELIMITER, mailboxName, type PersonalNames } from './mailbox-name.js';
import { encodeCounts } from './mailbox-status.js';
import type { Manner } from './manner.js';

/** What one STATUS asks of every mailbox. */
export interface ItemsAsked {
  readonly items: readonly StatusItem[];
  /** The same in one text, to be compared. */
  readonly text: string;
}

/** One mailbox, and what was last said of it. Lines are kept as texts with a character for each octet. */
export class ToldLines {
  readonly name: string;
  /** The folder that the name means. */
  readonly folderName: string;
  #utf8Names = false;
  #attributes: string | undefined;
  #list = '';
  #items: string | undefined;
  #counts: FolderCounts | undefined;
  #status = '';

  constructor(name: string, personalNames: PersonalNames) {
    this.name = name;
    this.folderName = personalNames.folderName(name) ?? name;
  }

  /** The LIST line. */
  list(attributes: readonly string[], manner: Manner): string {
    this.#speakAs(manner);
    const words = attributes.length === 1 ? attributes[0] : attributes.join(' ');
    if (words !== this.#attributes) {
      const name = manner.spoken(mailboxName(this.name));
      this.#list = encodeList('LIST', DELIMITER, { attributes, name }).toString('latin1');
      this.#attributes = words;
    }
    return this.#list;
  }

  /** The STATUS line for counts, which are another object when they are others. */
  status({ items, text }: ItemsAsked, counts: FolderCounts, manner: Manner): string {
    this.#speakAs(manner);
    if (counts !== this.#counts || text !== this.#items) {
      const question = { mailboxName: manner.spoken(mailboxName(this.name)), items };
      this.#status = encodeCounts(question, counts).toString('latin1');
      this.#counts = counts;
      this.#items = text;
    }
    return this.#status;
  }

  #speakAs({ utf8Names }: Manner): void {
    if (utf8Names === this.#utf8Names) return;
    this.#utf8Names = utf8Names;
    this.#attributes = undefined;
    this.#counts = undefined;
  }
}

/** Those of all mailboxes of an account. */
export class ToldMailboxes {
  readonly #personalNames: PersonalNames;
  readonly #mailboxes = new Map<string, ToldLines>();

  constructor(personalNames: PersonalNames) {
    this.#personalNames = personalNames;
  }

  of(name: string): ToldLines {
    const known = this.#mailboxes.get(name);
    if (known !== undefined) return known;
    const told = new ToldLines(name, this.#personalNames);
    this.#mailboxes.set(name, told);
    return told;
  }
}
