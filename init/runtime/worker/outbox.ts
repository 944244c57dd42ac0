/**
 * Outbox: messages on their way to another process over IPC. Those of one turn of the event loop travel together, because
 * a message costs as much as what a login needs of its receiver. Their order is kept. It knows no message.
 */
import type { RawHandle } from '../system/raw-handles.js';

/** Called when a handle is in the other process, or will never be. */
export type Sent = (error: Error | null) => void;

type Send = (message: object, handle: RawHandle | undefined, sent: Sent) => void;

/** What one process has to say to another. */
export class Outbox {
  readonly #send: Send;
  #waiting: object[] = [];
  /** Hands over all that waits, when this turn ends. */
  #soon: NodeJS.Immediate | undefined;

  /** `send` gets a message, or an array of some. */
  constructor(send: Send) {
    this.#send = send;
  }

  /** Adds a message. One with a handle goes at once, since nobody may use the handle any more, and so does a last one. */
  put(message: object, handle?: RawHandle, sent?: Sent): void {
    this.#waiting.push(message);
    if (handle !== undefined || sent !== undefined) this.#flush(handle, sent);
    else this.#soon ??= setImmediate(() => this.#flush());
  }

  #flush(handle?: RawHandle, sent?: Sent): void {
    clearImmediate(this.#soon);
    this.#soon = undefined;
    const messages = this.#waiting;
    this.#waiting = [];
    const [only, ...others] = messages;
    if (only === undefined) return;
    this.#send(others.length === 0 ? only : messages, handle, (error) => sent?.(error));
  }
}

/** Messages as they were put, of one that arrived. */
export function unpacked(received: unknown): readonly unknown[] {
  return Array.isArray(received) ? received : [received];
}
