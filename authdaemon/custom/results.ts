/**
 * What the site's module returns, checked field by field: it is code of somebody else, and may be wrong.
 */
import { Secret } from '../../init/runtime/secret.js';
import { type Account, type AccountOptions, type EnumeratedAccount, parseOptions } from '../account.js';
import { hasControls } from '../octet-text.js';
import { unixId } from '../protocol.js';
import type { StoredAccount } from '../stores/account-store.js';

/** The module returned something that is no account; the text says what. */
export class WrongResult extends Error {}

/** Reads the result of `find` and `authenticate`. Undefined: nobody. @throws {WrongResult} */
export function accountFromResult(value: unknown, loginName: string): StoredAccount | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  const fields = fieldsOf(value);
  const encrypted = optional(fields, 'passwordHash');
  const clear = optional(fields, 'password');
  const account: Account = {
    address: optional(fields, 'address') ?? loginName,
    ...placeOf(fields),
    options: optionsOf(fields),
    ...given('maildir', optional(fields, 'maildir')),
    ...given('systemUser', optional(fields, 'systemUser')),
    ...given('fullName', optional(fields, 'fullName')),
    ...given('quota', optional(fields, 'quota')),
    ...given('encryptedPassword', encrypted),
  };
  const secrets = {
    ...given('encrypted', encrypted),
    ...(clear === undefined ? {} : { clear: new Secret(clear) }),
  };
  return { account: clear === undefined ? account : { ...account, clearPassword: new Secret(clear) }, secrets };
}

/** Reads one account of `enumerate`. @throws {WrongResult} */
export function enumeratedFromResult(value: unknown): EnumeratedAccount {
  const fields = fieldsOf(value);
  const name = optional(fields, 'name') ?? optional(fields, 'address');
  if (name === undefined) throw new WrongResult('an account of the list has no name');
  return { name, ...placeOf(fields), maildir: optional(fields, 'maildir') ?? '', options: optionsOf(fields) };
}

function placeOf(fields: ReadonlyMap<string, unknown>): Pick<Account, 'uid' | 'gid' | 'home'> {
  const uid = idOf(fields, 'uid');
  if (uid === 0) throw new WrongResult('uid is 0, and nobody may log in as root');
  const home = optional(fields, 'home') ?? '';
  if (!home.startsWith('/')) throw new WrongResult('home is not an absolute path');
  return { uid, gid: idOf(fields, 'gid'), home };
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongResult(`an account is expected, not ${Array.isArray(value) ? 'an array' : typeof value}`);
  }
  return new Map(Object.entries(value));
}

function idOf(fields: ReadonlyMap<string, unknown>, name: string): number {
  const value = fields.get(name);
  const id = typeof value === 'number' || typeof value === 'string' ? unixId(String(value)) : undefined;
  if (id === undefined) throw new WrongResult(`${name} is not the number of a user or group`);
  return id;
}

function optional(fields: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = fields.get(name);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new WrongResult(`${name} is not a text`);
  if (hasControls(value)) throw new WrongResult(`${name} holds a control character`);
  return value;
}

/** `'disableimap=1,group=staff'`, or `{ disableimap: 1, group: ['staff', 'mail'] }`. */
function optionsOf(fields: ReadonlyMap<string, unknown>): AccountOptions {
  const value = fields.get('options');
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return parseOptions(optional(fields, 'options') ?? '');
  return [...fieldsOf(value)].flatMap(([name, each]) =>
    (Array.isArray(each) ? each : [each]).map((text: unknown) => {
      if (!['string', 'number', 'boolean'].includes(typeof text)) throw new WrongResult(`option ${name} is no text`);
      const option = { name, value: typeof text === 'boolean' ? String(Number(text)) : String(text) };
      if (hasControls(name + option.value) || /[,=]/.test(name) || option.value.includes(',')) {
        throw new WrongResult(`option ${name} holds a character that options cannot hold`);
      }
      return option;
    }),
  );
}

function given<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: string });
}
