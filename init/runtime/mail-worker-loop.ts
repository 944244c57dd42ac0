/** The loop behind serveMail(): see mail-worker.ts. */
import type { MailServer } from './mail-worker.js';

/** Serves the sessions that the supervisor sends, until it says to end. Call it once, from the module of the worker. */
export function serveMail(start: (settings: unknown) => MailServer): void {
  void start;
}
