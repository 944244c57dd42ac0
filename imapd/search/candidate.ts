/**
 * Candidate: the message that a search is looking at. One object goes over all messages of a mailbox; what it shows is
 * true until it moves on, and, but for the number and the UID, until somebody waits.
 */
import { emptyView, type FactView, type FolderFacts, SEARCH_FACTS } from '../cache/folder-facts.js';
import { MessageReading } from '../cache/message-reading.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { showSearchFacts } from './search-facts-reading.js';

/** The clock is asked once per so many messages for which no file was opened. */
export const MESSAGES_PER_LOOK_AT_CLOCK = 16;

/** A message of the selected mailbox, seen by its sequence number. */
export class Candidate {
  readonly mailbox: SelectedMailbox;
  readonly #facts: FolderFacts;
  readonly #view = emptyView();
  sequenceNumber = 0;
  uid = 0;
  /** Row of the folder's current table. */
  row = -1;
  /** How near it comes to what a FUZZY key asks for, of 100; undefined if none has looked at it. */
  relevancy: number | undefined;
  /** A file was opened for this message. */
  opened = false;
  #viewIsFilled = false;
  #otherView: FactView | undefined;
  #reading: MessageReading | undefined;

  constructor(mailbox: SelectedMailbox, facts: FolderFacts) {
    this.mailbox = mailbox;
    this.#facts = facts;
  }

  /** Goes to a message; false when it has left the folder. The message before must be closed. */
  moveTo(sequenceNumber: number): boolean {
    this.sequenceNumber = sequenceNumber;
    this.opened = false;
    this.relevancy = undefined;
    this.uid = this.mailbox.uidOf(sequenceNumber);
    return this.relocate();
  }

  /** Finds out where the message is now, after others had their turn; false when it has left the folder. */
  relocate(): boolean {
    const { table } = this.mailbox.folder;
    const row = this.sequenceNumber - 1;
    this.row = row < table.count && table.uidAt(row) === this.uid ? row : table.rowOf(this.uid);
    this.#viewIsFilled = false;
    return this.row >= 0;
  }

  /** The record of SEARCH_FACTS: remembered, or made from the message's header. @throws {MaildirError} 'message gone' */
  get facts(): FactView {
    if (this.#viewIsFilled) return this.#view;
    if (showSearchFacts(this.#facts, this.row, this.#view)) this.opened = true;
    this.#viewIsFilled = true;
    return this.#view;
  }

  /** All that is remembered of the folder's messages. */
  get folderFacts(): FolderFacts {
    return this.#facts;
  }

  /** A view for other records than those of SEARCH_FACTS. */
  get ownView(): FactView {
    this.#otherView ??= emptyView();
    return this.#otherView;
  }

  /** The record of SEARCH_FACTS if it is remembered. */
  get knownFacts(): FactView | undefined {
    this.#viewIsFilled ||= this.#facts.look(this.row, SEARCH_FACTS, this.#view);
    return this.#viewIsFilled ? this.#view : undefined;
  }

  /** The message's file, for what is not remembered. Opened when something is asked of it. */
  get reading(): MessageReading {
    this.opened = true;
    this.#reading ??= new MessageReading(this.#facts, this.row);
    return this.#reading;
  }

  /** Closes the file if it is open. */
  close(): void {
    this.#reading?.close();
    this.#reading = undefined;
  }
}
