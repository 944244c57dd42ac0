/**
 * The step of a FETCH that writes PREVIEW (RFC 8970). A preview is made when it is first asked for, and then remembered;
 * with LAZY, only what is remembered is told.
 */
import { PREVIEW_FACTS } from '../cache/folder-facts.js';
import type { MessageIndex } from '../message/mime.js';
import type { OctetWriter } from '../message/octet-writer.js';
import { previewOf } from '../message/preview.js';
import { paced } from '../session/paced.js';
import { Encoder } from '../wire/encoder.js';
import type { FetchStep } from './fetch-plan.js';
import type { FetchSubject } from './fetch-subject.js';

/** Makes the step. */
export function previewStep(lazy: boolean): FetchStep {
  return new PreviewStep(lazy);
}

class PreviewStep implements FetchStep {
  readonly #lazy: boolean;
  /** Of the message with #uid. */
  #preview: Buffer | undefined;
  #uid = 0;

  constructor(lazy: boolean) {
    this.#lazy = lazy;
  }

  prepare(subject: FetchSubject): Promise<void> | undefined {
    const uid = subject.message?.uid ?? 0;
    if (this.#uid === uid && this.#preview !== undefined) return undefined;
    const { facts, row, view } = subject;
    this.#uid = uid;
    this.#preview = undefined;
    if (row >= 0 && facts.look(row, PREVIEW_FACTS, view)) {
      this.#preview = Buffer.from(view.octets.subarray(view.start, view.end));
      return undefined;
    }
    if (this.#lazy) return undefined;
    const index = paced(subject.session, subject.reading.index());
    return index instanceof Promise ? index.then((found) => this.#make(subject, found)) : this.#make(subject, index);
  }

  #make({ facts, row, reading }: FetchSubject, index: MessageIndex): undefined {
    const { file } = reading;
    this.#preview = Buffer.from(previewOf(file, index));
    const { sizeOctets, internalDate: modifiedAt, inode } = file;
    if (row >= 0) facts.keep(row, PREVIEW_FACTS, this.#preview, { sizeOctets, modifiedAt, inode });
  }

  write(subject: FetchSubject, out: OctetWriter): undefined {
    if (this.#preview === undefined) {
      out.text('NIL');
      return undefined;
    }
    const octets = new Encoder().string(this.#preview).octets();
    subject.output.room(octets.length).copy(octets, 0, octets.length);
  }
}
