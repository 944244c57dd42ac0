/**
 * A session that is served elsewhere: octets go both ways, and the log says when it began and how it ended.
 *
 * What is said is not understood here; only the last words are looked at, to tell a goodbye from a lost connection. It
 * keeps no octets of the conversation but those.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../log.js';
import { relay } from '../relay.js';
import type { ProxyDialogue } from './proxy-dialogue.js';

/** What is copied, and what the log says of it. */
export interface ProxiedSessionParts {
  readonly client: Duplex;
  readonly backEnd: Duplex;
  /** As the log names it. */
  readonly host: string;
  readonly dialogue: ProxyDialogue;
  readonly log: Log;
  /** `user=bob, ip=[::1], port=[40112]` */
  readonly who: string;
  readonly tag: string;
  readonly tls: boolean;
  /** Called once, when neither side is left. */
  readonly ended: () => void;
}

/** Goodbyes are shorter. */
const LAST_WORDS_OCTETS = 160;

/** See the head of this file. */
export class ProxiedSession {
  readonly #parts: ProxiedSessionParts;
  readonly #startedAt = performance.now();
  #received = 0;
  #sent = 0;
  #fromClient = '';
  #fromBackEnd = '';
  /** The word for the log, once one is known. */
  #end: string | undefined;

  constructor(parts: ProxiedSessionParts) {
    this.#parts = parts;
    const { client, backEnd, log, dialogue, who, tag, tls } = parts;
    const words = dialogue.lineWords(tag);
    log.write('info', `LOGIN, ${who}${words.protocol}${tls ? words.tls : ''}`);
    client.on('data', (octets: Buffer) => {
      this.#received += octets.length;
      this.#fromClient = lastWords(octets);
    });
    backEnd.on('data', (octets: Buffer) => {
      this.#sent += octets.length;
      this.#fromBackEnd = lastWords(octets);
    });
    client.once('end', () => this.#over('DISCONNECTED'));
    client.once('close', () => this.#over('DISCONNECTED'));
    backEnd.once('end', () => this.#backEndEnded());
    backEnd.once('close', () => this.#backEndEnded());
    backEnd.pipe(client, { end: false });
    relay(client, backEnd, () => this.#ended());
  }

  /** This server shuts down: the client hears of it, where words still have a place. */
  goodbye(words: Buffer): void {
    if (this.#end !== undefined) return;
    this.#end = 'Disconnected during shutdown by signal';
    this.#say(words);
    this.#parts.backEnd.destroy();
  }

  #backEndEnded(): void {
    const { dialogue, log, host, who } = this.#parts;
    if (this.#end !== undefined) return;
    const isGoodbye = dialogue.isGoodbye(this.#fromClient, this.#fromBackEnd);
    // Compressed octets say nothing to us: who ends them in order has said goodbye in them.
    if (isGoodbye || !this.#isBetweenLines) {
      this.#end = 'LOGOUT';
      return;
    }
    this.#end = 'DISCONNECTED';
    log.write('warning', `proxy: ${who}: ${host}: it closed the connection without a goodbye`);
    this.#say(dialogue.backEndLost);
  }

  /** Inside a literal, or a compressed conversation, words of ours would be taken for something else. */
  #say(words: Buffer): void {
    const { client } = this.#parts;
    if (this.#isBetweenLines && client.writable) client.write(words);
  }

  get #isBetweenLines(): boolean {
    return this.#fromBackEnd === '' || this.#fromBackEnd.endsWith('\n');
  }

  #over(how: string): void {
    const { dialogue } = this.#parts;
    this.#end ??= dialogue.isGoodbye(this.#fromClient, this.#fromBackEnd) ? 'LOGOUT' : how;
  }

  #ended(): void {
    const { ended, log, who, host, tls, dialogue, tag } = this.#parts;
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1000);
    const octets = `rcvd=${this.#received}, sent=${this.#sent}, time=${seconds}`;
    const words = `${octets}${tls ? dialogue.lineWords(tag).tls : ''}, mailhost=${host}`;
    log.write('info', `${this.#end ?? 'DISCONNECTED'}, ${who}, ${words}`);
    ended();
  }
}

/** A copy, so that the buffer is not kept. */
function lastWords(octets: Buffer): string {
  return octets.toString('latin1', Math.max(0, octets.length - LAST_WORDS_OCTETS));
}
