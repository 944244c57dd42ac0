/** The steps of a FETCH that write EMAILID and THREADID (RFC 8474) and SAVEDATE (RFC 8514). */
import { emailId, knownEmailId, threadId } from '../cache/message-ids.js';
import { saveDate } from '../mailbox/save-date.js';
import type { OctetWriter } from '../message/octet-writer.js';
import { showSearchFacts } from '../search/search-facts-reading.js';
import { paced } from '../session/paced.js';
import type { FetchStep } from './fetch-plan.js';
import type { FetchSubject } from './fetch-subject.js';
import { writeInternalDate } from './internal-date.js';

/** Makes the step that writes `(M…)`. */
export function emailIdStep(): FetchStep {
  return new EmailIdStep();
}

class EmailIdStep implements FetchStep {
  /** Of the message with #uid. */
  #id: string | undefined;
  #uid = 0;

  prepare(subject: FetchSubject): Promise<void> | undefined {
    const uid = subject.message?.uid ?? 0;
    if (this.#uid === uid && this.#id !== undefined) return undefined;
    this.#uid = uid;
    this.#id = knownEmailId(subject.facts, subject.row, subject.view);
    if (this.#id !== undefined) return undefined;
    const { facts, row, reading } = subject;
    const id = paced(subject.session, emailId({ facts, row, reading }));
    if (!(id instanceof Promise)) {
      this.#id = id;
      return undefined;
    }
    return id.then((found) => {
      this.#id = found;
    });
  }

  write(_subject: FetchSubject, out: OctetWriter): undefined {
    out.text(`(${this.#id ?? ''})`);
  }
}

/** `(T…)`, or NIL for a message that nothing can answer. */
export const threadIdStep: FetchStep = {
  prepare: (subject) => void lookAt(subject),
  write(subject, out) {
    lookAt(subject);
    const id = threadId(subject.view);
    out.text(id === undefined ? 'NIL' : `(${id})`);
    return undefined;
  },
};

function lookAt({ facts, row, view }: FetchSubject): void {
  showSearchFacts(facts, row, view);
}

/** When the message came into this mailbox, or NIL. */
export const saveDateStep: FetchStep = {
  write({ mailbox, row }, out) {
    const date = row < 0 ? undefined : saveDate(mailbox.folder, row);
    if (date === undefined) out.text('NIL');
    else writeInternalDate(out, date);
    return undefined;
  },
};
