/**
 * A session that is served elsewhere: octets go both ways, and the log says when it began and how it ended.
 *
 * What is said is not understood here; only the last words are looked at, to tell a goodbye from a lost connection. It
 * keeps no octets of the conversation but those.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../log/log.js';
import { endLine, loginLine, type SessionEnd, who } from '../log/session-lines.js';
import { relay } from '../login/relay.js';
import { realClock } from '../system/real-clock.js';
import type { Endpoint } from '../worker/mail-worker.js';
import type { ListedSession } from '../worker/session-list.js';
import { proxiedSessions } from './proxied-sessions.js';
import type { ProxyDialogue } from './proxy-dialogue.js';

/** What is copied, and what the log says of it. */
export interface ProxiedSessionParts {
  readonly client: Duplex;
  readonly backEnd: Duplex;
  /** As the log names it. */
  readonly host: string;
  readonly dialogue: ProxyDialogue;
  readonly log: Log;
  readonly tag: string;
  /** Called once, when neither side is left. */
  readonly ended: () => void;
}

/** Whose session it is. */
export interface ProxiedClient {
  readonly sessionId: number;
  readonly account: { readonly address: string };
  readonly administrator?: string;
  readonly remote: Endpoint;
  readonly tls: boolean;
}

/** Goodbyes are shorter. */
const LAST_WORDS_OCTETS = 160;

/** See the head of this file. */
export class ProxiedSession implements ListedSession {
  readonly sessionId: number;
  readonly account: { readonly address: string };
  readonly administrator: string | undefined;
  readonly remote: Endpoint;
  readonly tls: boolean;
  readonly clock = realClock;
  readonly startedAt = Date.now();
  readonly input = { receivedOctets: 0 };
  readonly output = { sentOctets: 0, destroy: () => void this.#parts.client.destroy() };
  readonly #parts: ProxiedSessionParts;
  #fromClient = '';
  #fromBackEnd = '';
  #lastHeardAt = Date.now();
  /** How it ends, once that is known. */
  #end: SessionEnd | undefined;

  constructor(whose: ProxiedClient, parts: ProxiedSessionParts) {
    this.sessionId = whose.sessionId;
    this.account = whose.account;
    this.administrator = whose.administrator;
    this.remote = whose.remote;
    this.tls = whose.tls;
    this.#parts = parts;
    const { client, backEnd, log, dialogue, tag } = parts;
    log.write('info', loginLine(this, dialogue.lineWords(tag)));
    proxiedSessions(dialogue.protocol).enter(this);
    client.on('data', (octets: Buffer) => {
      this.#lastHeardAt = Date.now();
      this.input.receivedOctets += octets.length;
      this.#fromClient = lastWords(octets);
    });
    backEnd.on('data', (octets: Buffer) => {
      this.output.sentOctets += octets.length;
      this.#fromBackEnd = lastWords(octets);
    });
    client.once('end', () => this.#clientEnded());
    client.once('close', () => this.#clientEnded());
    backEnd.once('end', () => this.#backEndEnded());
    backEnd.once('close', () => this.#backEndEnded());
    backEnd.pipe(client, { end: false });
    relay(client, backEnd, () => this.#ended());
  }

  /** The server that has it, as the log names it. */
  get host(): string {
    return this.#parts.host;
  }

  /** Since the client said something. */
  get idleMilliseconds(): number {
    return Date.now() - this.#lastHeardAt;
  }

  /** This server shuts down: the client hears of it, where words still have a place. */
  goodbye(words: Buffer): void {
    if (this.#end === undefined) this.#endWith('SHUTDOWN', words);
  }

  /** The administrator ends it. */
  kick(text: string): void {
    if (this.#end === undefined) this.#endWith('DISCONNECTED', this.#parts.dialogue.goodbye(text));
  }

  #endWith(how: SessionEnd, words: Buffer): void {
    this.#end = how;
    this.#say(words);
    this.#parts.backEnd.destroy();
  }

  #clientEnded(): void {
    const { dialogue } = this.#parts;
    this.#end ??= dialogue.isGoodbye(this.#fromClient, this.#fromBackEnd) ? 'LOGOUT' : 'DISCONNECTED';
  }

  #backEndEnded(): void {
    const { dialogue, log, host } = this.#parts;
    if (this.#end !== undefined) return;
    const isGoodbye = dialogue.isGoodbye(this.#fromClient, this.#fromBackEnd);
    // Compressed octets say nothing to us: who ends them in order has said goodbye in them.
    if (isGoodbye || !this.#isBetweenLines) {
      this.#end = 'LOGOUT';
      return;
    }
    this.#end = 'DISCONNECTED';
    log.write('warning', `proxy: ${who(this)}: ${host}: it closed the connection without a goodbye`);
    this.#say(dialogue.goodbye('The mail server behind this one has gone.', 'trouble'));
  }

  /** Inside a literal, or a compressed conversation, words of ours would be taken for something else. */
  #say(words: Buffer): void {
    const { client } = this.#parts;
    if (this.#isBetweenLines && client.writable) client.write(words);
  }

  get #isBetweenLines(): boolean {
    return this.#fromBackEnd === '' || this.#fromBackEnd.endsWith('\n');
  }

  #ended(): void {
    const { ended, log, host, dialogue, tag } = this.#parts;
    log.write('info', endLine(this.#end ?? 'DISCONNECTED', this, `mailhost=${host}`, dialogue.lineWords(tag)));
    proxiedSessions(dialogue.protocol).leave(this);
    ended();
  }
}

/** A copy, so that the buffer is not kept. */
function lastWords(octets: Buffer): string {
  return octets.toString('latin1', Math.max(0, octets.length - LAST_WORDS_OCTETS));
}
