/**
 * MessageReading: one message that a command looks at. What is known of it comes from the facts of its folder; its file
 * is opened when something else is asked for, once, and closed by the command. What is then found out is kept.
 *
 * A file of usual size is read as a whole into a buffer that all readings share one after the other. Whatever may have to
 * read a larger one comes in steps of about a MiB (see paced.ts). Every method that needs the file throws MaildirError
 * `'message gone'` when there is none.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { Folder, MessageFile } from '../../maildir/folder.js';
import type { MessageTable } from '../../maildir/message-table.js';
import { LINE_BUFFER_OCTETS, lineBuffer } from '../../maildir/octets/line-machine.js';
import { ENVELOPE, encodeHeaderFacts, FIELDS, type HeaderParts, knownParts } from '../fetch/header-facts.js';
import {
  encodeSize,
  encodeSmallStructure,
  encodeStructureFacts,
  holdsStructure,
  knownSize,
  type StructureFact,
} from '../fetch/structure-facts.js';
import { countWireOctets } from '../message/body-section.js';
import { endOfHeader, readHeader } from '../message/header.js';
import { countBareLfs } from '../message/line-ends.js';
import { type MessageIndex, scanAtOnce, scanMessage } from '../message/mime.js';
import { OctetWriter } from '../message/octet-writer.js';
import {
  emptyView,
  type FactGroup,
  type FactView,
  type FolderFacts,
  HEADER_FACTS,
  STRUCTURE_FACTS,
} from './folder-facts.js';
import { keepIndex, keptIndex } from './part-indexes.js';

/** Most messages fit; the rest is read piece by piece. */
const READ_AT_ONCE_OCTETS = LINE_BUFFER_OCTETS;

/** So much is read where nothing but the header is asked for: most are shorter. */
const HEADER_OCTETS = 8_192;

/** A larger message is never in memory as a whole. */
const MAX_WHOLE_OCTETS = 2 * 1024 * 1024;

/** Line ends of a file up to this size are counted in one step, which takes less than a millisecond. */
const MAX_OCTETS_COUNTED_AT_ONCE = 1024 * 1024;

/** A record for longer messages may grow large, and is not kept in the writer afterwards. */
const MAX_SPARE_WRITER_OCTETS = 256 * 1024;

/**
 * Things to read and to write into that every reading needs for a moment: one reading takes them and gives them back.
 * Another that begins meanwhile, because the first one waits for something, makes its own.
 */
class Spare<T> {
  readonly #make: () => T;
  readonly #best: T | undefined;
  #spare: T | undefined;

  /** @param best the first one, which is kept before all others */
  constructor(make: () => T, best?: T) {
    this.#make = make;
    this.#best = best;
    this.#spare = best;
  }

  take(): T {
    const taken = this.#spare ?? this.#make();
    this.#spare = undefined;
    return taken;
  }

  giveBack(thing: T): void {
    if (this.#spare === undefined || this.#spare !== this.#best) this.#spare = thing;
  }
}

const readBuffers = new Spare(() => Buffer.allocUnsafeSlow(READ_AT_ONCE_OCTETS), lineBuffer);
const largeBuffers = new Spare<Buffer>(() => Buffer.allocUnsafeSlow(MAX_WHOLE_OCTETS));
const headerWriters = new Spare(() => new OctetWriter());
const structureWriters = new Spare(() => new OctetWriter());

/** For a comparison, which takes no time. */
const compared = emptyView();

/** A message, from the facts of its folder and from its file. */
export class MessageReading {
  readonly uid: number;
  readonly #folder: Folder;
  readonly #facts: FolderFacts;
  readonly #row: number;
  readonly #table: MessageTable;
  #file: MessageFile | undefined;
  #buffer: Buffer | undefined;
  /** So many octets of the file, or all, are in #buffer. */
  #octetsAtOnce = 0;
  #largeBuffer: Buffer | undefined;
  #header: Buffer | undefined;
  #index: MessageIndex | undefined;
  #headerRecord: OctetWriter | undefined;
  #structureRecord: OctetWriter | undefined;

  /** @param row row of the folder's current table, used before anything is waited for */
  constructor(facts: FolderFacts, row: number) {
    this.#folder = facts.folder;
    this.#facts = facts;
    this.#table = this.#folder.table;
    this.uid = this.#table.uidAt(row);
    this.#row = row;
  }

  /** The message's file, opened. What is `whole` of it is valid until `close`. */
  get file(): MessageFile {
    return this.#file ?? this.#open(READ_AT_ONCE_OCTETS);
  }

  #open(octetsAtOnce: number): MessageFile {
    const buffer = this.#buffer ?? readBuffers.take();
    this.#buffer = buffer;
    this.#octetsAtOnce = octetsAtOnce;
    const file = this.#folder.openMessage(this.uid, buffer.subarray(0, octetsAtOnce));
    this.#file = file;
    this.#compareWithFacts(file);
    return file;
  }

  /** Message files never change; where another program did it all the same, what was known is worth nothing. */
  #compareWithFacts({ sizeOctets }: MessageFile): void {
    const known = this.#look(STRUCTURE_FACTS, compared) || this.#look(HEADER_FACTS, compared);
    if (known && compared.fileOctets !== sizeOctets) this.#facts.forget(this.#currentRow());
  }

  /** All octets of the file, unless it is very large: for whoever needs them all. Valid until `close`. */
  whole(): Buffer | undefined {
    const { file } = this;
    if (file.whole !== undefined || file.sizeOctets > MAX_WHOLE_OCTETS) return file.whole;
    if (this.#largeBuffer !== undefined) return this.#largeBuffer.subarray(0, file.sizeOctets);
    this.#largeBuffer = largeBuffers.take();
    return file.read(0, file.sizeOctets, this.#largeBuffer);
  }

  /** The file's mtime in milliseconds since 1970, if it is open. */
  get openedFileDate(): number | undefined {
    return this.#file === undefined ? undefined : Math.floor(this.#file.internalDate);
  }

  /** The header block, with the line ends of the file. Valid until `close`. */
  header(): Buffer {
    this.#header ??= this.#findHeader(this.#file ?? this.#open(HEADER_OCTETS));
    return this.#header;
  }

  #findHeader(file: MessageFile): Buffer {
    const { whole } = file;
    if (whole !== undefined)
      return whole.subarray(0, this.#index?.root.bodyStart ?? endOfHeader(whole) ?? whole.length);
    const beginning = this.#buffer?.subarray(0, this.#octetsAtOnce) ?? Buffer.alloc(0);
    const end = endOfHeader(beginning);
    return end === undefined ? readHeader(file) : beginning.subarray(0, end);
  }

  /** Shows the record of the header; learns what is asked of it if need be. Valid until something is waited for. */
  headerFacts(view: FactView, wanted: HeaderParts = ENVELOPE | FIELDS): void {
    const own = this.#headerRecord;
    if (own !== undefined) show(view, own);
    const known = own !== undefined || this.#look(HEADER_FACTS, view) ? knownParts(view) : 0;
    if ((known & wanted) === wanted) return;
    const record = own ?? headerWriters.take();
    this.#headerRecord = record;
    record.length = 0;
    encodeHeaderFacts(record, this.header(), wanted | known);
    this.#keep(HEADER_FACTS, record);
    show(view, record);
  }

  /** Shows the record of the structure; learns what is asked of it if need be. Valid until something is waited for. */
  *structureFacts(view: FactView, fact: StructureFact): Generator<void, void> {
    if (this.knownStructure(view, fact)) return;
    const record = this.#structureRecord ?? structureWriters.take();
    this.#structureRecord = record;
    record.length = 0;
    if (fact === 'size') encodeSize(record, yield* this.#countWireOctets());
    else {
      const index = yield* this.index();
      yield* encodeStructureFacts(record, { index, source: this.file, withBody: fact === 'body' });
    }
    this.#keep(STRUCTURE_FACTS, record);
    show(view, record);
  }

  /** The same at once, as for most messages; false where it is more than a step. */
  learnStructureAtOnce(view: FactView, fact: StructureFact): boolean {
    if (this.knownStructure(view, fact)) return true;
    const { file } = this;
    const { whole } = file;
    if (whole === undefined) return false;
    const record = this.#structureRecord ?? structureWriters.take();
    this.#structureRecord = record;
    record.length = 0;
    if (fact === 'size') encodeSize(record, wireOctetsOf(whole));
    else {
      const known = this.#index ?? keptIndex(file);
      const index = known ?? scanAtOnce(file);
      if (known === undefined && index !== undefined) keepIndex(file, index);
      this.#index = index;
      if (index === undefined || !encodeSmallStructure(record, { index, source: file, withBody: fact === 'body' })) {
        giveBack(structureWriters, record);
        this.#structureRecord = undefined;
        return false;
      }
    }
    this.#keep(STRUCTURE_FACTS, record);
    show(view, record);
    return true;
  }

  /** Shows the record of the structure if it is in memory and knows this. */
  knownStructure(view: FactView, fact: StructureFact): boolean {
    const own = this.#structureRecord;
    if (own !== undefined) show(view, own);
    else if (!this.#look(STRUCTURE_FACTS, view)) return false;
    return holdsStructure(view, fact);
  }

  /** RFC822.SIZE, if it is in memory. */
  knownWireOctets(): number | undefined {
    const view = emptyView();
    return this.knownStructure(view, 'size') ? knownSize(view) : undefined;
  }

  /** RFC822.SIZE. */
  *wireOctets(): Generator<void, number> {
    const view = emptyView();
    yield* this.structureFacts(view, 'size');
    return knownSize(view);
  }

  /** Where the parts are. */
  *index(): Generator<void, MessageIndex> {
    const known = this.#index ?? keptIndex(this.file);
    const index = known ?? (yield* scanMessage(this.file));
    if (known === undefined) keepIndex(this.file, index);
    this.#index = index;
    return index;
  }

  /** Closes the file if it is open. What was found out stays known. */
  close(): void {
    this.#file?.close();
    if (this.#buffer !== undefined) readBuffers.giveBack(this.#buffer);
    if (this.#largeBuffer !== undefined) largeBuffers.giveBack(this.#largeBuffer);
    if (this.#headerRecord !== undefined) giveBack(headerWriters, this.#headerRecord);
    if (this.#structureRecord !== undefined) giveBack(structureWriters, this.#structureRecord);
    this.#file = undefined;
    this.#buffer = undefined;
    this.#largeBuffer = undefined;
    this.#header = undefined;
    this.#headerRecord = undefined;
    this.#structureRecord = undefined;
  }

  *#countWireOctets(): Generator<void, number> {
    const { file } = this;
    const { sizeOctets, whole } = file;
    if (whole !== undefined) return wireOctetsOf(whole);
    if (sizeOctets > MAX_OCTETS_COUNTED_AT_ONCE) return (yield* this.index()).wireOctets;
    return countWireOctets(file, 0, sizeOctets);
  }

  #look(group: FactGroup, view: FactView): boolean {
    const row = this.#currentRow();
    return row >= 0 && this.#facts.look(row, group, view);
  }

  /** Where the message is now; -1 when it has left the folder while something was waited for. */
  #currentRow(): number {
    const { table } = this.#folder;
    return table === this.#table ? this.#row : table.rowOf(this.uid);
  }

  #keep(group: FactGroup, record: OctetWriter): void {
    const row = this.#currentRow();
    if (row < 0) return;
    const { sizeOctets, internalDate, inode } = this.file;
    this.#facts.keep(row, group, record.view(), { sizeOctets, modifiedAt: internalDate, inode });
  }
}

function wireOctetsOf(whole: Buffer): number {
  return whole.length + countBareLfs(whole, 0, whole.length);
}

function show(view: FactView, record: OctetWriter): void {
  view.octets = record.octets;
  view.start = 0;
  view.end = record.length;
}

function giveBack(spare: Spare<OctetWriter>, record: OctetWriter): void {
  if (record.octets.length <= MAX_SPARE_WRITER_OCTETS) spare.giveBack(record);
}

/** False for the failure that a message is no longer there, which ends nothing but what is done for this message. */
export function falseIfGone(error: unknown): false {
  if (error instanceof MaildirError && error.kind === 'message gone') return false;
  throw error;
}
