/**
 * The answers of authProg: the socket's own protocol (protocol.ts), checked before anybody becomes the account.
 */
import type { Account, EnumeratedAccount } from '../account.js';
import type { ModuleAnswer, TemporaryFailure } from '../modules/module.js';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { MAX_ANSWER_OCTETS, readAnswer, readEnumerated } from '../protocol.js';

/** Finds the ids of an account that is named as one of the system. */
export type FindSystemUser = (name: string) => Promise<{ uid: number; gid: number } | TemporaryFailure | undefined>;

/** An answer longer than this is a list, whose end is looked for at its end alone. */
const MAX_SEARCHED_OCTETS = MAX_ANSWER_OCTETS;
const LAST_LINE = Buffer.from('\n.\n');

/** Tells whether octets are one answer to PRE, AUTH, PASSWD or ENUMERATE, the beginning of one, or more than one. */
export function isWholeAnswer(answer: Buffer): boolean | 'too much' {
  if (answer.length > MAX_SEARCHED_OCTETS) return answer.subarray(-LAST_LINE.length).equals(LAST_LINE);
  const text = answer.toString('latin1');
  const word = /^(FAIL|OK|\.|TEMPFAIL [^\n]*)\n/.exec(text)?.[0];
  const last = text.indexOf('\n.\n');
  if (word === undefined && last < 0) return false;
  return (word?.length ?? last + LAST_LINE.length) === text.length ? true : 'too much';
}

/**
 * Reads an account. As with Courier, ADDRESS may be missing (then it is the login name), and UID and GID where USERNAME
 * names a user of the system.
 */
export async function readAuthProgAnswer(
  octets: Buffer,
  loginName: string,
  findSystemUser: FindSystemUser,
): Promise<ModuleAnswer> {
  const lines = textFromOctets(octets).split('\n').slice(0, -1);
  const given = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}=`));
  if (!/^(FAIL$|TEMPFAIL )/.test(lines[0] ?? '')) {
    if (given('ADDRESS') === undefined) lines.unshift(`ADDRESS=${loginName}`);
    const name = given('USERNAME')?.slice('USERNAME='.length);
    if (name !== undefined && (given('UID') === undefined || given('GID') === undefined)) {
      const found = await findSystemUser(name);
      if (found === undefined) return broken(`USERNAME ${name} is no user of the system`);
      if ('kind' in found) return found;
      if (given('UID') === undefined) lines.unshift(`UID=${found.uid}`);
      if (given('GID') === undefined) lines.unshift(`GID=${found.gid}`);
    }
  }
  const answer = readAnswer(octetsFromText(`${lines.join('\n')}\n`), true);
  if (answer.kind === 'rejected') return { kind: 'rejected', reason: 'authProg says no' };
  if (answer.kind === 'account') return usable(answer.account);
  return broken(answer.kind === 'temporary failure' ? answer.reason : 'the answer is no account');
}

/** Reads the lines of a list. */
export function readAuthProgList(octets: Buffer): EnumeratedAccount[] {
  const accounts: EnumeratedAccount[] = [];
  for (let start = 0; start < octets.length; ) {
    const end = octets.indexOf(0x0a, start);
    const account = readEnumerated(octets.subarray(start, end < 0 ? octets.length : end));
    if (account !== undefined) accounts.push(account);
    start = end < 0 ? octets.length : end + 1;
  }
  return accounts;
}

function usable(account: Account): ModuleAnswer {
  if (account.uid === 0) return broken('UID is 0, and nobody may log in as root');
  if (!account.home.startsWith('/')) return broken('HOME is not an absolute path');
  return { kind: 'account', account };
}

function broken(reason: string): TemporaryFailure {
  return { kind: 'temporary failure', reason: `authProg: ${reason}` };
}
