/**
 * Our `imapd MAILDIR` on a pair of pipes as a target, as the mail user: the kernel says what it may read, as it does to
 * mail workers.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { programs, searchPath } from './paths.js';
import { mailIds, pipeTarget } from './peer-targets.js';
import { type MakeTarget, userOf, writeSharedIndex } from './transcript-target.js';

/** For tests of what file permissions allow. Settings besides are those of the shipped files. */
export const preauthTarget: MakeTarget = (needs) => {
  const etc = join(dirname(needs.maildir), 'etc');
  const sharedIndex = join(dirname(needs.maildir), 'shared-index');
  mkdirSync(etc, { recursive: true });
  writeSharedIndex(sharedIndex, needs);
  const settings = { IMAP_SHAREDINDEXFILE: sharedIndex, IMAP_CACHEDIR: '', ...needs.settings };
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  writeFileSync(join(etc, 'imapd'), lines.join(''));
  const { uid, gid } = mailIds();
  const start = (connection: number) => {
    const { name, maildir } = userOf(needs, connection);
    const env = { PATH: searchPath, TZ: 'UTC', COURIER_CONFDIR: etc, HOME: dirname(maildir), AUTHENTICATED: name };
    return spawn(join(programs, 'imapd'), [maildir], { cwd: dirname(maildir), env, uid, gid });
  };
  return Promise.resolve(pipeTarget('our imapd on pipes', start));
};
