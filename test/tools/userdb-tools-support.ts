/**
 * What tests of authdaemon's tools share: a userdb, and our programs run on it.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../authdaemon/support.js';
import { type Finished, run } from '../support/processes.js';

/** Accounts, one of them with a password where SYSTEM stands, and lines that are none. */
export const USERDB = [
  'joe\tuid=5000|gid=5001|home=/home/joe|mail=/home/joe/Maildir|quota=1000S|gecos=Joe|options=group=a|systempw=SYSTEM',
  'full\tuid=5000|gid=5000|home=/h|imappw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=|hmac-md5pw=00',
  '# a comment',
  '',
  '5000=\tjoe',
  'bare\tuid=1|flag|gid=2',
].join('\n');

/** Runs a program of ours. */
export function ours(
  name: string,
  words: readonly string[],
  options: { input?: string; directory?: string } = {},
): Promise<Finished> {
  const environment = options.directory === undefined ? {} : { COURIER_CONFDIR: options.directory };
  return run([process.execPath, program(name), ...words], { input: options.input ?? '', environment });
}

/** A directory for one test. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'userdb-tools-'));
}
