/**
 * Group `floor`: what some rows cost at least. floor.c and login-floor.c do the system calls and move the octets, and
 * nothing else.
 */
import { join } from 'node:path';
import { checkoutRoot } from '../support/paths.js';
import { mustRun } from '../support/processes.js';
import { type Bench, syncDisk } from './bench.js';

/** The name under which the floor's samples are kept, as if it were a server. */
export const FLOOR = 'floor';

/** What they do for each row. */
export const floors: Readonly<Record<string, string>> = {
  login_1: 'accept, a greeting, LOGIN, a question to another process over a Unix socket, LOGOUT, close',
  login_20: 'the same, one after the other, of twenty clients',
  select_10k_first: 'read the names of new and cur, rename those of new',
  select_50k_quiet: 'a question and its answer, the times of two directories',
  fetch_flags: 'a line for each message, written and read',
  fetch_full_first: 'open, read, close; LF to CRLF',
  fetch_headers_first: 'open, read 4 KB, close',
  fetch_size_first: 'open, read, close; LF to CRLF',
  search_from_first: 'open, read 4 KB, close',
  bodies: 'open, read, close; LF to CRLF; write to a socket',
  pop3_retr: 'a question, open, read, close, LF to CRLF, and its answer',
  pop3_retr_pipelined: 'open, read, close; LF to CRLF; write to a socket',
  search_text: 'open, read, close; memmem',
  search_unseen: 'a question and its answer',
  append_1: 'write 4 KB, fsync, rename, fsync of cur',
  append_8: 'the same in eight processes at once',
  append_pipelined: 'write 4 KB, fsync, rename, fsync of cur',
  append_multi: 'write 4 KB each, one syncfs, rename each, fsync of cur',
  store_all: 'rename each, one fsync of cur',
  store_one: 'rename, fsync of cur',
  copy: 'link each, one fsync',
  expunge: 'unlink each, one fsync',
  list_status_first: 'read the names of new and cur, write a list for each folder and rename it, one syncfs',
  list_status: 'the times of two directories for each folder, a line written and read',
};

/** Compiles and runs both on a mailbox like that of the rows. Once a run, when it is our turn. */
export async function measureFloor(bench: Bench): Promise<void> {
  if (bench.server.name !== 'ours') return;
  const { messages, changes, folders } = bench.sizes;
  const { home } = bench.accountWith(messages);
  syncDisk();
  await runFloor(bench, home, 'login-floor', [home]);
  await runFloor(bench, home, 'floor', [join(home, 'Maildir'), String(changes), String(folders)]);
}

/** Compiles NAME.c, runs it, and keeps what it tells. */
async function runFloor(bench: Bench, directory: string, name: string, given: readonly string[]): Promise<void> {
  const program = join(directory, `${name}-program`);
  await mustRun(['cc', '-O2', '-o', program, join(checkoutRoot, 'test', 'bench', `${name}.c`)]);
  const told = await mustRun([program, ...given]);
  for (const line of told.trim().split('\n')) {
    const [row = '', value] = line.split(' ');
    bench.samples.push({ row, server: FLOOR, repetition: bench.repetition, value: Number(value) });
  }
}
