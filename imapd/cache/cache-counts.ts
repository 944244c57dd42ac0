/** What is counted of the cache of one process. */
import { type Count, count } from '../../init/runtime/metrics/counts.js';

/** What there was to load of a folder: nothing yet, a file of ours, or one that is damaged or of another version. */
export type FoundFile = 'none' | 'used' | 'damaged';

/** See the head of this file. */
export interface CacheCounts {
  /** Facts that were not known and had to be read from messages. */
  readonly learnt: Count;
  readonly files: Readonly<Record<FoundFile, Count>>;
}

/** The counts of this process. */
export function cacheCounts(): CacheCounts {
  const files = (result: FoundFile): Count => count('cache_files_total', { result });
  const learnt = count('cache_facts_learnt_total');
  return { learnt, files: { none: files('none'), used: files('used'), damaged: files('damaged') } };
}
