/**
 * A FETCH as a plan: one step for each item, compiled once and run for each message. A step first gets ready what may have
 * to be read or may fail, and then writes its value straight into the output.
 *
 * Where all is in memory, nothing is made per message: no string, no array, no promise.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { OctetWriter } from '../message/octet-writer.js';
import type { FetchItem, PlainItem } from '../wire/fetch-items.js';
import { binaryStep } from './binary-steps.js';
import type { FetchSubject } from './fetch-subject.js';
import { ENVELOPE, FIELDS, type HeaderParts, writeKnownEnvelope } from './header-facts.js';
import { emailIdStep, saveDateStep, threadIdStep } from './id-steps.js';
import { writeInternalDate } from './internal-date.js';
import { previewStep } from './preview-step.js';
import { commonFieldsOf, fileSectionStep, headerFieldsStep, LiteralFailure } from './section-steps.js';
import { knownSize, type StructureFact, writeKnownStructure } from './structure-facts.js';

/** What a FETCH does for one item of each message. */
export interface FetchStep {
  /**
   * Gets the value ready, for instance by opening the file. A promise only if there is much to do.
   *
   * @throws {MaildirError} `'message gone'`; nothing was written then
   */
  prepare?(subject: FetchSubject): Promise<void> | undefined;
  /** Writes the value, without a blank before it. A promise only if it is written piece by piece. */
  write(subject: FetchSubject, out: OctetWriter): Promise<void> | undefined;
}

/** Room that is there when an answer begins; whatever needs more asks for it. */
const ROOM_OCTETS = 4_096;

const UNTAGGED = Buffer.from('* ');
const END = Buffer.from(')\r\n');

/** The steps of a FETCH. */
export class FetchPlan {
  readonly #steps: readonly FetchStep[];
  /** What stands before each value: blank and name. */
  readonly #labels: readonly Buffer[];
  readonly #prepared: readonly FetchStep[];

  readonly #uidsOnly: boolean;

  /** @param uidsOnly the client knows messages by UIDs, and not by numbers (RFC 9586) */
  constructor(items: readonly FetchItem[], uidsOnly = false) {
    this.#uidsOnly = uidsOnly;
    const fact = mostOfStructure(items);
    const header = mostOfHeader(items);
    this.#steps = items.map((item) => stepFor(item, fact, header));
    this.#labels = items.map((item, index) => {
      const name = 'label' in item ? item.label : item.kind.toUpperCase();
      return Buffer.from(index === 0 ? ` ${uidsOnly ? 'UIDFETCH' : 'FETCH'} (${name} ` : ` ${name} `, 'latin1');
    });
    const order = items.map((_, at) => at).sort((one, other) => turnOf(items[one]) - turnOf(items[other]));
    this.#prepared = order.flatMap((at) => this.#steps[at] ?? []).filter((step) => step.prepare !== undefined);
  }

  /**
   * Writes the response for the subject's message.
   *
   * @returns a promise only when there is something to wait for.
   * @throws {MaildirError} `'message gone'`; nothing was written then
   * @throws {LiteralFailure} also by the promise
   */
  run(subject: FetchSubject): Promise<void> | undefined {
    for (let at = 0; at < this.#prepared.length; at += 1) {
      const preparing = this.#prepared[at]?.prepare?.(subject);
      if (preparing !== undefined) return this.#prepareRest(subject, preparing, at + 1);
    }
    return this.#write(subject);
  }

  async #prepareRest(subject: FetchSubject, first: Promise<void>, from: number): Promise<void> {
    await first;
    for (let at = from; at < this.#prepared.length; at += 1) {
      const preparing = this.#prepared[at]?.prepare?.(subject);
      if (preparing !== undefined) await preparing;
    }
    // While something was waited for, the message may have left: then nothing of it is written.
    for (const step of this.#prepared) await step.prepare?.(subject);
    await this.#write(subject);
  }

  #write(subject: FetchSubject): Promise<void> | undefined {
    const out = subject.output.room(ROOM_OCTETS);
    out.few(UNTAGGED);
    out.number((this.#uidsOnly ? subject.message?.uid : subject.message?.sequenceNumber) ?? 0);
    try {
      for (let at = 0; at < this.#steps.length; at += 1) {
        const writing = this.#writeItem(subject, at);
        if (writing !== undefined) return this.#writeRest(subject, writing, at + 1);
      }
    } catch (error) {
      throw onceBegun(error);
    }
    subject.output.room(END.length).few(END);
    return undefined;
  }

  async #writeRest(subject: FetchSubject, first: Promise<void>, from: number): Promise<void> {
    try {
      await first;
      for (let at = from; at < this.#steps.length; at += 1) await this.#writeItem(subject, at);
    } catch (error) {
      throw onceBegun(error);
    }
    subject.output.room(END.length).few(END);
  }

  #writeItem(subject: FetchSubject, at: number): Promise<void> | undefined {
    const out = subject.output.room(ROOM_OCTETS);
    out.few(this.#labels[at] ?? UNTAGGED);
    return this.#steps[at]?.write(subject, out);
  }
}

/** A file that fails when its answer was begun: the client cannot be told in the middle of it. */
function onceBegun(error: unknown): unknown {
  return error instanceof MaildirError ? new LiteralFailure(`${error.kind}: ${error.detail}`) : error;
}

/**
 * What needs the whole file is prepared first, so that the header is at hand afterwards; the date comes last, as it is
 * known without a look at the file when something else of the file is known.
 */
function turnOf(item: FetchItem | undefined): number {
  if (item?.kind === 'internaldate') return 3;
  return item?.kind === 'envelope' || (item?.kind === 'section' && item.section.text.startsWith('HEADER')) ? 2 : 1;
}

/** The most that is asked of a structure: learnt at once, for the rest comes with it. */
function mostOfStructure(items: readonly FetchItem[]): StructureFact {
  if (items.some(({ kind }) => kind === 'body')) return 'body';
  return items.some(({ kind }) => kind === 'bodystructure') ? 'bodystructure' : 'size';
}

/** All that is asked of a header: learnt at once, so that its file is read once. */
function mostOfHeader(items: readonly FetchItem[]): HeaderParts {
  const fields = items.some((item) => item.kind === 'section' && commonFieldsOf(item) !== undefined);
  return (fields ? FIELDS : 0) | (items.some(({ kind }) => kind === 'envelope') ? ENVELOPE : 0);
}

function stepFor(item: FetchItem, fact: StructureFact, header: HeaderParts): FetchStep {
  switch (item.kind) {
    case 'section':
      return headerFieldsStep(item, header) ?? fileSectionStep(item);
    case 'binary':
    case 'binary.size':
      return binaryStep(item);
    case 'preview':
      return previewStep(item.lazy);
    default:
      return plainStep(item, fact, header);
  }
}

function plainStep({ kind }: PlainItem, fact: StructureFact, header: HeaderParts): FetchStep {
  switch (kind) {
    case 'uid':
      return { write: (subject, out) => void out.number(subject.message?.uid ?? 0) };
    case 'flags':
      return { write: writeFlags };
    case 'modseq':
      return { write: writeModSequence };
    case 'emailid':
      return emailIdStep();
    case 'threadid':
      return threadIdStep;
    case 'savedate':
      return saveDateStep;
    case 'internaldate':
      return { prepare: prepareDate, write: writeDate };
    case 'envelope':
      return {
        prepare: (subject) => void subject.findHeader(header),
        write: (subject, out) => writeEnvelope(subject, out, header),
      };
    case 'rfc822.size':
      return { prepare: (subject) => subject.findStructure(fact), write: writeSize };
    case 'body':
    case 'bodystructure':
      return {
        prepare: (subject) => subject.findStructure(fact),
        write: (subject, out) => writeStructure(subject, out, kind),
      };
  }
}

function writeFlags({ mailbox, message }: FetchSubject, out: OctetWriter): undefined {
  const usual = message && mailbox.usualFlagsOf(message);
  if (usual !== undefined) {
    out.few(usual);
    return;
  }
  out.octet(LEFT);
  if (message !== undefined) out.text(mailbox.flagsTextOf(message) ?? '');
  out.octet(RIGHT);
}

/** RFC 7162 section 3.1.4.2. */
function writeModSequence({ mailbox, row }: FetchSubject, out: OctetWriter): undefined {
  out.octet(LEFT);
  // A message that left meanwhile is told to be gone after the command.
  out.number(row < 0 ? 1 : (mailbox.folder.sequences.kept?.at(row) ?? 1));
  out.octet(RIGHT);
}

function prepareDate(subject: FetchSubject): undefined {
  subject.internalDate();
}

function writeDate(subject: FetchSubject, out: OctetWriter): undefined {
  writeInternalDate(out, subject.internalDate());
}

function writeEnvelope(subject: FetchSubject, out: OctetWriter, header: HeaderParts): undefined {
  subject.findHeader(header);
  writeKnownEnvelope(out, subject.view);
}

/** What was prepared is at hand, unless a large section was written meanwhile: then it may have to be found again. */
function writeSize(subject: FetchSubject, out: OctetWriter): Promise<void> | undefined {
  const finding = subject.findStructure('size');
  if (finding !== undefined) return finding.then(() => writeSize(subject, subject.output.room(ROOM_OCTETS)));
  out.number(knownSize(subject.view));
  return undefined;
}

function writeStructure(
  subject: FetchSubject,
  out: OctetWriter,
  fact: 'body' | 'bodystructure',
): Promise<void> | undefined {
  const finding = subject.findStructure(fact);
  if (finding !== undefined) return finding.then(() => writeStructure(subject, subject.output.room(ROOM_OCTETS), fact));
  writeKnownStructure(out, subject.view, fact);
  return undefined;
}

const LEFT = 0x28;
const RIGHT = 0x29;
