/**
 * What tools that work on a maildir begin with: as root they become its owner, so that what they write is his, and nothing
 * that he put there leads root astray; then they open it as the server does.
 */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { realFileSystem } from '../file-system.js';
import type { Maildir } from '../maildir.js';
import { MaildirStore } from '../maildir-store.js';
import { type Surroundings, surroundingsFrom } from '../surroundings.js';

/** Becomes the owner of a file, for the rest of the process; nothing happens unless it runs as root. */
export function becomeOwnerOf(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(path);
  process.setgroups?.([gid]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
}

/** What the mail store needs from outside, for a tool of this name; what it warns of goes to stderr. */
export function toolSurroundings(tool: string): Surroundings {
  return surroundingsFrom({
    fileSystem: realFileSystem,
    now: Date.now,
    hostName: hostname(),
    processId: process.pid,
    durable: true,
    useLocks: true,
    keywords: 'off',
    trashCounts: process.env['IMAP_TRASHQUOTA'] === '1',
    warn: (text) => void process.stderr.write(`${tool}: ${text}\n`),
  });
}

/** Opens a maildir. @throws {MaildirError} */
export function openForTool(tool: string, path: string): { readonly maildir: Maildir; readonly store: MaildirStore } {
  const store = new MaildirStore(toolSurroundings(tool));
  return { maildir: store.open(path), store };
}

/** Undoes becomeOwnerOf(), for a tool that goes from one owner to the next. */
export function becomeRootAgain(): void {
  if (process.getuid?.() !== 0) return;
  process.seteuid?.(0);
  process.setegid?.(process.getgid?.() ?? 0);
}
