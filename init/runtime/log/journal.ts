/**
 * Whether what this process writes to stderr goes to systemd's journal, which takes the priority of a line from `<3>` at
 * its beginning.
 */
import { fstatSync } from 'node:fs';

/** systemd names the device and inode of the journal's socket, so that a redirected stderr is not mistaken for it. */
export function stderrIsJournal(): boolean {
  const named = process.env['JOURNAL_STREAM'];
  if (named === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return named === `${dev}:${ino}`;
}

/** The text of a failure as it is written to stderr: for the journal, each line is an error. */
export function failureText(text: string): string {
  return stderrIsJournal() ? text.replace(/^/gm, '<3>') : text;
}
