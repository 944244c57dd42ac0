/**
 * A site for authaccounts: settings with a userdb, homes of the mail user, and mail in them.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { type Finished, run } from '../support/processes.js';
import { configuration, program } from './support.js';

/** The mail user's uid and gid. */
export const VMAIL = 5000;
const scratch: string[] = [];
after(() => {
  for (const directory of scratch) rmSync(directory, { recursive: true, force: true });
});

/** A site: settings, and a directory for homes that belongs to the mail user. */
export async function makeSite(userdb = ''): Promise<{ config: string; homes: string }> {
  const config = await configuration(userdb);
  writeFileSync(join(config, 'imapd'), `IMAP_SHAREDINDEXFILE=${config}/shared/index\n`);
  const homes = mkdtempSync(join(tmpdir(), 'homes-'));
  chmodSync(homes, 0o755);
  chownSync(homes, VMAIL, VMAIL);
  scratch.push(config, homes);
  return { config, homes };
}

/** Runs the program with a file on its standard input. */
export function authaccounts(config: string, input: string, ...options: readonly string[]): Promise<Finished> {
  const command = [process.execPath, program('authaccounts'), ...options, '-'];
  return run(command, { input, environment: { COURIER_CONFDIR: config } });
}

/** The lines of the results, without the file's name. */
export async function results(config: string, input: string, ...options: readonly string[]): Promise<string[]> {
  const { stdout, exitCode } = await authaccounts(config, input, ...options);
  return [...stdout.replaceAll('stdin:', '').split('\n').slice(0, -1), `exit ${exitCode}`];
}

/** Gives files to the mail user. */
export function own(...paths: readonly string[]): void {
  for (const path of paths) chownSync(path, VMAIL, VMAIL);
}

/** A maildir with one message, as the mail user's. */
export function makeMail(home: string, subject: string): string {
  const maildir = join(home, 'Maildir');
  mkdirSync(join(maildir, 'cur'), { recursive: true });
  for (const part of ['new', 'tmp']) mkdirSync(join(maildir, part));
  writeFileSync(join(maildir, 'cur', '1.M1.x:2,S'), `Subject: ${subject}\n\nx\n`);
  const parts = ['', 'cur', 'new', 'tmp', 'cur/1.M1.x:2,S'].map((part) => join(maildir, part));
  own(dirname(home), home, ...parts);
  return maildir;
}

/** The subject of the message that makeMail() put there. */
export const subjectIn = (maildir: string): string =>
  readFileSync(join(maildir, 'cur', '1.M1.x:2,S'), 'utf8').split('\n')[0] ?? '';
