/**
 * A child's link to its supervisor: messages out, messages in, and the end of the process when the link breaks.
 *
 * Shared by login processes and mail workers. It knows neither of them.
 */
import { type Log, type LogLine, logTo } from '../log/log.js';
import { countsOfProcess } from '../metrics/counts.js';
import { type RawHandle, sendWithHandle } from '../system/raw-handles.js';
import { Outbox, type Sent } from '../worker/outbox.js';

/** More lines do not wait. */
const MAX_LINES_TOGETHER = 100;

/** Lines wait so long for a message that they can travel with. */
const LINES_WAIT_MS = 5;

type Receiver = (message: { readonly kind: string }, handle: RawHandle | undefined) => void;

let receiver: Receiver | undefined;
let startedWith: unknown;

/** The settings of the start message; see child.ts. */
export function startSettings(): unknown {
  return startedWith;
}

/** Remembers the settings until the module of this process asks for them. */
export function rememberStart(settings: unknown): void {
  startedWith = settings;
}

/** Says who gets what the supervisor sends after the start. */
export function receiveFromSupervisor(receive: Receiver): void {
  receiver = receive;
}

/** Gives a message to whom receiveFromSupervisor() named. */
export function passOn(message: { readonly kind: string }, handle: RawHandle | undefined): void {
  if (receiver === undefined) throw new Error('the module of this process calls neither serveLogins nor serveMail');
  receiver(message, handle);
}

const outbox = new Outbox((message, handle, sent) => {
  if (process.connected) sendWithHandle(process, message, handle, sent);
  else sent(new Error('the supervisor has gone'));
});

/** Sends a message. When the supervisor has gone the process is about to end, and the message is dropped. */
export function sendToSupervisor(message: object, handle?: RawHandle, sent?: Sent): void {
  // What was said before comes before.
  sendLines();
  outbox.put(message, handle, sent);
}

let lines: LogLine[] = [];
let linesTimer: NodeJS.Timeout | undefined;

/**
 * The log of this process: the supervisor writes all lines, so that none is torn and their order is kept. Lines wait a
 * little for a message that they can travel with, which comes soon at a login and at its end.
 */
export const log: Log = logTo((level, text, session) => {
  lines.push(session === undefined ? { level, text } : { level, text, session });
  if (lines.length >= MAX_LINES_TOGETHER) sendLines();
  else linesTimer ??= setTimeout(sendLines, LINES_WAIT_MS);
});

function sendLines(): void {
  clearTimeout(linesTimer);
  linesTimer = undefined;
  if (lines.length === 0) return;
  outbox.put({ kind: 'log', lines });
  lines = [];
}

/** Ends the process when all messages sent so far have gone out. */
export function endProcess(exitCode: number): void {
  sendToSupervisor({ kind: 'goodbye', counts: countsOfProcess() }, undefined, () => process.exit(exitCode));
}
