/**
 * AccountBook: a place where accounts are written down, as authaccounts changes it: userdb or a table of a database.
 *
 * Knows no mail; where that is moved to is decided before.
 */
import { resolve } from 'node:path';

/** The fields a line may give, for every kind of book. */
export const FIELD_NAMES = [
  ...['uid', 'gid', 'home', 'maildir', 'quota', 'name', 'options'],
  ...['password', 'hash'],
] as const;

/** One of them: `password` in the clear, `hash` as it is to be stored. */
export type FieldName = (typeof FIELD_NAMES)[number];

/** What is to be written down of an account. */
export type AccountFields = ReadonlyMap<FieldName, string>;

/** An account as it stands in the book. */
export interface KeptAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Relative to the home, or absolute; '' is the server's default. */
  readonly maildir: string;
}

/** A record that is none of an account that could be used. */
export interface BrokenRecord {
  readonly name: string;
  readonly broken: string;
}

/** One change of the book. A rename gives the fields that change with the name. */
export type AccountChange =
  | { readonly kind: 'create'; readonly name: string; readonly fields: AccountFields }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string; readonly fields: AccountFields }
  | { readonly kind: 'delete'; readonly name: string };

/** Nothing more can be done with the book for now; the text is for the administrator. */
export class BookFailure extends Error {}

/** A book of accounts. */
export interface AccountBook {
  /** As it stands in authmodulelist: `authmysql`. */
  readonly name: string;
  /** All records by their names. @throws {BookFailure} */
  records(): Promise<ReadonlyMap<string, KeptAccount | BrokenRecord>>;
  /** Why this book cannot take a change, whatever stands in it; undefined: it can. */
  refusal(change: AccountChange): string | undefined;
  /**
   * Writes changes of different names down, and gives what is wrong with each that it could not, by its name.
   *
   * @throws {BookFailure} It is then not known which of them were written.
   */
  change(changes: readonly AccountChange[]): Promise<ReadonlyMap<string, string>>;
  /** Finishes what was interrupted, before anything is changed. @throws {BookFailure} It could not be changed now. */
  prepare?(): Promise<void>;
  close(): void;
}

/** Where an account's maildir is. `usual` is the server's default, such as `Maildir`. */
export function maildirPath(account: { readonly home: string; readonly maildir: string }, usual: string): string {
  return resolve(account.home, account.maildir === '' ? usual : account.maildir);
}
