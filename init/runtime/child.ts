/**
 * What every login process and mail worker begins with: this module alone is loaded as root.
 *
 * It waits for the start message, becomes the user named there for good, and only then imports the module with the
 * protocol. When the supervisor dies the process ends at once: nobody could tell it to end later.
 */
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dropPrivileges } from './drop-privileges.js';
import type { StartMessage } from './handover.js';
import type { RawHandle } from './raw-handles.js';
import { endProcess, log, passOn, rememberStart, sendToSupervisor } from './supervisor-link.js';

/** Exit code for a process that could not become what it should be. */
const EXIT_NOT_STARTED = 77;

process.on('disconnect', () => process.exit(0));
// Ctrl-C and a closing terminal reach the whole process group. Only the supervisor decides what they mean.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
// Node would open a debugger's port.
process.on('SIGUSR1', () => {});
process.on('uncaughtException', (error) => {
  log.bug(error, process.title);
  endProcess(70);
});

process.once('message', (message) => {
  start(message as StartMessage).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    sendToSupervisor({ kind: 'failed', reason }, undefined, () => process.exit(EXIT_NOT_STARTED));
  });
});

async function start(message: StartMessage): Promise<void> {
  process.title = message.title;
  process.umask(message.umask);
  rememberStart(message.settings);
  if (message.loadFirst === true) await import(message.module);
  if (message.identity !== undefined) dropPrivileges(message.identity);
  if (message.loadFirst !== true) {
    checkReadable(fileURLToPath(message.module));
    await import(message.module);
  }
  process.on('message', (next, handle) => passOn(next as { kind: string }, handle as unknown as RawHandle | undefined));
  sendToSupervisor({ kind: 'ready' });
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
