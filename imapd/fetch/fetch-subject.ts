/**
 * FetchSubject: the message that a FETCH is at, for the functions that write its items. One for a whole command: it goes
 * from message to message.
 */
import type { MessageTable } from '../../maildir/message-table.js';
import {
  emptyView,
  type FactGroup,
  type FactView,
  type FolderFacts,
  HEADER_FACTS,
  STRUCTURE_FACTS,
} from '../cache/folder-facts.js';
import { MessageReading } from '../cache/message-reading.js';
import type { CommandFailure } from '../completion.js';
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { paced } from '../session/paced.js';
import type { Session, SessionOutput } from '../session/session.js';
import { type HeaderParts, knownParts } from './header-facts.js';
import { holdsStructure, type StructureFact } from './structure-facts.js';

/** A message, what is known of it, and where its answer goes. */
export class FetchSubject {
  readonly session: Session;
  readonly mailbox: SelectedMailbox;
  readonly output: SessionOutput;
  readonly facts: FolderFacts;
  /** The record that was found last. Valid until something is waited for. */
  readonly view: FactView = emptyView();
  message: PickedMessage | undefined;
  /** The message's file was needed, or may have been. */
  opened = false;
  /** Why messages were left out that are there. */
  failure: CommandFailure | undefined;
  #table: MessageTable;
  #row = -1;
  #reading: MessageReading | undefined;
  #fileDate: number | undefined;

  constructor(session: Session, facts: FolderFacts) {
    this.session = session;
    this.mailbox = session.selected;
    this.output = session.output;
    this.facts = facts;
    this.#table = facts.folder.table;
  }

  /** Goes to a message; false when it has left the folder. */
  moveTo(message: PickedMessage): boolean {
    const { table } = this.facts.folder;
    const { uid } = message;
    // Most commands take one message after the other.
    const next = this.#row + 1;
    this.#row = next < table.count && table.uidAt(next) === uid ? next : table.rowOf(uid);
    this.#table = table;
    this.message = message;
    this.opened = false;
    this.#fileDate = undefined;
    return this.#row >= 0;
  }

  /** Row of the folder's current table; -1 if the message has left it. */
  get row(): number {
    const { table } = this.facts.folder;
    if (table !== this.#table) {
      this.#table = table;
      this.#row = table.rowOf(this.message?.uid ?? 0);
    }
    return this.#row;
  }

  /**
   * Shows the record of the header in `view`; learns what is wanted of it if need be.
   *
   * @throws {MaildirError} `'message gone'`
   */
  findHeader(wanted: HeaderParts): void {
    if (this.#look(HEADER_FACTS) && (knownParts(this.view) & wanted) === wanted) return;
    this.reading.headerFacts(this.view, wanted);
  }

  /** Shows the record of the structure in `view`, if it is known. */
  knowsStructure(fact: StructureFact): boolean {
    return this.#look(STRUCTURE_FACTS) && holdsStructure(this.view, fact);
  }

  /** Shows it; learns it if need be, which is a promise only if that takes long. */
  findStructure(fact: StructureFact): Promise<void> | undefined {
    if (this.knowsStructure(fact) || this.reading.learnStructureAtOnce(this.view, fact)) return undefined;
    const learning = paced(this.session, this.reading.structureFacts(this.view, fact));
    return learning instanceof Promise ? learning : undefined;
  }

  /** When the message arrived, in milliseconds since 1970. @throws {MaildirError} `'message gone'` */
  internalDate(): number {
    this.#fileDate ??= this.#reading?.openedFileDate ?? this.facts.folder.internalDateAt(this.row);
    return this.#fileDate;
  }

  /** The message's file and what can be learnt from it. */
  get reading(): MessageReading {
    this.opened = true;
    this.#reading ??= new MessageReading(this.facts, this.row);
    return this.#reading;
  }

  /** Ends with the message. */
  close(): void {
    this.#reading?.close();
    this.#reading = undefined;
  }

  #look(group: FactGroup): boolean {
    // What this reading found out is looked at where it is: it may be too much to be kept.
    const { row } = this;
    if (this.#reading !== undefined || row < 0 || !this.facts.look(row, group, this.view)) return false;
    this.#fileDate ??= this.view.internalDate;
    return true;
  }
}
