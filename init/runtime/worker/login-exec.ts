/**
 * Courier's `loginexec`: a program in a maildir that is run once, at the next login, and removed when it succeeds.
 *
 * Administrators use it to change something in a maildir while nobody is in it. It runs as the account's user, with the
 * maildir as working directory; what it prints goes nowhere, because the client waits for protocol. A program that
 * belongs neither to that user nor to root is not run: whoever can put a link or a file there must not become the user.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log/log.js';

/** A login cannot wait longer; the program is ended, and tried again at the next login. */
const TIMEOUT_MS = 60_000;

/** Runs `loginexec` of a session's maildir, if there is one. Never rejects: what went wrong is in the log. */
export async function runLoginExec(session: {
  readonly account: { readonly maildir: string };
  readonly log: Log;
}): Promise<void> {
  const trouble = await run(session.account.maildir);
  if (trouble !== undefined) session.log.write('error', trouble);
}

async function run(maildir: string): Promise<string | undefined> {
  const file = join(maildir, 'loginexec');
  const owner = ownerOfRunnable(file);
  if (owner === undefined) return undefined;
  if (owner !== 0 && owner !== process.geteuid?.()) return `${file}: belongs to uid ${owner}, and is not run`;
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', MAILDIR: maildir };
  const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
  const child = spawn(file, [], { cwd: maildir, env: environment, stdio: 'ignore', ...limits });
  const how = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) =>
      resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`),
    );
  });
  if (how !== undefined) return `${file}: ${how}; it stays, and is run again at the next login`;
  try {
    unlinkSync(file);
    return undefined;
  } catch (error) {
    return `${file}: ${error instanceof Error ? error.message : error}`;
  }
}

/** The owner of the program, which may be behind a link. */
function ownerOfRunnable(file: string): number | undefined {
  try {
    // Nearly always there is none: an exception for each login would cost more than the rest of this.
    const status = statSync(file, { throwIfNoEntry: false });
    if (status?.isFile() !== true) return undefined;
    accessSync(file, constants.X_OK);
    return status.uid;
  } catch {
    return undefined;
  }
}
