/**
 * The statements that write accounts into a table, with real parameters; and why some settings allow none. Pure.
 *
 * A clause of the administrator's says how accounts are found, not where a new one belongs. A column that is an
 * expression (`'5000'`, `concat(…)`) can be read, not written.
 */

import type { SqlStatement } from '../sql/sql-database.js';
import type { AccountSource, AccountTable } from '../sql/statements.js';
import type { AccountChange, AccountFields, FieldName } from './account-book.js';

/** A name, maybe quoted, maybe behind that of a table or schema. */
const COLUMN = /^(?:(?:[A-Za-z_][\w$]*|`[^`]+`|"[^"]+")\.)*(?:[A-Za-z_][\w$]*|`[^`]+`|"[^"]+")$/;

/** A place where accounts can be written. */
export interface WritableTable {
  readonly language: 'mysql' | 'pgsql';
  readonly table: AccountTable;
}

/** Gives the table, or tells which setting is in the way. */
export function writableTable(source: AccountSource, prefix: 'MYSQL' | 'PGSQL'): WritableTable | string {
  const { table, language, selectClause } = source;
  if (selectClause !== undefined) {
    return `${prefix}_SELECT_CLAUSE says how accounts are found, and not where a new one belongs; change them in the database`;
  }
  if (table === undefined) return `${prefix}_USER_TABLE is not set`;
  if (!COLUMN.test(table.name)) return `${prefix}_USER_TABLE ${table.name} is no table, but something that only reads`;
  if (!COLUMN.test(table.login)) return `${prefix}_LOGIN_FIELD ${table.login} is an expression, and cannot be written`;
  return { language, table };
}

/** Why a table cannot hold what a change says; undefined: it can. */
export function tableRefusal({ table }: WritableTable, change: AccountChange): string | undefined {
  if (change.kind === 'delete') return undefined;
  for (const [field, value] of change.fields) {
    const column = columnOf(table, field);
    if (column === undefined && value !== '') return `the settings name no column for ${field}`;
    if (column !== undefined && !COLUMN.test(column)) return `the column of ${field} is the expression ${column}`;
  }
  return undefined;
}

/** Looks for a login name, whatever the where clause says. */
export function existsStatement({ language, table }: WritableTable, login: string): SqlStatement {
  const text = `SELECT ${table.login} FROM ${table.name} WHERE ${table.login} = ${placeholder(language, 1)} LIMIT 2`;
  return { kind: 'parameters', text, values: [login] };
}

/** Adds a row. `columns` from columnsOf(). */
export function insertStatement(
  { language, table }: WritableTable,
  login: string,
  columns: ReadonlyMap<string, string>,
): SqlStatement {
  const names = [table.login, ...columns.keys()];
  const holders = names.map((_, index) => placeholder(language, index + 1));
  const text = `INSERT INTO ${table.name} (${names.join(', ')}) VALUES (${holders.join(', ')})`;
  return { kind: 'parameters', text, values: [login, ...columns.values()] };
}

/** Gives a row another name, and what changes with it. */
export function renameStatement(
  { language, table }: WritableTable,
  names: { readonly from: string; readonly to: string },
  columns: ReadonlyMap<string, string>,
): SqlStatement {
  const set = [table.login, ...columns.keys()].map((name, index) => `${name} = ${placeholder(language, index + 1)}`);
  const where = `${table.login} = ${placeholder(language, set.length + 1)} AND (${table.where})`;
  const values = [names.to, ...columns.values(), names.from];
  return { kind: 'parameters', text: `UPDATE ${table.name} SET ${set.join(', ')} WHERE ${where}`, values };
}

/** Removes a row. */
export function deleteStatement({ language, table }: WritableTable, login: string): SqlStatement {
  const text = `DELETE FROM ${table.name} WHERE ${table.login} = ${placeholder(language, 1)} AND (${table.where})`;
  return { kind: 'parameters', text, values: [login] };
}

/** The columns of fields and what goes into them; a password goes where the table has room for it. */
export function columnsOf(
  { table }: WritableTable,
  fields: AccountFields,
  password: { readonly clear: string; readonly hash: string } | undefined,
): Map<string, string> {
  const columns = new Map<string, string>();
  for (const [field, value] of fields) {
    const column = field === 'password' ? undefined : columnOf(table, field);
    if (column !== undefined) columns.set(column, value);
  }
  if (password !== undefined && table.clear !== undefined) columns.set(table.clear, password.clear);
  if (password !== undefined && table.encrypted !== undefined) columns.set(table.encrypted, password.hash);
  return columns;
}

function columnOf(table: AccountTable, field: FieldName): string | undefined {
  const columns: Readonly<Record<FieldName, string | undefined>> = {
    ...{ uid: table.uid, gid: table.gid, home: table.home, maildir: table.maildir, quota: table.quota },
    ...{ name: table.fullName, options: table.options, hash: table.encrypted },
    password: table.encrypted ?? table.clear,
  };
  return columns[field];
}

function placeholder(language: 'mysql' | 'pgsql', number: number): string {
  return language === 'mysql' ? '?' : `$${number}`;
}
