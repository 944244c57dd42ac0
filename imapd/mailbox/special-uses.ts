/**
 * What mailboxes are used for (RFC 6154): as the settings have it, and as the account has it, which goes before.
 */
import type { Maildir } from '../../maildir/maildir.js';
import { CommandFailure } from '../completion.js';
import type { SessionSettings, SpecialUse } from '../settings/session-settings.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { belowInbox, PERSONAL_PREFIX, type PersonalNames } from './mailbox-name.js';

/** \All and \Flagged are no folders, but views, and we have none of them. */
const ROLES = ['\\Drafts', '\\Sent', '\\Junk', '\\Trash', '\\Archive'] as const satisfies readonly SpecialUse[];

/** Which folders there are, and how they are called. */
export interface UseOptions {
  readonly maildir: Maildir;
  readonly settings: Pick<SessionSettings, 'specialUse' | 'trashFolderName'>;
  readonly personalNames?: PersonalNames;
}

/** The roles of mailboxes, by the names that clients see. IMAP_TRASHFOLDERNAME names the trash where nobody else does. */
export function specialUses(options: UseOptions): Map<string, string[]> {
  const { personalNames = belowInbox } = options;
  const uses = new Map<string, string[]>();
  for (const [role, folderName] of foldersByRole(options)) {
    const name = personalNames.mailboxName(folderName);
    uses.set(name, [...(uses.get(name) ?? []), role]);
  }
  return uses;
}

function foldersBySettings(settings: UseOptions['settings']): Map<string, string> {
  const folders = new Map<string, string>();
  const bySettings: SessionSettings['specialUse'] = { '\\Trash': settings.trashFolderName, ...settings.specialUse };
  for (const [role, folder] of Object.entries(bySettings)) {
    if (folder !== '') folders.set(role, PERSONAL_PREFIX + folder);
  }
  return folders;
}

function foldersByRole({ maildir, settings }: UseOptions): Map<string, string> {
  const folders = foldersBySettings(settings);
  for (const [role, folderName] of maildir.specialUses.read()) {
    if (!ROLES.some((known) => known === role)) continue;
    if (folderName === '') folders.delete(role);
    // Another program may have removed it.
    else if (maildir.hasFolder(folderName)) folders.set(role, folderName);
  }
  return folders;
}

/** The roles of one folder of the account. */
export function rolesOf(folderName: string, options: UseOptions): string[] {
  return [...foldersByRole(options)].filter(([, name]) => name === folderName).map(([role]) => role);
}

/** The roles that a client named. @throws {CommandFailure} USEATTR when one of them cannot be given */
export function knownRoles(words: readonly string[]): string[] {
  return words.map((word) => {
    const role = ROLES.find((known) => known.toLowerCase() === word.toLowerCase());
    if (role === undefined) throw new CommandFailure('No mailbox can be used so.', 'USEATTR');
    return role;
  });
}

/** @throws {CommandFailure} USEATTR where a mailbox can have no role: those of others, and INBOX, which has its own */
export function requireRoom(place: MailboxPlace): void {
  if (place.namespace === 'personal' && place.folderName !== 'INBOX') return;
  throw new CommandFailure('This mailbox can have no special use.', 'USEATTR');
}

/** Makes these the roles of a folder, and no others. What the settings give it must be taken, the rest is just let go. */
export async function giveRoles(folderName: string, roles: readonly string[], options: UseOptions): Promise<void> {
  const before = rolesOf(folderName, options);
  const lost = before.filter((role) => !roles.includes(role));
  const bySettings = foldersBySettings(options.settings);
  await options.maildir.specialUses.change(folderName, {
    given: roles.filter((role) => !before.includes(role)),
    taken: lost.filter((role) => bySettings.get(role) === folderName),
    letGo: lost.filter((role) => bySettings.get(role) !== folderName),
  });
}
