/**
 * What will stand in the way of a login although the password is right: what authtest tells of an account.
 *
 * Looks at the account and at its directories, as this process may see them; the mail servers decide for themselves.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type Account, optionNumber } from './account.js';

const STICKY_BIT = 0o1000;

/** Tells what stands in the way, a line each; an empty list says that nothing is known to. */
export async function loginOutlook(account: Account, service: string): Promise<string[]> {
  const { uid, home, maildir } = account;
  const notes: string[] = [];
  if (uid === 0) notes.push('its uid is 0: mail servers refuse to be root, and the login fails');
  notes.push(...optionNotes(account, service));
  if (!isAbsolute(home)) return [...notes, `its home ${home} is not an absolute path: the login fails`];
  const homeState = await stateOf(home);
  if (typeof homeState === 'string') return [...notes, `its home ${home} ${homeState}`];
  if (!homeState.isDirectory()) notes.push(`its home ${home} is not a directory`);
  if ((homeState.mode & STICKY_BIT) !== 0) {
    notes.push(`its home ${home} has the sticky bit: the account is locked, and logins are put off`);
  }
  if (maildir === undefined) return notes;
  const path = isAbsolute(maildir) ? maildir : join(home, maildir);
  const state = await stateOf(path);
  if (typeof state === 'string') notes.push(`its maildir ${path} ${state}`);
  else if (state.uid !== uid) {
    notes.push(`its maildir ${path} belongs to uid ${state.uid}, and the account has uid ${uid}`);
  }
  return notes;
}

function optionNotes({ options }: Account, service: string): string[] {
  const off = (name: string, what: string): string[] =>
    optionNumber(options, name) === 0 ? [] : [`its option ${name} is set: ${what}`];
  return [
    ...(service === 'pop3' ? [] : off('disableimap', 'IMAP is refused')),
    ...(service === 'imap' ? [] : off('disablepop3', 'POP3 is refused')),
    ...(service === 'pop3' ? [] : off('disableinsecureimap', 'IMAP is refused without TLS')),
    ...(service === 'imap' ? [] : off('disableinsecurepop3', 'POP3 is refused without TLS')),
  ];
}

async function stateOf(path: string): Promise<Stats | string> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'does not exist';
    return `cannot be seen by authdaemond (${code ?? String(error)})`;
  }
}
