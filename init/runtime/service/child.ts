/**
 * What every login process and mail worker begins with.
 *
 * It waits for the start message, becomes the user named there for good, and only then imports the module with the
 * protocol. A spare worker, which is prepared for whoever logs in first, imports it before, as root: it has no client,
 * and opens nothing, before it has become that user. When the supervisor dies the process says goodbye to its clients and
 * ends: nobody could tell it to end later.
 */
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countsOfProcess } from '../metrics/counts.js';
import { dropPrivileges } from '../system/drop-privileges.js';
import type { RawHandle } from '../system/raw-handles.js';
import { unpacked } from '../worker/outbox.js';
import { followActivity, forgetDelays, noteWork, processFigures } from './activity.js';
import type { PrepareMessage, RehearseMessage, StartMessage, ToWorker } from './handover.js';
import { endProcess, log, passOn, rememberStart, sendToSupervisor } from './supervisor-link.js';

/** Exit code for a process that could not become what it should be. */
const EXIT_NOT_STARTED = 77;

/** Without a supervisor, goodbyes may take so long: the next one wants the ports, and starts the same processes again. */
const ORPHAN_MS = 1_500;

process.on('disconnect', () => {
  if (!started) process.exit(0);
  setTimeout(() => process.exit(0), ORPHAN_MS).unref();
  const end: ToWorker = { kind: 'end', reason: 'server shut down' };
  passOn(end, undefined);
});
// Ctrl-C and a closing terminal reach the whole process group. Only the supervisor decides what they mean.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
// Node would open a debugger's port.
process.on('SIGUSR1', () => {});
process.on('uncaughtException', (error) => {
  log.bug(error, process.title);
  endProcess(70);
});

/** The module of a process that was prepared before anybody knew whose it will be. */
let prepared: Promise<unknown> | undefined;

/** From the start message on; what comes before the answer to it, nobody listens to. */
let started = false;

followActivity();
process.on('message', beginAll);

function beginAll(received: unknown): void {
  noteWork();
  for (const message of unpacked(received)) {
    if (!started) begin(message as Parameters<typeof begin>[0]);
  }
}

function begin(first: PrepareMessage | RehearseMessage | StartMessage | { readonly kind: 'tell figures' }): void {
  if (first.kind === 'tell figures') {
    tellFigures();
    return;
  }
  if (first.kind === 'prepare') {
    process.title = first.title;
    prepared = import(first.module);
    // Told with the answer to the start message.
    prepared.catch(() => {});
    return;
  }
  if (first.kind === 'rehearse') {
    prepared?.then(
      () => passOn(first, undefined),
      () => {},
    );
    return;
  }
  started = true;
  process.off('message', beginAll);
  start(first).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    sendToSupervisor({ kind: 'failed', reason }, undefined, () => process.exit(EXIT_NOT_STARTED));
  });
}

async function start(message: StartMessage): Promise<void> {
  process.title = message.title;
  process.umask(message.umask);
  rememberStart(message.settings);
  const loaded = prepared ?? (message.loadFirst === true ? import(message.module) : undefined);
  await loaded;
  if (message.identity !== undefined) dropPrivileges(message.identity);
  if (loaded === undefined) {
    checkReadable(fileURLToPath(message.module));
    await import(message.module);
  }
  process.on('message', (received, handle) => receiveAll(received, handle as unknown as RawHandle | undefined));
  sendToSupervisor({ kind: 'ready' });
}

/** A handle belongs to the last message. */
function receiveAll(received: unknown, handle: RawHandle | undefined): void {
  // Alone, as it comes to a process at rest, it is answered without an end of that rest.
  const { kind } = received as { kind?: unknown };
  if (kind === 'ping' || kind === 'tell figures') {
    receive({ kind }, handle);
    return;
  }
  noteWork();
  const messages = unpacked(received) as readonly { readonly kind: string }[];
  messages.forEach((message, index) => {
    receive(message, index === messages.length - 1 ? handle : undefined);
  });
}

function receive(message: { readonly kind: string }, handle: RawHandle | undefined): void {
  if (message.kind === 'ping') sendToSupervisor({ kind: 'pong' });
  else if (message.kind === 'tell figures') tellFigures();
  else if (message.kind === 'forget delays') forgetDelays();
  else passOn(message, handle);
}

function tellFigures(): void {
  sendToSupervisor({ kind: 'figures', figures: processFigures(), counts: countsOfProcess() });
}

/** Says it in words when the program stands where its users may not look, as in /root. */
function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch {
    const who = `uid ${process.getuid?.() ?? '?'}`;
    throw new Error(`${who} cannot read ${file}; make it and the directories above it readable, or install elsewhere`);
  }
}
