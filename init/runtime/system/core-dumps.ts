/**
 * No core dumps: what a process that died had in its memory may have been a password, or somebody's mail.
 *
 * The control scripts and the systemd units see to it, too; this is for a server that was started by hand.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffi from 'koffi';

const RLIMIT_CORE = 4;
/** struct rlimit: two numbers, both 0. */
const LIMIT_OCTETS = 16;

/** Forbids this process, and all that it starts, to write a core. Where that cannot be done nothing happens. */
export function forbidCoreDumps(): void {
  try {
    if (/^Max core file size\s+0\s+0\s/m.test(readFileSync('/proc/self/limits', 'latin1'))) return;
    // Loaded only where it is needed: it takes megabytes.
    const ffi = createRequire(import.meta.url)('koffi') as typeof koffi;
    const setrlimit = ffi.load('libc.so.6').func('int setrlimit(int resource, const void *limit)');
    setrlimit(RLIMIT_CORE, Buffer.alloc(LIMIT_OCTETS));
  } catch {
    // Not Linux.
  }
}
