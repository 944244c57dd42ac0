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
  readonly firstUnclaimedUid: number;
}

/** Counts the rows of one folder. */
export class FolderCounter {
  readonly #state: FolderState;
  #counted: CountedRows | undefined;

  constructor(state: FolderState) {
    this.#state = state;
  }

  /** Counts without sizes. */
  counts(): FolderCounts {
    const { rows, uidList } = this.#state;
    const { recent, unseen, deleted } = this.#countedRows();
    const { uidNext, uidValidity } = uidList;
    return { messages: rows.count, recent, unseen, deleted, uidNext, uidValidity, sizeOctets: 0 };
  }

  #countedRows(): CountedRows {
    const { rows, changeNumber, firstUnclaimedUid } = this.#state;
    const { table } = rows;
    const known = this.#counted;
    const isSame = known?.changeNumber === changeNumber && known.table === table;
    if (known !== undefined && isSame && known.firstUnclaimedUid === firstUnclaimedUid) return known;
    const counted = { changeNumber, table, firstUnclaimedUid, ...rows.countFlags(firstUnclaimedUid) };
    this.#counted = counted;
    return counted;
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
      await pace.step();
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
