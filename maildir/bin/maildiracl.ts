/**
 * maildiracl: shows and changes who may do what with a maildir's folders.
 *
 * Words, texts and exit codes are those of Courier's maildiracl. When it runs as root it becomes the owner of the maildir
 * first, so that what it writes is his, and nothing that he put there leads root astray. Sessions hear of a change within
 * a second.
 */
import { resolve } from 'node:path';
import { runProgram } from '../../init/runtime/program.js';
import type { AclList } from '../acl/acl-list.js';
import { type AclChange, AclRefused, type MaildirAcls } from '../acl/maildir-acls.js';
import { ALL_LETTERS } from '../acl/rights.js';
import { isFolderName } from '../folder-name.js';
import { becomeOwnerOf, openForTool } from './tool-store.js';

const USAGE = `Usage: maildiracl -list MAILDIR FOLDER
       maildiracl -set MAILDIR FOLDER IDENTIFIER RIGHTS
       maildiracl -delete MAILDIR FOLDER IDENTIFIER
       maildiracl -compute MAILDIR FOLDER IDENTIFIER...
       maildiracl -reset MAILDIR`;

const HELP = `${USAGE}

  FOLDER       INBOX, INBOX.Lists.News
  IDENTIFIER   owner, anyone, administrators, user=LOGIN, group=NAME; with a minus in front: takes rights away
  RIGHTS       letters: l see, r read, s \\Seen, w other flags, i add messages, t \\Deleted, e expunge,
               c make folders below, x delete the folder, a administer; d is t, e and x
               or a word: none, read, post, append, write, all; +LETTERS adds to them, -LETTERS takes away
  -compute     what somebody may do for whom all these identifiers stand
  -reset       forgets lists of names that have had no folders for an hour`;

/** What mail administrators say in place of letters. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['none', ''],
  ['read', 'lrs'],
  ['post', 'lprs'],
  ['append', 'ilprs'],
  ['write', 'ceilprstwx'],
  ['all', ALL_LETTERS],
]);

/** What the person at the keyboard is told, where Courier tells it; the exit code is 1. */
class Refusal extends Error {
  readonly to: 'stdout' | 'stderr';

  constructor(text: string, to: 'stdout' | 'stderr' = 'stderr') {
    super(text);
    this.to = to;
  }
}

await runProgram({ name: 'maildiracl', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  try {
    await act(words);
    return 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process[error.to].write(`${error.message}\n`);
    return 1;
  }
}

async function act([action = '', path = '', folder = '', ...rest]: readonly string[]): Promise<void> {
  const counts: Readonly<Record<string, boolean>> = {
    '-list': rest.length === 0,
    '-set': rest.length === 2,
    '-delete': rest.length === 1,
    '-compute': rest.length > 0,
    '-reset': folder === '' && path !== '',
  };
  if (counts[action] !== true || (action !== '-reset' && folder === '')) throw new Refusal(USAGE, 'stdout');
  if (action !== '-reset' && !(isFolderName(folder) && folder.startsWith('INBOX')))
    throw new Refusal(`${folder}: Invalid argument`);
  becomeOwnerOf(path);
  const { maildir, store } = openForTool('maildiracl', resolve(path));
  const { acls } = maildir;
  const [identifier = '', rights = ''] = rest;
  if (action === '-list') show(acls.list(folder));
  else if (action === '-compute') process.stdout.write(`${computed(acls.list(folder), rest)}\n`);
  else if (action === '-set') await change(acls, { folder, change: setting(identifier, rights) });
  else if (action === '-delete') await change(acls, { folder, change: (list) => list.without(identifier) });
  else acls.reset();
  await store.close();
}

function show(list: AclList): void {
  for (const { identifier, letters } of list.entries()) process.stdout.write(`${identifier}\t${letters}\n`);
}

function computed(list: AclList, identities: readonly string[]): string {
  const letters = new Set(list.lettersOf(identities));
  if (identities.includes('owner')) letters.add('a');
  return [...letters].sort().join('');
}

function setting(identifier: string, rights: string): AclChange {
  const [, sign = '', given = ''] = /^([+-]?)(.*)$/s.exec(rights) ?? [];
  const letters = (WORDS.get(given) ?? given).replaceAll('d', 'etx');
  return (list) => {
    const changed = /^[a-z0-9]*$/.test(letters) ? list.with(identifier, sign + letters) : undefined;
    if (changed === undefined) throw new Refusal(`maildiracl: ${identifier} ${rights}: Invalid argument`);
    return changed;
  };
}

async function change(
  acls: MaildirAcls,
  { folder, change: wanted }: { readonly folder: string; readonly change: AclChange },
): Promise<void> {
  try {
    await acls.change(folder, wanted);
  } catch (error) {
    if (!(error instanceof AclRefused)) throw error;
    const who = typeof error.because === 'string' ? error.because : error.because.identifier;
    throw new Refusal(`${error.message} for ${who}`);
  }
}
