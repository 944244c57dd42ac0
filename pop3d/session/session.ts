/**
 * Session: one client after login (the TRANSACTION state of RFC 1939): what its commands work with, and what is on its way
 * in and out.
 *
 * Answers are collected and go out when there is nothing left to read, so that a client that sends many commands at once is
 * answered in few writes. It knows no command by name.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../../init/runtime/log/log.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { ClientInput, type InputOwner } from '../../init/runtime/worker/client-input.js';
import { ClientOutput } from '../../init/runtime/worker/client-output.js';
import type { Endpoint, SessionAccount } from '../../init/runtime/worker/mail-worker.js';
import { nextTurn } from '../../init/runtime/worker/turns.js';
import type { Maildrop } from '../../maildir/maildrop.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { MAX_LINE_OCTETS } from '../wire/limits.js';
import { type Line, LineReader } from '../wire/lines.js';
import { MessageChunk } from '../wire/message-chunk.js';
import { encodeReply, type Reply } from '../wire/replies.js';
import { DeletionMarks } from './deletion-marks.js';

/** A client that ended its side gets so much more of our work: it may wait for an answer, or be gone. */
const MAX_MILLISECONDS_WITHOUT_CLIENT = 10_000;

/** A session works so long before others get their turn, as in imapd. */
const SLICE_MILLISECONDS = 0.5;

/** What a session is made of. */
export interface SessionParts {
  readonly stream: Duplex;
  /** What the client sent that nobody has read yet; comes before the stream. */
  readonly unread: Buffer;
  readonly account: SessionAccount;
  /** Who acts as the account; absent when it is the account's owner. */
  readonly administrator?: string | undefined;
  readonly remote: Endpoint;
  readonly tls: boolean;
  readonly maildrop: Maildrop;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly clock: Clock;
  /** Said before login. */
  readonly utf8: boolean;
  /** Number of the session since the service was started. */
  readonly sessionId?: number;
}

/** One client after login. */
export class Session implements InputOwner {
  readonly account: SessionAccount;
  readonly administrator: string | undefined;
  readonly remote: Endpoint;
  readonly tls: boolean;
  readonly maildrop: Maildrop;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly marks: DeletionMarks;
  /** Octets of messages that were sent. */
  readonly counters = { top: 0, retr: 0 };
  readonly input: ClientInput;
  readonly output: ClientOutput<MessageChunk>;
  readonly sessionId: number | undefined;
  /** The client reads UTF-8. */
  utf8: boolean;
  /** Is shown each line that comes. */
  trace: ((line: string) => void) | undefined;
  readonly #lines: LineReader;
  #sliceStartedAt: number;
  #ended = false;
  #goodbye = 'Angarium server shut down by signal.';

  constructor(parts: SessionParts) {
    this.account = parts.account;
    this.administrator = parts.administrator;
    this.remote = parts.remote;
    this.tls = parts.tls;
    this.maildrop = parts.maildrop;
    this.settings = parts.settings;
    this.log = parts.log;
    this.clock = parts.clock;
    this.utf8 = parts.utf8;
    this.sessionId = parts.sessionId;
    this.startedAt = parts.clock.now();
    this.#sliceStartedAt = parts.clock.ticks();
    this.marks = new DeletionMarks(parts.maildrop);
    this.output = new ClientOutput(parts.stream, parts.clock, newChunk);
    this.input = new ClientInput(parts.stream, { unread: parts.unread, clock: parts.clock, owner: this });
    this.#lines = new LineReader(() => this.input.read(), MAX_LINE_OCTETS);
  }

  /** How long the client may be silent, in seconds. */
  get patienceSeconds(): number {
    return this.settings.inactivitySeconds;
  }

  /** Since it had something to do. */
  get idleMilliseconds(): number {
    return this.clock.ticks() - this.#sliceStartedAt;
  }

  /** The next command line; undefined when there will be none. What was collected goes out before it is waited for. */
  async nextLine(): Promise<Line | undefined> {
    const line = await this.#lines.next();
    if (line !== undefined) this.trace?.(line.kind === 'line' ? line.text : '(a line that is too long)');
    return line;
  }

  /** Adds a reply to what is collected for the client. */
  write(reply: Reply): void {
    this.output.write(encodeReply(reply));
  }

  /** Sends what is collected, and waits while the client is slow. */
  async flush(): Promise<void> {
    await this.output.flush();
  }

  /**
   * To be called between two pieces of an answer: gives a promise to wait for when much is collected, or when this session
   * has worked long enough without a break, else undefined.
   *
   * @throws {ClientGone} so that a long answer ends when its client has gone.
   */
  pace(): Promise<void> | undefined {
    if (this.output.full) return this.output.flush();
    if (this.clock.ticks() - this.#sliceStartedAt < SLICE_MILLISECONDS) return undefined;
    const alone = this.input.endedForMilliseconds > MAX_MILLISECONDS_WITHOUT_CLIENT;
    if (alone || this.output.gone) throw new ClientGone();
    return this.#takeTurn();
  }

  async #takeTurn(): Promise<void> {
    await nextTurn(this.account.maildir);
    this.beginSlice();
  }

  /** Whoever has waited for his client has kept nobody waiting meanwhile. */
  beginSlice(): void {
    this.#sliceStartedAt = this.clock.ticks();
  }

  /** Ends the session when it has answered the command it is at, with this text for its client. */
  sayGoodbye(text: string): void {
    this.#goodbye = text;
    this.input.stop();
  }

  /** What the client is told where the server ends the session. */
  get goodbye(): string {
    return this.#goodbye;
  }

  /** Makes the loop end after the present command is answered. */
  end(): void {
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }
}

function newChunk(octets: Buffer): MessageChunk {
  return new MessageChunk(octets);
}
