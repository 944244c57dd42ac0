/**
 * The groups of measurements, by the name that `--only` takes, in the order in which they run.
 */
import type { Bench } from './bench.js';
import { measureAppend, measureStore } from './changing.js';
import { measureCrowd } from './crowd.js';
import { measureFairness } from './fairness.js';
import { measureFloor } from './floor.js';
import { measureFolders } from './folders.js';
import { measureGrowth } from './growth.js';
import { measureHandshakes } from './handshakes.js';
import { measureLogins } from './logins.js';
import { measureBodies, measureFetch, measureSelect } from './mailbox-reading.js';
import { measureMemory } from './memory.js';
import { measureNotify } from './notifying.js';
import { measurePop3 } from './pop3.js';
import { measureSearch } from './searching.js';

export interface Group {
  readonly about: string;
  /** False: once is enough, because it has many samples or takes long. */
  readonly repeated: boolean;
  /** Keeps its samples in the bench. */
  readonly measure: (bench: Bench) => Promise<void>;
}

/** Memory first: the server has just been started. The crowd last: it is started anew for it. */
export const groups: Readonly<Record<string, Group>> = {
  memory: {
    about: 'memory of sessions: selected, in IDLE, TLS, COMPRESS',
    repeated: false,
    measure: measureMemory,
  },
  login: { about: 'logins per second, plaintext and TLS', repeated: true, measure: measureLogins },
  tls: { about: 'full and resumed handshakes of TLS 1.3', repeated: true, measure: measureHandshakes },
  select: { about: 'SELECT of large folders, first and warm', repeated: true, measure: measureSelect },
  fetch: {
    about: 'FETCH of lists, first, again, in a new session, over TLS',
    repeated: true,
    measure: measureFetch,
  },
  body: { about: 'download of whole bodies, plaintext and TLS', repeated: true, measure: measureBodies },
  search: { about: 'SEARCH, SORT, THREAD, first and warm', repeated: true, measure: measureSearch },
  append: { about: 'APPEND, also in bulk and to a large folder', repeated: true, measure: measureAppend },
  store: { about: 'STORE, COPY, EXPUNGE', repeated: true, measure: measureStore },
  folders: { about: 'the state of a thousand folders', repeated: true, measure: measureFolders },
  pop3: { about: 'POP3: looking for mail, downloads', repeated: true, measure: measurePop3 },
  notify: { about: 'from a delivery to EXISTS in IDLE', repeated: false, measure: measureNotify },
  fair: {
    about: 'how long others wait beside SORT, THREAD, SEARCH BODY, FETCH',
    repeated: false,
    measure: measureFairness,
  },
  floor: {
    about: 'what some rows cost at least: a C program that does only the system calls',
    repeated: false,
    measure: measureFloor,
  },
  growth: { about: 'the picture: cost against folder size', repeated: false, measure: measureGrowth },
  crowd: {
    about: 'ten thousand sessions in IDLE, on ours only',
    repeated: false,
    measure: measureCrowd,
  },
};
