/**
 * The maildirs that a tool is to work on: named on the command line, or on standard input as authenumerate prints accounts.
 */
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { ProgramFailure } from '../../init/runtime/program.js';

/** A maildir, and what to call it when something is told of it. */
export interface ListedAccount {
  readonly name: string;
  readonly path: string;
}

/** `-` among the words stands for standard input. @throws {ProgramFailure} for a line that authenumerate does not write. */
export async function* listedAccounts(maildirs: readonly string[]): AsyncGenerator<ListedAccount> {
  for (const path of maildirs.filter((each) => each !== '-')) yield { name: path, path: resolve(path) };
  if (!maildirs.includes('-')) return;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    const [name = '', , , home = '', maildir = ''] = line.split('\t');
    // As the server does it: relative to the home, and Maildir when the record names none.
    if (home !== '') yield { name, path: resolve(home, maildir === '' ? 'Maildir' : maildir) };
    else if (line !== '') throw new ProgramFailure(`not a line of authenumerate: ${line}`);
  }
}
