/**
 * Sessions for tests of what transcripts cannot show: log lines, clocks, clients that vanish. One store per fixture, as in
 * one mail worker; the clock stands still until a test turns it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { FactCache } from '../../imapd/cache/fact-cache.js';
import { ImapServer } from '../../imapd/mail-server.js';
import { serveSession } from '../../imapd/session/dialogue.js';
import { Session } from '../../imapd/session/session.js';
import type { SessionSettings } from '../../imapd/settings/session-settings.js';
import { type LogLevel, logTo } from '../../init/runtime/log/log.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import type { SessionAccount, WorkerSession } from '../../init/runtime/worker/mail-worker.js';
import { realFileSystem } from '../../maildir/file-system.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { MaildirOptions, MaildirStore } from '../../maildir/maildir-store.js';
import { copyMaildir, type Scratch, scratchDirectory } from './maildir-fixture.js';
import { testSettings } from './memory-target.js';
import { testStore } from './test-store.js';

/** A clock that a test turns. */
export class HandClock implements Clock {
  #now = Date.UTC(2026, 10, 21);
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  ticks(): number {
    return this.now();
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many wait. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, timers in order. */
  turn(seconds: number): void {
    const end = this.#now + seconds * 1000;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

/** The client's end of a session. */
export class TestClient {
  readonly stream: Duplex;
  readonly done: Promise<void>;
  #received = '';
  #closed = false;
  #wake: (() => void) | undefined;

  readonly #server: Duplex;

  constructor(stream: Duplex, server: Duplex, done: Promise<void>) {
    this.stream = stream;
    this.#server = server;
    this.done = done;
    stream.on('data', (octets: Buffer) => {
      this.#received += octets.toString('latin1');
      this.#wake?.();
    });
    const closed = (): void => {
      this.#closed = true;
      this.#wake?.();
    };
    stream.on('end', closed);
    stream.on('close', closed);
    stream.on('error', closed);
  }

  /** Everything received and not yet taken. */
  get received(): string {
    return this.#received;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string): void {
    this.stream.write(Buffer.from(text, 'latin1'));
  }

  /** Breaks the connection, as a reset does on both ends of a socket. */
  vanish(): void {
    this.stream.destroy();
    this.#server.destroy(new Error('read ECONNRESET'));
  }

  /** Waits for a text, and gives all up to its end, with LF. */
  async until(text: string): Promise<string> {
    const wanted = text.replaceAll('\n', '\r\n');
    for (;;) {
      // The session may be about to wait, and not have set its timer yet.
      await new Promise((resolve) => setImmediate(resolve));
      const at = this.#received.indexOf(wanted);
      if (at >= 0) {
        const taken = this.#received.slice(0, at + wanted.length);
        this.#received = this.#received.slice(taken.length);
        return taken.replaceAll('\r\n', '\n');
      }
      if (this.#closed) throw new Error(`closed before ${JSON.stringify(text)}: ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Waits for the end, and gives what came before it. */
  async untilClosed(): Promise<string> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.replaceAll('\r\n', '\n');
  }

  /** Sends a command, and gives all up to the line that completes it. */
  async command(tagged: string): Promise<string> {
    this.send(`${tagged}\r\n`);
    const tag = tagged.split(' ')[0] ?? '';
    const before = await this.until(`${tag} `);
    return before + (await this.until('\n'));
  }
}

/** What a client's session is made of in place of what the fixture has. */
export interface SessionChanges {
  readonly maildir?: Maildir;
  readonly facts?: FactCache;
  readonly clock?: Clock;
  /** Is asked wherever others may have their turn in the middle of a command; the command waits for what it gives. */
  readonly meanwhile?: () => Promise<void> | undefined;
}

/** A store, a maildir, and sessions of it. */
export class SessionFixture {
  readonly clock = new HandClock();
  readonly log: string[] = [];
  readonly account: SessionAccount;
  readonly maildir: string;
  readonly store: MaildirStore;
  readonly facts: FactCache;
  readonly #scratch: Scratch;
  readonly #logger = logTo((level: LogLevel, line) => void this.log.push(`${level}: ${line}`));
  readonly #clients: TestClient[] = [];

  constructor(maildir = 'empty', store: Partial<MaildirOptions> = {}) {
    this.#scratch = scratchDirectory('session');
    this.maildir = join(this.#scratch.path, 'Maildir');
    mkdirSync(this.maildir);
    copyMaildir(maildir, this.maildir);
    const uid = process.getuid?.() ?? 0;
    const gid = process.getgid?.() ?? 0;
    this.account = { address: 'bob', home: this.#scratch.path, maildir: this.maildir, uid, gid, options: {} };
    this.store = testStore({ useLocks: true, ...store });
    this.facts = new FactCache({
      fileSystem: realFileSystem,
      clock: this.clock,
      warn: (text) => void this.log.push(text),
    });
  }

  /** A client that is logged in. */
  client(settings: Partial<SessionSettings> = {}, parts: SessionChanges = {}): TestClient {
    const [theirs, ours] = duplexPair();
    const session = new Session({
      stream: ours,
      unread: Buffer.alloc(0),
      account: this.account,
      remote: { ip: '192.0.2.7', port: 40_112 },
      tls: true,
      maildir: parts.maildir ?? this.store.open(this.maildir),
      facts: parts.facts ?? this.facts,
      settings: { ...testSettings(), ...settings },
      log: this.#logger,
      clock: parts.clock ?? this.clock,
    });
    if (parts.meanwhile !== undefined) session.pace = parts.meanwhile;
    return this.#keep(new TestClient(theirs, ours, serveSession(session)));
  }

  /** A mail server as a worker has one. */
  server(settings: Partial<SessionSettings> = {}): ImapServer {
    return new ImapServer({
      store: this.store,
      facts: this.facts,
      fileSystem: realFileSystem,
      settings: { ...testSettings(), ...settings },
      clock: this.clock,
      runLoginExec: async () => undefined,
    });
  }

  /** A client whose LOGIN with tag `t` was handed over to the server. */
  arrive(server: ImapServer, changes: Partial<WorkerSession> = {}): TestClient {
    const [theirs, ours] = duplexPair();
    const served = server.serve({
      stream: ours,
      unread: Buffer.alloc(0),
      tag: 't',
      account: this.account,
      remote: { ip: '192.0.2.7', port: 40_112 },
      local: { ip: '192.0.2.1', port: 143 },
      tls: false,
      log: this.#logger,
      ...changes,
    });
    return this.#keep(new TestClient(theirs, ours, served));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.vanish();
    await Promise.all(this.#clients.map(({ done }) => done));
    await this.facts.close();
    await this.store.close();
    this.#scratch.remove();
  }

  #keep(client: TestClient): TestClient {
    this.#clients.push(client);
    return client;
  }
}
