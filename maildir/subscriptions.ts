/**
 * Subscriptions: `courierimapsubscribed` in the main maildir, one internal folder name in a line.
 *
 *     INBOX.Sent
 *     #shared.group.user.f
 *
 * Names of folders that do not exist are allowed. What cannot be a folder name is left alone when the file is rewritten
 * and not given out.
 */
import { join } from 'node:path';
import { errorCode } from './errors.js';
import { readText, replaceFile } from './files.js';
import { folderPaths } from './folder-name.js';
import type { Surroundings } from './surroundings.js';

/** Tens of thousands of names. A larger file is not a list of subscriptions. */
const MAX_SUBSCRIPTIONS_OCTETS = 4 * 1024 * 1024;

/** The subscribed names, in the order of the file. */
export function readSubscriptions(surroundings: Surroundings, maildirPath: string): string[] {
  try {
    return readLines(surroundings, maildirPath).filter(isPresentable);
  } catch (error) {
    // A list that cannot be read must not keep the user from his mail.
    if (errorCode(error) === undefined) throw error;
    surroundings.warnOnce(`Subscriptions cannot be read: ${maildirPath}: ${String(error)}`);
    return [];
  }
}

function readLines(surroundings: Surroundings, maildirPath: string): string[] {
  const text = readText(surroundings.fileSystem, subscriptionsPath(maildirPath), MAX_SUBSCRIPTIONS_OCTETS) ?? '';
  return [...new Set(text.split('\n').map(foldInbox))].filter((line) => line !== '');
}

/** Replaces the list by what `change` makes of it; the same list is not written. Gives whether it was. */
export async function changeSubscriptions(
  surroundings: Surroundings,
  maildirPath: string,
  change: (names: readonly string[]) => readonly string[],
): Promise<boolean> {
  const before = readLines(surroundings, maildirPath);
  const after = [...new Set(change(before).map(foldInbox))];
  if (after.length === before.length && after.every((name, index) => name === before[index])) return false;
  await replaceFile(surroundings, {
    tmp: folderPaths(maildirPath).tmp,
    path: subscriptionsPath(maildirPath),
    purpose: 'imapsubscribe0',
    contents: after.map((name) => `${name}\n`).join(''),
  });
  if (surroundings.durable) await surroundings.fileSystem.syncDirectory(maildirPath);
  return true;
}

/** Only the leading `inbox` is caseless. */
export function foldInbox(name: string): string {
  return /^inbox(\.|$)/i.test(name) ? `INBOX${name.slice(5)}` : name;
}

function isPresentable(name: string): boolean {
  return !/[\u0000-\u001f\u007f/]|\.\.|\p{Surrogate}/u.test(name);
}

function subscriptionsPath(maildirPath: string): string {
  return join(maildirPath, 'courierimapsubscribed');
}
