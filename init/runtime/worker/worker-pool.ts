/**
 * The mail workers: which one serves an account, and when a further one is started.
 *
 * All sessions of one maildir go to the same worker, so that they share one view of each folder. Where many accounts
 * share a uid, further workers start with load, up to a limit. When one ends: worker-retirement.ts.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, writeLines } from '../log/log.js';
import { count } from '../metrics/counts.js';
import { makeCacheDirectory } from '../service/cache-directory.js';
import { Child } from '../service/children.js';
import { describeProcess } from '../service/describe-process.js';
import { checkFromWorker, type SessionDescription } from '../service/handover.js';
import type { Identity } from '../system/drop-privileges.js';
import { ProcessorShare } from '../system/processor-share.js';
import { bindUnix, type RawHandle } from '../system/raw-handles.js';
import { residentOctets } from '../system/resident-memory.js';
import { LiveSessions } from './live-sessions.js';
import type { SessionAccount } from './mail-worker.js';
import { MaildirPlaces } from './maildir-places.js';
import { Rehearsals } from './rehearsals.js';
import { chooseWorker, isBusy } from './worker-choice.js';
import { IDLE_MS, WorkerRetirement } from './worker-retirement.js';

/** Young garbage of a worker: with 1 MiB, reading many messages takes a tenth longer; with 4, nothing is faster. */
const HEAP = { semiSpaceMiB: 2, helperThreads: 1, keepsCode: true };

// One arena of glibc is enough for threads that only sync and look up names.
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };

/** On the way out a worker says goodbye to all sessions; after this it is killed. */
const END_GRACE_MS = 8_500;

/** A worker has this long to answer. */
const ANSWER_MS = 10_000;

/** What workers need, and who hears of their sessions. */
export interface WorkerPoolOptions {
  readonly module: string;
  readonly title: string;
  readonly log: Log;
  /** A directory that only the login user may enter, for the sockets of TLS sessions. */
  readonly socketDirectory: string;
  settings: unknown;
  umask: number;
  workersPerUid: number;
  /** Below it, each Unix user gets a directory for what its workers learn; undefined: they keep nothing. */
  cacheDirectory: string | undefined;
  readonly sessionEnded: (sessionId: number) => void;
  readonly givingBack: (sessionId: number) => void;
  /** Takes the handle, if there is one. sessionEnded() follows. */
  readonly givenBack: (sessionId: number, unread: Uint8Array, handle: RawHandle | undefined) => void;
}

/** A process that can become any worker. */
interface SpareWorker {
  readonly child: Child;
  /** What it has become. */
  worker: WorkerProcess | undefined;
}

interface WorkerProcess {
  readonly name: string;
  readonly child: Child;
  readonly identity: string;
  readonly uid: number;
  readonly socketPath: string;
  /** Session to the key of its maildir. */
  readonly sessions: Map<number, string>;
  readonly processor: ProcessorShare;
  readonly answers: Map<number, () => void>;
  socket: RawHandle | undefined;
}

/** A worker chosen for a session. */
export interface ChosenWorker {
  readonly socketPath: string;
  /** Announces a TLS session; resolves when the worker knows the token. */
  expect(token: string, session: SessionDescription): Promise<void>;
  /** Hands a socket over; the worker answers the client from then on. False: the worker is gone. */
  take(session: SessionDescription, unread: Uint8Array, handle: RawHandle): boolean;
  /** The session never came to be. */
  abandon(): void;
}

/** All mail workers of a service. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<WorkerProcess>();
  readonly #places = new MaildirPlaces<WorkerProcess>(IDLE_MS);
  readonly #rehearsals = new Rehearsals();
  readonly #retirement = new WorkerRetirement<WorkerProcess>({
    end: (worker) => this.#retire(worker),
    memoryOctets: ({ child }) => residentOctets(child.pid),
  });
  /** The sessions of all workers, for who asks. */
  readonly live = new LiveSessions(() =>
    [...this.#workers].map(({ child }) => ({ pid: child.pid, send: (message) => child.send(message) })),
  );
  #spare: SpareWorker | undefined;
  #ending = false;
  #nextSocket = 1;
  #cacheTrouble: string | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#workers.size;
  }

  get #identities(): number {
    return new Set([...this.#workers].map((worker) => worker.identity)).size;
  }

  /** Chooses, or starts, the worker for an account. @throws when no worker comes up. */
  async workerFor(account: SessionAccount, systemUser: string | undefined, sessionId: number): Promise<ChosenWorker> {
    if (this.#ending) throw new Error('the server is ending');
    const { uid, gid, maildir } = account;
    const identity: Identity = systemUser === undefined ? { uid, gid } : { uid, gid, systemUser };
    const maildirKey = `${uid}:${gid}:${maildir}`;
    const now = Date.now();
    const isFree = ({ processor }: WorkerProcess) => !isBusy({ processorShare: processor.at(now) });
    const worker = this.#places.find(maildirKey, isFree) ?? this.#choose(identity, maildirKey);
    this.#places.enter(maildirKey, worker);
    worker.sessions.set(sessionId, maildirKey);
    this.#retirement.serves(worker);
    try {
      await worker.child.ready;
    } catch (error) {
      this.#forget(worker, sessionId);
      throw error;
    }
    return this.#chosen(worker, sessionId);
  }

  /** Starts a process that the next worker is made of, so that nobody waits for a start. */
  prepareSpare(): void {
    if (this.#spare !== undefined || this.#ending) return;
    this.#spare = this.#fork();
    const { module, title } = this.#options;
    this.#spare.child.prepare({ kind: 'prepare', title: `${title}: spare mail worker`, module });
  }

  /** Those that need a processor for themselves. */
  get busy(): Child[] {
    const now = Date.now();
    const isWorking = ({ processor }: WorkerProcess) => isBusy({ processorShare: processor.at(now) });
    return [...this.#workers].filter(isWorking).map(({ child }) => child);
  }

  /** A line for each worker; see describe-process.ts. */
  describe(): Promise<string[]> {
    const lines = [...this.#workers].map(async ({ child, uid, sessions }) => {
      const figures = await child.figures();
      return describeProcess(`worker pid=${child.pid} uid=${uid} sessions=${sessions.size}`, figures);
    });
    return Promise.all(lines);
  }

  /** Begins the figures of delays of all workers anew. */
  forgetDelays(): void {
    for (const { child } of this.#workers) child.send({ kind: 'forget delays' });
  }

  /** New settings, for sessions and workers that begin from now on. */
  reload(changes: Pick<WorkerPoolOptions, 'settings' | 'umask' | 'workersPerUid' | 'cacheDirectory'>): void {
    Object.assign(this.#options, changes);
    for (const worker of this.#workers) worker.child.send({ kind: 'settings', settings: changes.settings });
  }

  /** Ends all workers; each says goodbye to its sessions. */
  end(reason: string): void {
    this.#ending = true;
    for (const worker of this.#workers) worker.child.end({ kind: 'end', reason }, END_GRACE_MS);
    this.#spare?.child.kill();
  }

  #chosen(worker: WorkerProcess, sessionId: number): ChosenWorker {
    return {
      socketPath: worker.socketPath,
      expect: (token, session) => {
        worker.child.send({ kind: 'expect', token, session });
        return answer(worker, sessionId);
      },
      take: (session, unread, handle) => {
        if (!worker.sessions.has(sessionId)) return false;
        worker.child.send({ kind: 'session', session, unread }, handle, () => handle.close());
        return true;
      },
      abandon: () => this.#forget(worker, sessionId),
    };
  }

  /** An account without sessions comes back to the same worker, unless that one has much more to do than another. */
  #choose(identity: Identity, maildirKey: string): WorkerProcess {
    const key = identityKey(identity);
    const now = Date.now();
    const candidates = [...this.#workers]
      .filter((worker) => worker.identity === key)
      .map((worker) => ({ worker, sessions: worker.sessions.size, processorShare: worker.processor.at(now) }));
    const chosen = chooseWorker(candidates, maildirKey, candidates.length < this.#options.workersPerUid);
    return chosen?.worker ?? this.#startWorker(identity);
  }

  #startWorker(identity: Identity): WorkerProcess {
    const { module, settings, title, umask } = this.#options;
    this.#prepareCache(identity);
    const name = `${title}: mail worker for uid ${identity.uid}`;
    const spare = this.#spare ?? this.#fork();
    this.#spare = undefined;
    const { child } = spare;
    const socketPath = join(this.#options.socketDirectory, `${process.pid}.${this.#nextSocket}`);
    this.#nextSocket += 1;
    const worker: WorkerProcess = {
      ...{ child, name },
      identity: identityKey(identity),
      uid: identity.uid,
      processor: new ProcessorShare(child.pid, Date.now()),
      socketPath,
      sessions: new Map(),
      answers: new Map(),
      socket: undefined,
    };
    spare.worker = worker;
    this.#workers.add(worker);
    this.#retirement.started(worker, worker.identity);
    child.start({ kind: 'start', title: name, module, identity, umask, settings });
    this.#giveSocket(worker);
    // Where one user has all the mail, the next worker starts with load, which can wait for it.
    if (this.#identities > 1) this.prepareSpare();
    return worker;
  }

  #fork(): SpareWorker {
    const { log, title } = this.#options;
    const rehearse = () => {
      const { settings } = this.#options;
      const { child, worker } = spare;
      // Between the start message and the answer to it nobody listens.
      const listening = worker === undefined ? Promise.resolve() : child.ready;
      listening.then(
        () => child.send({ kind: 'rehearse', settings }),
        () => {},
      );
    };
    const receive = (message: unknown, handle: RawHandle | undefined) => {
      this.#receive(spare, message, handle, () => this.#rehearsals.leave(rehearse));
    };
    const ended = (how: string, expected: boolean) => {
      this.#rehearsals.leave(rehearse);
      if (spare.worker !== undefined) this.#ended(spare.worker, expected ? undefined : how);
      else if (this.#spare === spare) this.#spare = undefined;
    };
    const options = { title, environment: ENVIRONMENT, heap: HEAP, log, receive, ended };
    const spare: SpareWorker = { child: new Child(options), worker: undefined };
    this.#rehearsals.enter(rehearse);
    return spare;
  }

  /** A user whose cache cannot be had is told of once; the worker does without. */
  #prepareCache(identity: Identity): void {
    const { cacheDirectory, log } = this.#options;
    const trouble = cacheDirectory === undefined ? undefined : makeCacheDirectory(cacheDirectory, identity);
    if (trouble === undefined || trouble === this.#cacheTrouble) return;
    this.#cacheTrouble = trouble;
    log.write('warning', trouble);
  }

  /** Bound here, because the worker's user may not enter the directory. */
  #giveSocket(worker: WorkerProcess): void {
    const handle = bindUnix(worker.socketPath);
    chmodSync(worker.socketPath, 0o666);
    // Closing it removes the file: it stays open until the worker has ended.
    worker.socket = handle;
    worker.child.ready.then(
      () => worker.child.send({ kind: 'listen' }, handle),
      () => {},
    );
  }

  #receive({ worker }: SpareWorker, received: unknown, handle: RawHandle | undefined, rehearsed: () => void): void {
    const message = checkFromWorker(received);
    if (message?.kind === 'given back' && worker?.sessions.has(message.sessionId) === true) {
      this.#options.givenBack(message.sessionId, message.unread, handle);
      this.#forget(worker, message.sessionId);
      return;
    }
    handle?.close();
    if (message === undefined) throw new Error('a mail worker sent a message that is none');
    if (message.kind === 'log') writeLines(this.#options.log, message.lines);
    else if (message.kind === 'rehearsed') rehearsed();
    else if (message.kind === 'sessions') this.live.heard(message);
    else if (message.kind === 'expecting') worker?.answers.get(message.sessionId)?.();
    else if (message.kind === 'session ended' && worker !== undefined) this.#forget(worker, message.sessionId);
    else if (message.kind === 'giving back' && worker?.sessions.has(message.sessionId) === true) {
      this.#options.givingBack(message.sessionId);
    }
  }

  #forget(worker: WorkerProcess, sessionId: number): void {
    const maildirKey = worker.sessions.get(sessionId);
    if (maildirKey === undefined) return;
    worker.sessions.delete(sessionId);
    this.#options.sessionEnded(sessionId);
    this.#places.leave(maildirKey, worker, Date.now());
    if (worker.sessions.size > 0) return;
    // A worker that cannot keep up is never without sessions. One that is, is the best for the next: its code is compiled.
    worker.processor.beginAnew(Date.now());
    if (this.#workers.has(worker)) this.#retirement.idles(worker);
  }

  #retire(worker: WorkerProcess): void {
    this.#remove(worker);
    worker.child.end({ kind: 'end', reason: 'idle' }, END_GRACE_MS);
    if (this.#workers.size === 0) this.prepareSpare();
  }

  #remove(worker: WorkerProcess): void {
    this.#places.remove(worker);
    this.#workers.delete(worker);
    this.#retirement.gone(worker);
  }

  #ended(worker: WorkerProcess, how: string | undefined): void {
    this.#remove(worker);
    worker.socket?.close();
    rmSync(worker.socketPath, { force: true });
    if (how !== undefined) {
      const lost = `${worker.sessions.size} sessions ended with it`;
      count('processes_died_total', { role: 'worker' }).value += 1;
      this.#options.log.write('alert', `${worker.name} (pid ${worker.child.pid}) died: ${how}; ${lost}`);
    }
    for (const sessionId of [...worker.sessions.keys()]) this.#forget(worker, sessionId);
  }
}

/** A new token for a TLS session. */
export function makeToken(): string {
  return randomBytes(16).toString('hex');
}

function identityKey({ uid, gid, systemUser }: Identity): string {
  return `${uid}:${gid}:${systemUser ?? ''}`;
}

function answer(worker: WorkerProcess, sessionId: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(new Error('the mail worker does not answer')), ANSWER_MS);
    const done = (error?: Error) => {
      clearTimeout(timer);
      worker.answers.delete(sessionId);
      if (error === undefined) resolve();
      else reject(error);
    };
    worker.answers.set(sessionId, () => done());
  });
}
