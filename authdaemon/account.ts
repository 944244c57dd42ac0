/**
 * Account: what authdaemon says about somebody who may log in, and the account options that go with it.
 *
 * Knows neither sockets nor modules nor passwords' schemes.
 */
import type { Secret } from '../init/runtime/secret.js';

/** One option as it stands in OPTIONS: `disableimap=1`, or a bare `name`. Names may repeat (`group`). */
export interface AccountOption {
  readonly name: string;
  readonly value?: string;
}

/** Options in the order of the account's record, those of DEFAULTOPTIONS after them. */
export type AccountOptions = readonly AccountOption[];

/** Somebody who may log in, as a module found him. */
export interface Account {
  /** The account's mail address; with userdb the account's name. */
  readonly address: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** As the record says it: relative to home, or absolute. Absent: the server's own default. */
  readonly maildir?: string;
  /** Given by modules of system accounts: the name whose supplementary groups the mail worker takes. */
  readonly systemUser?: string;
  readonly fullName?: string;
  /** Maildir++ quota: `10000000S,1000C`. */
  readonly quota?: string;
  readonly options: AccountOptions;
  /** The stored hash. For callers that check it themselves; never in a log. */
  readonly encryptedPassword?: string;
  /** The password in the clear, where it is stored so, or as the client gave it when a login succeeded. */
  readonly clearPassword?: Secret;
}

/** One line of an ENUMERATE answer. */
export interface EnumeratedAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly maildir: string;
  readonly options: AccountOptions;
}

/**
 * Reads `disableimap=1,group=staff`. Empty items are dropped, unknown names kept.
 */
export function parseOptions(text: string): AccountOptions {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !item.startsWith('='))
    .map((item) => {
      const equals = item.indexOf('=');
      return equals < 0 ? { name: item } : { name: item.slice(0, equals), value: item.slice(equals + 1) };
    });
}

/** Writes options as parseOptions reads them; an empty list gives the empty string. */
export function formatOptions(options: AccountOptions): string {
  return options.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)).join(',');
}

/** Adds those site defaults (DEFAULTOPTIONS) whose name the account does not set itself. */
export function mergeDefaultOptions(own: AccountOptions, defaults: AccountOptions): AccountOptions {
  const names = new Set(own.map((option) => option.name));
  return [...own, ...defaults.filter((option) => !names.has(option.name))];
}

/** Gives the first value of an option; `''` for a bare name, undefined when it is not there. */
export function optionText(options: AccountOptions, name: string): string | undefined {
  const option = options.find((each) => each.name === name);
  return option === undefined ? undefined : (option.value ?? '');
}

/** Gives all values of an option that may repeat, such as `group`. */
export function optionValues(options: AccountOptions, name: string): string[] {
  return options.filter((each) => each.name === name).map((each) => each.value ?? '');
}

/**
 * Reads an option as Courier does: the leading integer of its value, 1 for a value that starts with t or y, else 0.
 *
 * Absent is 0.
 */
export function optionNumber(options: AccountOptions, name: string): number {
  const text = optionText(options, name) ?? '';
  if (/^[tTyY]/.test(text)) return 1;
  const number = Number.parseInt(text, 10);
  return Number.isSafeInteger(number) ? number : 0;
}

/** Gives the options as a plain object for a message between processes; values of a repeated name are joined by commas. */
export function optionsRecord(options: AccountOptions): Record<string, string> {
  const record: Record<string, string> = {};
  for (const { name, value } of options) {
    const before = Object.hasOwn(record, name) ? record[name] : undefined;
    const text = before === undefined ? (value ?? '') : `${before},${value ?? ''}`;
    Object.defineProperty(record, name, { value: text, enumerable: true, writable: true, configurable: true });
  }
  return record;
}
