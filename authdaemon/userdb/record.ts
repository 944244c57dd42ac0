/**
 * A userdb record, `uid=5000|gid=5000|home=/home/joe|systempw=…`, and the account it describes. Pure.
 */
import type { Account } from '../account.js';
import { parseOptions } from '../account.js';
import { unixId } from '../protocol.js';
import { type AppPassword, isAppPasswordLabel, parseServices } from '../secrets/app-passwords.js';

/** Field names and values in the order of the record; a field without `=` has an empty value. */
export type UserdbFields = ReadonlyMap<string, string>;

/** Splits a record into its fields. Where a name repeats, the first one counts. */
export function parseFields(record: string): UserdbFields {
  const fields = new Map<string, string>();
  for (const field of record.split('|')) {
    const equals = field.indexOf('=');
    const name = equals < 0 ? field : field.slice(0, equals);
    if (name !== '' && !fields.has(name)) fields.set(name, equals < 0 ? '' : field.slice(equals + 1));
  }
  return fields;
}

/** Splits a source record into what everybody may read and the passwords: every field whose name ends in `pw`. */
export function splitPasswords(record: string): { readonly open: string; readonly shadow: string } {
  const fields = record.split('|').filter((field) => field !== '');
  const isPassword = (field: string): boolean => /^[^=]*pw=/.test(field);
  return {
    open: fields.filter((field) => !isPassword(field)).join('|'),
    shadow: fields.filter(isPassword).join('|'),
  };
}

/** Gives the password field for a service, the service's own before the common one; undefined when there is none. */
export function passwordField(shadow: UserdbFields, service: string): { name: string; hash: string } | undefined {
  for (const name of [`${service}pw`, 'systempw']) {
    const hash = shadow.get(name);
    if (hash !== undefined) return { name, hash };
  }
  return undefined;
}

/** The field of an app password: it ends in `pw`, so that makeuserdb keeps it where only passwords are. */
export function appPasswordField(label: string): string {
  return `app-${label}pw`;
}

/** Gives the app passwords of a record, `app-LABELpw=imap,pop3:{SSHA256}…`; no services mean all. */
export function appPasswordsOf(shadow: UserdbFields): AppPassword[] {
  const found: AppPassword[] = [];
  for (const [field, value] of shadow) {
    const label = /^app-(.*)pw$/.exec(field)?.[1] ?? '';
    const colon = value.indexOf(':');
    if (!isAppPasswordLabel(label) || colon < 0) continue;
    found.push({ label, services: parseServices(value.slice(0, colon)), hash: value.slice(colon + 1) });
  }
  return found;
}

/**
 * Makes the account of a record, or tells what is wrong with it.
 *
 * Courier takes `uid=abc` for uid 0; here it is an error.
 */
export function accountFromFields(name: string, fields: UserdbFields, encryptedPassword?: string): Account | string {
  const uid = unixId(fields.get('uid'));
  const gid = unixId(fields.get('gid'));
  const home = fields.get('home') ?? '';
  if (uid === undefined) return problemOf(fields, 'uid');
  if (gid === undefined) return problemOf(fields, 'gid');
  if (home === '') return problemOf(fields, 'home');
  const fullName = fields.get('gecos')?.split(',')[0] ?? '';
  const maildir = fields.get('mail') ?? '';
  const quota = fields.get('quota') ?? '';
  return {
    address: name,
    uid,
    gid,
    home,
    options: parseOptions(fields.get('options') ?? ''),
    ...(fullName === '' ? {} : { fullName }),
    ...(maildir === '' ? {} : { maildir }),
    ...(quota === '' ? {} : { quota }),
    ...(encryptedPassword === undefined ? {} : { encryptedPassword }),
  };
}

function problemOf(fields: UserdbFields, name: string): string {
  return fields.has(name) ? `the value of '${name}' cannot be used` : `required value '${name}' is missing`;
}
