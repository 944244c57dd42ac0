/**
 * A directory entry as an account: which attribute means what is for LDAP_… settings to say. Pure.
 */

import { Secret } from '../../init/runtime/secret.js';
import type { Account, AccountOption } from '../account.js';
import { hasControls } from '../octet-text.js';
import { unixId } from '../protocol.js';
import type { LdapEntry } from './connection.js';
import type { LdapAttributes, LdapSettings } from './settings.js';

/** What an entry says; `notes` names attributes with more values than the one that counts. */
export type EntryReading =
  | { readonly kind: 'account'; readonly account: Account; readonly locked: boolean; readonly notes: readonly string[] }
  | { readonly kind: 'broken'; readonly reason: string };

/** The password policy overlay's mark of an account that is locked for good. */
const LOCK_ATTRIBUTE = 'pwdAccountLockedTime';
const LOCKED_FOR_GOOD = '000001010000Z';

/** An attribute cannot be used; the message names it and the entry. */
class BrokenEntry extends Error {}

/** The attributes to ask for. */
export function attributesOf({ attributes }: LdapSettings): string[] {
  const { options, ...named } = attributes;
  const names = [...Object.values(named), ...options.map(({ attribute }) => attribute), LOCK_ATTRIBUTE];
  return [...new Set(names)];
}

/** Reads an entry as the account `name`. Mail for the service `courier` goes where LDAP_DEFAULTDELIVERY says. */
export function readAccount(settings: LdapSettings, entry: LdapEntry, name: string, service: string): EntryReading {
  const reader = new EntryReader(entry);
  try {
    const account = accountOf(settings, reader, name, service);
    const locked = entry.values.get(LOCK_ATTRIBUTE.toLowerCase())?.includes(LOCKED_FOR_GOOD) === true;
    return { kind: 'account', account, locked, notes: reader.notes };
  } catch (error) {
    if (error instanceof BrokenEntry) return { kind: 'broken', reason: error.message };
    throw error;
  }
}

/** The values of an attribute, in the server's order. */
export function valuesOf(entry: LdapEntry, attribute: string): readonly string[] {
  return entry.values.get(attribute.toLowerCase()) ?? [];
}

class EntryReader {
  readonly notes: string[] = [];
  readonly #entry: LdapEntry;

  constructor(entry: LdapEntry) {
    this.#entry = entry;
  }

  /** The first value of an attribute; an empty one is none. */
  value(attribute: string | undefined): string | undefined {
    if (attribute === undefined) return undefined;
    const [first, ...more] = valuesOf(this.#entry, attribute);
    if (more.length > 0) this.notes.push(attribute);
    if (first !== undefined && hasControls(first)) this.fail(attribute, 'has control characters');
    return first === '' ? undefined : first;
  }

  /** A uid or gid: the entry's own, else that of the settings. */
  id(attribute: string | undefined, everybodys: number | undefined, names: string): number {
    const text = this.value(attribute);
    const id = text === undefined ? everybodys : unixId(text);
    if (id === 0) this.fail(attribute ?? names, 'is 0, which is root');
    if (id !== undefined) return id;
    if (text !== undefined) this.fail(attribute ?? names, 'is not a number');
    return this.fail(attribute ?? names, attribute === undefined ? 'is not set' : 'is missing');
  }

  fail(attribute: string, what: string): never {
    throw new BrokenEntry(`${attribute} of ${this.#entry.dn} ${what}`);
  }
}

function accountOf(settings: LdapSettings, reader: EntryReader, name: string, service: string): Account {
  const { attributes } = settings;
  const uid = reader.id(attributes.uid, settings.uid, 'LDAP_UID or LDAP_GLOB_UID');
  const gid = reader.id(attributes.gid, settings.gid, 'LDAP_GID or LDAP_GLOB_GID');
  const clear = reader.value(attributes.clearPassword);
  const encrypted = reader.value(attributes.encryptedPassword);
  const mailbox = service === 'courier' ? attributes.defaultDelivery : attributes.maildir;
  return {
    address: name,
    uid,
    gid,
    home: homeOf(settings, reader),
    // Courier says NAME= also for nobody's name.
    fullName: reader.value(attributes.fullName)?.split(',')[0] ?? '',
    ...optional('maildir', reader.value(mailbox)),
    ...optional('quota', reader.value(attributes.quota)),
    ...optional('encryptedPassword', encrypted),
    ...optional('clearPassword', clear === undefined ? undefined : new Secret(clear)),
    options: optionsOf(attributes, reader),
  };
}

function homeOf({ attributes, mailRoot }: LdapSettings, reader: EntryReader): string {
  const own = reader.value(attributes.home);
  if (own === undefined) return reader.fail(attributes.home, 'is missing');
  const home = mailRoot === undefined ? own : `${mailRoot}/${own}`;
  return home.startsWith('/')
    ? home
    : reader.fail(attributes.home, 'is not an absolute path, and LDAP_MAILROOT gives none');
}

function optionsOf({ options }: LdapAttributes, reader: EntryReader): AccountOption[] {
  return options.flatMap(({ attribute, option }) => {
    const value = reader.value(attribute);
    // A comma would begin another option, which this attribute is not for.
    if (value?.includes(',') === true) reader.fail(attribute, 'has a comma, which an account option cannot have');
    return value === undefined ? [] : [{ name: option, value }];
  });
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });
}
