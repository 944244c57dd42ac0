/**
 * SequenceUse: what sessions do with the mod-sequences of a folder (RFC 7162). Whoever calls keep() makes the folder have
 * some, as long as it is in memory; until then a client that asks for nothing is told the time.
 */
import { diskErrors } from '../errors.js';
import type { FolderCounter, FolderCounts } from '../folder-counts.js';
import type { FolderState } from '../folder-state.js';
import { ModSequences, timeAsModSequence } from './mod-sequences.js';

/** Another process that is always ahead would have to change the folder between each of our looks. */
const MAX_LOOKS = 4;

/** Brings a folder up to date. */
interface Refreshable {
  refresh(): Promise<void>;
}

/** Counts without sizes, and the mod-sequence that covers just what was counted. */
export interface CountsUpTo {
  readonly counts: FolderCounts;
  readonly highest: number;
}

/** The mod-sequences of one folder. */
export class SequenceUse {
  readonly #state: FolderState;
  readonly #folder: Refreshable;
  readonly #counter: FolderCounter;

  constructor(state: FolderState, folder: Refreshable, counter: FolderCounter) {
    this.#state = state;
    this.#folder = folder;
    this.#counter = counter;
  }

  /** Present if somebody keeps them. */
  get kept(): ModSequences | undefined {
    return this.#state.modSequences;
  }

  /** Has them kept from now on, and settled: everything that is known of the folder can be told. */
  async keep(): Promise<ModSequences> {
    const state = this.#state;
    await this.#folder.refresh();
    if (state.modSequences?.uidValidity !== state.uidList.uidValidity) {
      state.modSequences = diskErrors(state.paths.directory, () => ModSequences.of(state));
    }
    const kept = state.modSequences;
    await this.settle();
    return kept;
  }

  /**
   * What the folder holds, with its highest mod-sequence. Who counts before keep() tells a client a number that covers
   * a message which came between, and which is not counted.
   */
  async countsUpTo(): Promise<CountsUpTo> {
    for (let tries = 1; ; tries += 1) {
      const kept = await this.keep();
      // From here on nobody changes the folder; until here others may have.
      if (!kept.settle() || tries === MAX_LOOKS) return { counts: this.#counter.counts(), highest: kept.highest };
    }
  }

  /** Has the changes that are known written down, so that they can be told; looks again while another process knows more. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < MAX_LOOKS && this.#state.modSequences?.settle() === true; tries += 1) {
      await this.#folder.refresh();
    }
  }

  /** What a client that asked for nothing is told as HIGHESTMODSEQ. */
  get highest(): number {
    const state = this.#state;
    return state.modSequences?.highest ?? timeAsModSequence(state, state.seenUntil);
  }
}
