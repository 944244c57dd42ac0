/**
 * The login processes: started, given listeners and certificates, and started again when one dies.
 *
 * It knows which connections each has, so that none stays counted when a process dies. It knows no account.
 */

import type { ProxyProtocolSettings } from '../limits/proxy-connection.js';
import { type Log, writeLines } from '../log/log.js';
import { count } from '../metrics/counts.js';
import type { ProxyPlaces } from '../proxy/proxy-settings.js';
import { Child } from '../service/children.js';
import { describeProcess } from '../service/describe-process.js';
import { checkFromLogin, type FromLogin, type ListenerDescription, type ToLogin } from '../service/handover.js';
import type { Identity } from '../system/drop-privileges.js';
import type { RawHandle } from '../system/raw-handles.js';
import type { TlsMaterial } from '../tls/tls-files.js';
import { LiveSessions } from '../worker/live-sessions.js';

/** A login process that dies is started again after this; doubled each time, up to the maximum. */
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 10_000;

/** One that lived this long did not die of its start. */
const SETTLED_MS = 30_000;

/** A login process that is up has this long to listen, also on a machine that is too busy. */
const LISTEN_MS = 30_000;

/** On the way out: see GOODBYE_MS in login-loop.ts, and the workers' grace, which relayed sessions need. */
const END_GRACE_MS = 9_500;

// glibc keeps Node's 64 KiB TLS input buffers mixed with dirty memory unless told otherwise: 36 in place of 46 KiB
// for each idle TLS session.
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '60000', MALLOC_TOP_PAD_: '16384' };

/** A login process copies octets, which are not in the heap. */
const HEAP = { semiSpaceMiB: 1, helperThreads: 0, keepsCode: false };

/** What login processes need besides listeners and certificates. */
export interface LoginPoolOptions {
  readonly module: string;
  readonly title: string;
  readonly identity: Identity | undefined;
  readonly log: Log;
  settings: unknown;
  loginSeconds: number;
  proxyProtocol: ProxyProtocolSettings | undefined;
  proxyPlaces: ProxyPlaces | undefined;
  /** Gets what a login process says about its connections. */
  readonly receive: (login: LoginProcessHandle, message: FromLogin, handle: RawHandle | undefined) => void;
  /** Connections that are gone because their process is. */
  readonly lost: (keys: readonly string[]) => void;
  /** Gives the page of figures; undefined where it is not wanted. */
  readonly metrics: () => Promise<string | undefined>;
}

/** One login process, as the supervisor sees it. */
export interface LoginProcessHandle {
  readonly id: number;
  /** Connections that are open in it. */
  readonly open: Set<number>;
  /** It has ended. */
  readonly isGone: boolean;
  /** `sent` is called when the handle is in the process, or will never be. */
  send(message: ToLogin, handle?: RawHandle, sent?: () => void): void;
}

interface LoginProcess extends LoginProcessHandle {
  readonly child: Child;
  readonly startedAt: number;
  isGone: boolean;
  /** It was told all that its elders know; what comes later it must be told, too. */
  isPrepared: boolean;
}

interface OpenListener {
  readonly description: ListenerDescription;
  readonly handle: RawHandle;
}

/** All login processes of a service. */
export class LoginPool {
  readonly #options: LoginPoolOptions;
  readonly #logins = new Set<LoginProcess>();
  /** The sessions that all of them pass on to other servers, for who asks. */
  readonly live = new LiveSessions(() => [...this.#logins].map(({ child, send }) => ({ pid: child.pid, send })));
  readonly #listeners = new Map<number, OpenListener>();
  readonly #listening = new Map<number, (trouble: string | undefined) => void>();
  #tls: { material: TlsMaterial | undefined; startTls: boolean } = { material: undefined, startTls: false };
  #nextId = 1;
  #restartDelayMs = RESTART_DELAY_MS;
  #ending = false;

  constructor(options: LoginPoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#logins.size;
  }

  /** The processes themselves, to be watched. */
  get children(): Child[] {
    return [...this.#logins].map(({ child }) => child);
  }

  /** Starts `count` processes. @throws when one does not come up. */
  async start(count: number): Promise<void> {
    const logins = Array.from({ length: count }, () => this.#startOne());
    await Promise.all(logins.map((login) => login.child.ready));
  }

  /** Lets all processes accept from a bound handle; resolves when the first does. @throws when one cannot. */
  listen(description: ListenerDescription, handle: RawHandle): Promise<void> {
    const listening = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no login process listens')), LISTEN_MS);
      this.#listening.set(description.id, (trouble) => {
        clearTimeout(timer);
        this.#listening.delete(description.id);
        if (trouble === undefined) resolve();
        else reject(new Error(trouble));
      });
    });
    this.#listeners.set(description.id, { description, handle });
    for (const login of this.#prepared()) sendListener(login, { description, handle });
    return listening;
  }

  /** Stops accepting; the port is closed when all processes have closed theirs. */
  stopListening(listenerId: number): void {
    this.#listeners.get(listenerId)?.handle.close();
    this.#listeners.delete(listenerId);
    for (const login of this.#logins) login.send({ kind: 'stop listening', listenerId });
  }

  /** Gives certificates to all processes; connections that are open keep theirs. */
  useTls(material: TlsMaterial | undefined, startTls: boolean): void {
    this.#tls = { material, startTls };
    for (const login of this.#logins) login.send({ kind: 'tls', material, startTls });
  }

  /** New settings, for connections that begin from now on. */
  reload(changes: Pick<LoginPoolOptions, 'settings' | 'loginSeconds' | 'proxyPlaces' | 'proxyProtocol'>): void {
    Object.assign(this.#options, changes);
    for (const login of this.#logins) this.#tellSettings(login);
  }

  /** Settles when all processes have acted on what they were told so far: ports are closed, settings in force. */
  async acted(): Promise<void> {
    await Promise.all(this.#prepared().map(({ child }) => child.acted()));
  }

  /** A line for each process; see describe-process.ts. */
  describe(): Promise<string[]> {
    const uid = this.#options.identity?.uid ?? process.geteuid?.() ?? 0;
    const lines = [...this.#logins].map(async ({ child, open }) => {
      const figures = await child.figures();
      return describeProcess(`login pid=${child.pid} uid=${uid} connections=${open.size}`, figures);
    });
    return Promise.all(lines);
  }

  /** Begins the figures of delays of all processes anew. */
  forgetDelays(): void {
    for (const { child } of this.#logins) child.send({ kind: 'forget delays' });
  }

  /** Ends all processes. */
  end(): void {
    this.#ending = true;
    for (const login of this.#logins) login.child.end({ kind: 'end' }, END_GRACE_MS);
  }

  #prepared(): LoginProcess[] {
    return [...this.#logins].filter(({ isPrepared }) => isPrepared);
  }

  #tellSettings(login: LoginProcess): void {
    const { settings, loginSeconds, proxyProtocol, proxyPlaces: places } = this.#options;
    login.send({ kind: 'settings', settings, loginSeconds, proxyProtocol });
    if (places !== undefined) login.send({ kind: 'proxy', places });
  }

  #startOne(): LoginProcess {
    const { identity, log, module, settings, title } = this.#options;
    const id = this.#nextId;
    this.#nextId += 1;
    const name = `${title}: login process`;
    const who = identity === undefined ? {} : { identity };
    const child = new Child({
      ...{ title: name, environment: ENVIRONMENT, heap: HEAP, log },
      receive: (message, handle) => this.#receive(login, message, handle),
      ended: (how, expected) => this.#ended(login, name, expected ? undefined : how),
    }).start({ kind: 'start', title: name, module, umask: 0o077, settings, ...who });
    const open = new Set<number>();
    const send: LoginProcess['send'] = (message, handle, sent) => child.send(message, handle, sent);
    const login: LoginProcess = { id, child, open, startedAt: Date.now(), isGone: false, isPrepared: false, send };
    this.#logins.add(login);
    const prepare = () => {
      login.isPrepared = true;
      this.#tellSettings(login);
      login.send({ kind: 'tls', ...this.#tls });
      for (const listener of this.#listeners.values()) sendListener(login, listener);
    };
    child.ready.then(prepare, () => {});
    return login;
  }

  #receive(login: LoginProcess, received: unknown, handle: RawHandle | undefined): void {
    const message = checkFromLogin(received);
    if (message === undefined) throw new Error('a login process sent a message that is none');
    if (message.kind === 'log') writeLines(this.#options.log, message.lines);
    else if (message.kind === 'sessions') this.live.heard(message);
    else if (message.kind === 'listening') this.#heardOfListener(message.id, message.trouble);
    else if (message.kind === 'metrics wanted') this.#tellMetrics(login, message.id);
    else this.#options.receive(login, message, handle);
  }

  #tellMetrics(login: LoginProcess, id: number): void {
    this.#options.metrics().then(
      (page) => login.send(page === undefined ? { kind: 'metrics', id } : { kind: 'metrics', id, page }),
      (error: unknown) => {
        this.#options.log.bug(error, 'the page of figures');
        login.send({ kind: 'metrics', id });
      },
    );
  }

  #heardOfListener(id: number, trouble: string | undefined): void {
    const waiting = this.#listening.get(id);
    if (waiting !== undefined) waiting(trouble);
    else if (trouble !== undefined) this.#options.log.write('error', `a login process cannot listen: ${trouble}`);
  }

  #ended(login: LoginProcess, name: string, how: string | undefined): void {
    this.#logins.delete(login);
    login.isGone = true;
    this.#options.lost([...login.open].map((connection) => connectionKey(login, connection)));
    if (how === undefined || this.#ending) return;
    const { log } = this.#options;
    count('processes_died_total', { role: 'login' }).value += 1;
    log.write('alert', `${name} (pid ${login.child.pid}) died: ${how}; ${login.open.size} connections ended with it`);
    if (Date.now() - login.startedAt > SETTLED_MS) this.#restartDelayMs = RESTART_DELAY_MS;
    setTimeout(() => {
      if (!this.#ending) this.#startOne();
    }, this.#restartDelayMs);
    this.#restartDelayMs = Math.min(this.#restartDelayMs * 2, MAX_RESTART_DELAY_MS);
  }
}

/** The name under which a connection is counted. */
export function connectionKey(login: LoginProcessHandle, connection: number): string {
  return `${login.id}:${connection}`;
}

function sendListener(login: LoginProcess, { description, handle }: OpenListener): void {
  login.child.send({ kind: 'listen', listener: description }, handle);
}
