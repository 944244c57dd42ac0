/**
 * Starting child processes of the supervisor, talking to them, and hearing of their end.
 *
 * Every child begins in child.ts with an environment of its own, and all it writes to stderr goes to the log. It does
 * not know what the children do.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Log } from '../log/log.js';
import { enterCounting, leaveCounting, noteCounts } from '../metrics/service-counts.js';
import { type RawHandle, sendWithHandle } from '../system/raw-handles.js';
import { isOpenToAll } from '../system/reachable.js';
import { type HeapOptions, heapOptions } from '../system/small-heap.js';
import { Outbox, unpacked } from '../worker/outbox.js';
import { noteWork, type ProcessFigures } from './activity.js';
import { checkFigures, type PrepareMessage, type StartMessage } from './handover.js';

/**
 * A child has this long to come up. A machine under load needs seconds, and one under heavy load a good part of a minute:
 * there, whoever is killed for it is only started again, for the next login.
 */
const READY_TIMEOUT_MS = 60_000;

/** So long it is waited for a child that should have acted on something; it does so later, or is found to hang. */
const ACTED_MS = 10_000;

/** A child that is busy for longer than this is described without its figures. */
const FIGURES_MS = 2_000;

/** What a child is told at its start, and who hears of it. */
export interface ChildOptions {
  readonly title: string;
  readonly environment: Readonly<Record<string, string>>;
  /** See small-heap.ts. */
  readonly heap: HeapOptions;
  readonly log: Log;
  /** Gets every message but those about start and end. An exception here ends the child. */
  readonly receive: (message: unknown, handle: RawHandle | undefined) => void;
  /** Called once. `expected`: end() was called before. */
  readonly ended: (how: string, expected: boolean) => void;
}

/** A running child process. */
export class Child {
  readonly ready: Promise<void>;
  readonly pid: number;
  /** When it said something last, by performance.now(); its start is something. */
  heardAt = performance.now();
  readonly #process: ChildProcess;
  readonly #options: ChildOptions;
  readonly #outbox: Outbox;
  #title: string;
  #expectedEnd = false;
  #resolveReady: () => void = () => {};
  readonly #askers: ((figures: ProcessFigures | undefined) => void)[] = [];
  readonly #pings: (() => void)[] = [];
  #rejectReady: (error: Error) => void = () => {};

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#title = options.title;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {});
    this.#process = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [], {
      env: { ...options.environment, ...inheritedEnvironment() },
      execArgv: heapOptions(options.heap),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      cwd: '/',
    });
    this.#outbox = new Outbox((message, handle, sent) => {
      if (this.#process.connected) sendWithHandle(this.#process, message, handle, sent);
      else sent(null);
    });
    this.pid = this.#process.pid ?? 0;
    enterCounting(this);
    this.#follow();
  }

  /** `login`, `worker`, or `spare` for one that is none of them yet. */
  get role(): string {
    const [, role = 'spare'] = /: (?:mail )?(login|worker)\b/.exec(this.#title) ?? [];
    return role;
  }

  get title(): string {
    return this.#title;
  }

  /** Lets the child import its module, for a start that is to come. */
  prepare(message: PrepareMessage): void {
    this.send(message);
  }

  /** Says who to be; `ready` settles then. Call it once. */
  start(message: StartMessage): this {
    this.#title = message.title;
    const timer = setTimeout(() => this.#fail('did not come up in time'), READY_TIMEOUT_MS);
    this.ready.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    this.send({ ...message, loadFirst: process.geteuid?.() === 0 && !isProgramOpenToAll() });
    return this;
  }

  /** Sends a message; `sent` is called when the handle is in the child, or will never be. */
  send(message: object, handle?: RawHandle, sent?: () => void): void {
    this.#outbox.put(message, handle, sent && (() => sent()));
  }

  /** Asks the child how it is; undefined when it does not say so in time. */
  figures(): Promise<ProcessFigures | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), FIGURES_MS);
      this.#askers.push((figures) => {
        clearTimeout(timer);
        resolve(figures);
      });
      this.send({ kind: 'tell figures' });
    });
  }

  /** Has the child say something; `answered` is called when it has. */
  ping(answered: () => void = () => {}): void {
    this.#pings.push(answered);
    this.send({ kind: 'ping' });
  }

  /** Settles when the child has acted on all that it was sent so far, or has ended: it answers in turn. */
  acted(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACTED_MS);
      this.ping(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Tells the child to end; kills it when it does not. */
  end(message: object, graceMs: number): void {
    if (this.#expectedEnd) return;
    this.#expectedEnd = true;
    this.send(message);
    setTimeout(() => this.kill(), graceMs).unref();
  }

  /** Ends the child at once. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #follow(): void {
    const child = this.#process;
    child.on('message', (message, handle) => this.#receiveAll(message, handle as unknown as RawHandle | undefined));
    child.once('exit', (code, signal) => this.#over(signal === null ? `exit code ${code}` : `signal ${signal}`));
    // A process that could not be started has no exit.
    child.on('error', (error) => {
      this.#fail(error.message);
      if (child.pid === undefined) this.#over(error.message);
    });
    this.#logErrors();
  }

  #over(how: string): void {
    leaveCounting(this);
    this.#rejectReady(new Error(`${this.#title} ended: ${how}`));
    for (const answered of this.#pings.splice(0)) answered();
    this.#options.ended(how, this.#expectedEnd);
  }

  /** A handle belongs to the last message. */
  #receiveAll(received: unknown, handle: RawHandle | undefined): void {
    this.heardAt = performance.now();
    if (isKind(received, 'pong')) {
      this.#pings.shift()?.();
      return;
    }
    // Whoever looks at figures now and then gives nobody work.
    if (!isKind(received, 'figures')) noteWork();
    const messages = unpacked(received);
    for (const [index, message] of messages.entries()) {
      // One that says what it may not is not heard to the end.
      if (this.#process.killed) break;
      const isLast = index === messages.length - 1;
      this.#receive(message, isLast ? handle : undefined);
      if (isLast) return;
    }
    handle?.close();
  }

  #receive(message: unknown, handle: RawHandle | undefined): void {
    // What is no message at all is for those who check them to find.
    const { kind, reason, counts } = (message ?? {}) as { kind?: unknown; reason?: unknown; counts?: unknown };
    if (kind === 'figures' || kind === 'goodbye') noteCounts(this, counts);
    if (kind === 'ready') this.#resolveReady();
    else if (kind === 'failed') this.#fail(String(reason));
    else if (kind === 'figures') for (const tell of this.#askers.splice(0)) tell(checkFigures(message));
    else if (kind === 'pong') this.#pings.shift()?.();
    else if (kind !== 'goodbye') this.#deliver(message, handle);
  }

  #deliver(message: unknown, handle: RawHandle | undefined): void {
    try {
      this.#options.receive(message, handle);
    } catch (error) {
      handle?.close();
      this.#options.log.bug(error, `${this.#title} (pid ${this.pid}), which is ended`);
      this.kill();
    }
  }

  #fail(reason: string): void {
    this.#options.log.write('alert', `${this.#title}: ${reason}`);
    this.#rejectReady(new Error(reason));
    this.kill();
  }

  /** What Node itself prints when a process dies: it is the only trace of some bugs. */
  #logErrors(): void {
    let rest = '';
    this.#process.stderr?.setEncoding('utf8');
    this.#process.stderr?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) if (line.trim() !== '') this.#options.log.write('error', `${this.#title}: ${line}`);
    });
  }
}

/** Is this program installed where every user can read it? A checkout in a private directory is not. */
export function isProgramOpenToAll(): boolean {
  return isOpenToAll(dirname(fileURLToPath(import.meta.url)));
}

function isKind(message: unknown, kind: string): boolean {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === kind;
}

/** The time zone is all that children take over: an environment costs time, and could change what Node does. */
function inheritedEnvironment(): Record<string, string> {
  const { TZ } = process.env;
  return TZ === undefined ? {} : { TZ };
}
