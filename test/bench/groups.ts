/**
 * The groups of measurements, by the name that `--only` takes, in the order in which they run.
 */
import type { Bench } from './bench.js';
import { measureAppend, measureStore } from './changing.js';
import { measureCrowd } from './crowd.js';
import { measureFairness } from './fairness.js';
import { measureFloor } from './floor.js';
import { measureFolders } from './folders.js';
import { type GrowthPoint, measureGrowth } from './growth.js';
import { measureLogins } from './logins.js';
import { measureBodies, measureFetch, measureSelect } from './mailbox-reading.js';
import { measureMemory } from './memory.js';
import { measureNotify } from './notifying.js';
import { measureSearch } from './searching.js';

export interface Group {
  readonly about: string;
  /** False: once is enough, because it has many samples or takes long. */
  readonly repeated: boolean;
  /** Keeps its samples in the bench; points of the picture it gives back. */
  readonly measure: (bench: Bench) => Promise<GrowthPoint[] | undefined>;
}

function samples(measure: (bench: Bench) => Promise<void>): Group['measure'] {
  return async (bench) => {
    await measure(bench);
    return undefined;
  };
}

/** Memory first: the server has just been started. */
export const groups: Readonly<Record<string, Group>> = {
  memory: {
    about: 'memory of sessions: selected, in IDLE, TLS, COMPRESS',
    repeated: false,
    measure: samples(measureMemory),
  },
  login: { about: 'logins per second, plaintext and TLS', repeated: true, measure: samples(measureLogins) },
  select: { about: 'SELECT of large folders, first and warm', repeated: true, measure: samples(measureSelect) },
  fetch: {
    about: 'FETCH of lists, first, again, in a new session, over TLS',
    repeated: true,
    measure: samples(measureFetch),
  },
  body: { about: 'download of whole bodies, plaintext and TLS', repeated: true, measure: samples(measureBodies) },
  search: { about: 'SEARCH, SORT, THREAD, first and warm', repeated: true, measure: samples(measureSearch) },
  append: { about: 'APPEND, also in bulk and to a large folder', repeated: true, measure: samples(measureAppend) },
  store: { about: 'STORE, COPY, EXPUNGE', repeated: true, measure: samples(measureStore) },
  folders: { about: 'the state of a thousand folders', repeated: true, measure: samples(measureFolders) },
  notify: { about: 'from a delivery to EXISTS in IDLE', repeated: false, measure: samples(measureNotify) },
  fair: {
    about: 'how long others wait beside SORT, THREAD, SEARCH BODY, FETCH',
    repeated: false,
    measure: samples(measureFairness),
  },
  crowd: {
    about: 'ten thousand sessions in IDLE, on ours only',
    repeated: false,
    measure: samples(measureCrowd),
  },
  floor: {
    about: 'what some rows cost at least: a C program that does only the system calls',
    repeated: false,
    measure: samples(measureFloor),
  },
  growth: { about: 'the picture: cost against folder size', repeated: false, measure: measureGrowth },
};
