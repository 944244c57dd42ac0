/**
 * GoneUids: which messages left a folder, and when, in mod-sequences (RFC 7162 section 3.2).
 *
 * The list is bounded; before the mod-sequence `forgottenUpTo` it is not known who left when. It may name UIDs that no
 * message ever had: that does a client no harm.
 */
import { joinedSpans, type Span } from '../spans.js';

/** 96 kilobytes. Who was away for longer than these hears of every UID that is not there. */
const MAX_SPANS = 4_096;

/** UIDs from one to another, both included, that left at a mod-sequence. */
export interface GoneSpan {
  readonly first: number;
  readonly last: number;
  readonly modSequence: number;
}

/** UIDs that left, in the order in which they did. */
export class GoneUids {
  #spans: GoneSpan[] = [];
  #forgottenUpTo: number;

  constructor(forgottenUpTo: number) {
    this.#forgottenUpTo = forgottenUpTo;
  }

  get forgottenUpTo(): number {
    return this.#forgottenUpTo;
  }

  get spans(): readonly GoneSpan[] {
    return this.#spans;
  }

  add(span: GoneSpan): void {
    const previous = this.#spans.at(-1);
    if (previous?.modSequence === span.modSequence && previous.last + 1 === span.first) {
      this.#spans[this.#spans.length - 1] = { ...previous, last: span.last };
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length <= MAX_SPANS) return;
    const dropped = this.#spans.splice(0, MAX_SPANS / 2);
    for (const { modSequence } of dropped) this.#forgottenUpTo = Math.max(this.#forgottenUpTo, modSequence);
  }

  /** Forgets everything up to a mod-sequence. */
  forget(upTo: number): void {
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, upTo);
    this.#spans = this.#spans.filter(({ modSequence }) => modSequence > this.#forgottenUpTo);
  }

  /** The spans that left after a mod-sequence, ascending and apart; undefined if that is not known any more. */
  after(modSequence: number): readonly Span[] | undefined {
    if (modSequence < this.#forgottenUpTo) return undefined;
    const later = this.#spans.filter((span) => span.modSequence > modSequence);
    return joinedSpans(later.map(({ first, last }) => [first, last]));
  }
}
