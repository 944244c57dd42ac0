/**
 * What STATUS asks of a folder, counted once for as long as nothing changes: many ask for it, and a folder may be large.
 *
 * It looks at no directory; whoever asks has brought the folder up to date.
 */
import type { FlagCounts } from './folder-rows.js';
import type { FolderState } from './folder-state.js';
import type { MessageTable } from './message-table.js';
import { Pace } from './pace.js';

/** What STATUS asks for. */
export interface FolderCounts {
  readonly messages: number;
  readonly recent: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** Sum of the file sizes; 0 if it was not asked for. */
  readonly sizeOctets: number;
}

/** What was counted, and of what. */
interface CountedRows extends FlagCounts {
  readonly changeNumber: number;
  readonly table: MessageTable;
  readonly count: number;
  readonly firstUnclaimedUid: number;
}

/** Counts the rows of one folder. */
export class FolderCounter {
  readonly #state: FolderState;
  #counted: CountedRows | undefined;
  #told: FolderCounts | undefined;
  #firstUnseen: { changeNumber: number; table: MessageTable; count: number; row: number } | undefined;

  constructor(state: FolderState) {
    this.#state = state;
  }

  /** Counts without sizes. While nothing changes, it is the same object. */
  counts(): FolderCounts {
    const { uidNext } = this.#state;
    const { uidValidity } = this.#state.uidList;
    const counted = this.#counted;
    const told = this.#told;
    if (this.#countedRows() === counted && told?.uidNext === uidNext && told.uidValidity === uidValidity) return told;
    const { count: messages, recent, unseen, deleted } = this.#countedRows();
    this.#told = { messages, recent, unseen, deleted, uidNext, uidValidity, sizeOctets: 0 };
    return this.#told;
  }

  #countedRows(): CountedRows {
    const { rows, changeNumber, firstUnclaimedUid } = this.#state;
    const { table, count } = rows;
    const known = this.#counted;
    const isSame = known?.changeNumber === changeNumber && known.table === table && known.count === count;
    if (known !== undefined && isSame && known.firstUnclaimedUid === firstUnclaimedUid) return known;
    const counted = { changeNumber, table, count, firstUnclaimedUid, ...rows.countFlags(firstUnclaimedUid) };
    this.#counted = counted;
    return counted;
  }

  /** The first row without \Seen, -1 if there is none. */
  firstUnseen(): number {
    const { rows, changeNumber } = this.#state;
    const { table, count } = rows;
    const known = this.#firstUnseen;
    const isSame = known?.changeNumber === changeNumber && known.table === table && known.count === count;
    if (known !== undefined && isSame) return known.row;
    const row = rows.firstUnseen();
    this.#firstUnseen = { changeNumber, table, count, row };
    return row;
  }

  /** Adds up the sizes; those that cannot be told count nothing. */
  async sumOfSizes(sizeAt: (row: number) => number): Promise<number> {
    const { rows, surroundings } = this.#state;
    const pace = new Pace(surroundings.now);
    const { table } = rows;
    let sum = 0;
    for (let at = 0, count = table.count; at < count; at += 1) {
      const row = rows.table.rowOf(table.uidAt(at));
      if (row >= 0) sum += sizeUnlessGone(row, sizeAt);
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
    return sum;
  }
}

function sizeUnlessGone(row: number, sizeAt: (row: number) => number): number {
  try {
    return sizeAt(row);
  } catch {
    // Gone meanwhile, or unreadable: the next look at the folder deals with it.
    return 0;
  }
}
