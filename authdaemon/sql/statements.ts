/**
 * The statements about accounts: Courier's default ones, with real parameters, and the administrator's own clauses.
 *
 * Names of tables and columns are the administrator's; columns may be any expression. Pure.
 */
import type { SqlStatement } from './sql-database.js';

/** A table of accounts, as the settings describe it. A column that is absent reads as ''. */
export interface AccountTable {
  readonly name: string;
  readonly login: string;
  readonly encrypted?: string;
  readonly clear?: string;
  readonly uid: string;
  readonly gid: string;
  readonly home: string;
  readonly maildir?: string;
  /** Takes the place of `maildir` for the service `courier`, Courier's mail transport. */
  readonly defaultDelivery?: string;
  readonly quota?: string;
  readonly fullName?: string;
  readonly options?: string;
  readonly where: string;
}

/** Where accounts are: in a table, and for each task without a clause of its own, that table is needed. */
export interface AccountSource {
  readonly language: 'mysql' | 'pgsql';
  readonly table?: AccountTable;
  readonly selectClause?: string;
  readonly enumerateClause?: string;
  readonly changeClause?: string;
  /** App passwords: label, hash, services. Absent: there are none. */
  readonly appPasswordClause?: string;
  /** Writes the last use of one. */
  readonly appPasswordUsedClause?: string;
  readonly defaultDomain?: string;
}

/** A new password, as it is and hashed. */
export interface NewPassword {
  readonly clear: string;
  readonly hash: string;
  /** It is written only in the place of this hash ('': of none); without effect on a clause of the administrator's. */
  readonly replaces?: string | undefined;
}

/** Courier's macros for the list of all accounts. */
const LIST_LOGIN = '*';
const LIST_SERVICE = 'enumerate';

/** Looks one account up. */
export function selectStatement(source: AccountSource, login: string, service: string): SqlStatement {
  if (source.selectClause !== undefined) {
    return { kind: 'clause', clause: source.selectClause, macros: macros(source, login, service) };
  }
  const table = tableOf(source);
  const maildir = service === 'courier' ? table.defaultDelivery : table.maildir;
  const columns = [
    table.login,
    table.encrypted,
    table.clear,
    table.uid,
    table.gid,
    table.home,
    maildir,
    table.quota,
    table.fullName,
    table.options,
  ].map((column) => column ?? "''");
  const text = `SELECT ${columns.join(', ')} FROM ${table.name} WHERE ${table.login} = ${placeholder(source, 1)} AND (${table.where}) LIMIT 2`;
  return { kind: 'parameters', text, values: [withDomain(source, login)] };
}

/** Lists all accounts: name, uid, gid, home, maildir, options. */
export function enumerateStatement(source: AccountSource): SqlStatement {
  if (source.enumerateClause !== undefined) {
    return { kind: 'clause', clause: source.enumerateClause, macros: macros(source, LIST_LOGIN, LIST_SERVICE) };
  }
  const table = tableOf(source);
  const columns = [table.login, table.uid, table.gid, table.home, table.maildir ?? "''", table.options ?? "''"];
  const text = `SELECT ${columns.join(', ')} FROM ${table.name} WHERE ${table.where}`;
  return { kind: 'parameters', text, values: [] };
}

/** Writes a new password: into both columns, where both are configured. */
export function changeStatement(source: AccountSource, login: string, password: NewPassword): SqlStatement {
  if (source.changeClause !== undefined) {
    const values = { newpass: password.clear, newpass_crypt: password.hash };
    return { kind: 'clause', clause: source.changeClause, macros: { ...macros(source, login, ''), ...values } };
  }
  const table = tableOf(source);
  const values: string[] = [];
  const assignments: string[] = [];
  const assign = (column: string | undefined, value: string): void => {
    if (column === undefined) return;
    values.push(value);
    assignments.push(`${column} = ${placeholder(source, values.length)}`);
  };
  assign(table.clear, password.clear);
  assign(table.encrypted, password.hash);
  values.push(withDomain(source, login));
  let where = `${table.login} = ${placeholder(source, values.length)} AND (${table.where})`;
  if (password.replaces !== undefined && table.encrypted !== undefined) {
    values.push(password.replaces);
    where += ` AND COALESCE(${table.encrypted}, '') = ${placeholder(source, values.length)}`;
  }
  return { kind: 'parameters', text: `UPDATE ${table.name} SET ${assignments.join(', ')} WHERE ${where}`, values };
}

/** Lists the app passwords of an account; undefined where none are configured. */
export function appPasswordStatement(source: AccountSource, login: string, service: string): SqlStatement | undefined {
  const clause = source.appPasswordClause;
  return clause === undefined ? undefined : { kind: 'clause', clause, macros: macros(source, login, service) };
}

/** Writes the last use of one; undefined where that is not configured. */
export function appPasswordUsedStatement(
  source: AccountSource,
  login: string,
  { label, service, remoteIp }: { readonly label: string; readonly service: string; readonly remoteIp: string },
): SqlStatement | undefined {
  const clause = source.appPasswordUsedClause;
  if (clause === undefined) return undefined;
  return { kind: 'clause', clause, macros: { ...macros(source, login, service), label, address: remoteIp } };
}

/** Does a change keep the password itself, so that it has to be text of the database? */
export function keepsClearPassword({ table, changeClause }: AccountSource): boolean {
  return changeClause === undefined ? table?.clear !== undefined : changeClause.includes('$(newpass)');
}

/** As Courier: the domain begins behind the first @, and an empty one stays empty. */
function macros({ defaultDomain = '' }: AccountSource, login: string, service: string): Record<string, string> {
  const at = login.indexOf('@');
  if (at < 0) return { local_part: login, domain: defaultDomain, service };
  return { local_part: login.slice(0, at), domain: login.slice(at + 1), service };
}

function withDomain({ defaultDomain }: AccountSource, login: string): string {
  return defaultDomain === undefined || login.includes('@') ? login : `${login}@${defaultDomain}`;
}

function placeholder({ language }: AccountSource, number: number): string {
  return language === 'mysql' ? '?' : `$${number}`;
}

function tableOf({ table }: AccountSource): AccountTable {
  if (table === undefined) throw new TypeError('settings without a table were let through');
  return table;
}
