/**
 * The accounts of authmysql or authpgsql as a book: the table that the module's settings describe, on its server.
 *
 * The module's own database user may have fewer rights than this needs; the server's refusal is then told.
 */
import { join } from 'node:path';
import { Secret } from '../../init/runtime/secret.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { hasControls } from '../octet-text.js';
import { hashPassword } from '../passwords/password.js';
import { readRcFile } from '../rc-file.js';
import { enumeratedFromRow } from '../sql/account-row.js';
import type { AccountSettings } from '../sql/account-settings.js';
import { SQL_PATIENCE } from '../sql/limits.js';
import { type SqlDatabase, SqlFailure } from '../sql/sql-database.js';
import { SqlPool } from '../sql/sql-pool.js';
import type { SqlKind } from '../sql/sql-store.js';
import { enumerateStatement, selectStatement } from '../sql/statements.js';
import {
  type AccountBook,
  type AccountChange,
  BookFailure,
  type BrokenRecord,
  type KeptAccount,
} from './account-book.js';
import * as statements from './sql-changes.js';

/** Names that cannot be read have none. */
const NAMELESS = '(a row without a name)';

/** A table of accounts. */
export class SqlBook implements AccountBook {
  readonly name: string;
  readonly #settings: AccountSettings;
  readonly #table: statements.WritableTable;
  readonly #database: SqlDatabase;
  readonly #method: string;

  private constructor(
    name: string,
    options: { settings: AccountSettings; table: statements.WritableTable; database: SqlDatabase; method: string },
  ) {
    this.name = name;
    this.#settings = options.settings;
    this.#table = options.table;
    this.#database = options.database;
    this.#method = options.method;
  }

  /** Opens the book that the settings in `configDirectory` describe, or tells why it is none. */
  static open<Values extends AccountSettings>(
    kind: SqlKind<Values>,
    configDirectory: string,
    method: string,
  ): SqlBook | string {
    const path = join(configDirectory, kind.rcName);
    const { values, problems } = readRcFile(path, (file) => kind.read(file));
    if (problems.length > 0) return problems.join('\n');
    const table = statements.writableTable(values.source, kind.name === 'authmysql' ? 'MYSQL' : 'PGSQL');
    if (typeof table === 'string') return `${path}: ${table}`;
    const servers = kind.servers(values, SQL_PATIENCE);
    const database = new SqlPool({ servers, maxConnections: 1, clock: realClock.ticks });
    return new SqlBook(kind.name, { settings: values, table, database, method });
  }

  async records(): Promise<ReadonlyMap<string, KeptAccount | BrokenRecord>> {
    const { source, charset } = this.#settings;
    const found = new Map<string, KeptAccount | BrokenRecord>();
    try {
      for await (const rows of this.#database.stream(enumerateStatement(source))) {
        for (const row of rows) {
          const account = enumeratedFromRow(row, charset);
          const name = row[0] === undefined ? NAMELESS : charset.fromDatabase(row[0]);
          found.set(name, typeof account === 'string' ? { name, broken: account } : { ...account });
        }
      }
    } catch (error) {
      throw bookFailure(this.name, error);
    }
    return found;
  }

  refusal(change: AccountChange): string | undefined {
    const { source, charset } = this.#settings;
    const names = change.kind === 'rename' ? [change.name, change.to] : [change.name];
    const texts = [...names, ...(change.kind === 'delete' ? [] : change.fields.values())];
    if (texts.some((text) => charset.toDatabase(text) === undefined || hasControls(text))) {
      return 'the database cannot hold a name or a value of this line';
    }
    if (source.defaultDomain !== undefined && names.some((name) => !name.includes('@'))) {
      return `DEFAULT_DOMAIN is set, so names are looked up with a domain; write one`;
    }
    return statements.tableRefusal(this.#table, change);
  }

  async change(changes: readonly AccountChange[]): Promise<ReadonlyMap<string, string>> {
    const problems = new Map<string, string>();
    for (const change of changes) {
      // What the server refuses concerns one line; without a server nothing more can be done.
      try {
        const problem = await this.#write(change);
        if (problem !== undefined) problems.set(change.name, problem);
      } catch (error) {
        if (!(error instanceof SqlFailure) || error.kind !== 'refused') throw bookFailure(this.name, error);
        problems.set(change.name, `${this.name}: ${error.code === '' ? error.message : describeRefusal(error)}`);
      }
    }
    return problems;
  }

  close(): void {
    this.#database.close();
  }

  async #write(change: AccountChange): Promise<string | undefined> {
    const login = this.#text(change.name);
    if (change.kind === 'delete') {
      await this.#database.query(statements.deleteStatement(this.#table, login));
      return (await this.#exists(login)) ? 'the where clause of the settings protects this row' : undefined;
    }
    const to = change.kind === 'rename' ? this.#text(change.to) : login;
    if (await this.#exists(to)) return `the database has ${change.kind === 'rename' ? change.to : change.name} already`;
    const columns = statements.columnsOf(this.#table, change.fields, await this.#password(change));
    const values = new Map([...columns].map(([column, value]) => [column, this.#text(value)]));
    if (change.kind === 'rename') {
      await this.#database.query(statements.renameStatement(this.#table, { from: login, to }, values));
      return (await this.#exists(to)) ? undefined : 'the row has gone, or the where clause of the settings protects it';
    }
    await this.#database.query(statements.insertStatement(this.#table, login, values));
    const { rows } = await this.#database.query(selectStatement(this.#settings.source, login, 'login'));
    if (rows.length === 1) return undefined;
    return rows.length === 0
      ? 'the row was written, but the where clause of the settings hides it'
      : 'the database has two rows of this name now: make its column unique';
  }

  async #exists(login: string): Promise<boolean> {
    return (await this.#database.query(statements.existsStatement(this.#table, login))).rows.length > 0;
  }

  async #password(change: AccountChange): Promise<{ clear: string; hash: string } | undefined> {
    const password = change.kind === 'create' ? change.fields.get('password') : undefined;
    if (password === undefined) return undefined;
    return { clear: password, hash: await hashPassword(new Secret(password), this.#method) };
  }

  /** refusal() has seen that there is one. */
  #text(text: string): string {
    return this.#settings.charset.toDatabase(text) ?? '';
  }
}

/** The server's words may quote a value, which may be a password; its code and what comes before the quote do not. */
function describeRefusal({ code, message }: SqlFailure): string {
  return `${message.replace(/['"«(].*$/s, '').trim()} (${code})`;
}

function bookFailure(name: string, error: unknown): unknown {
  return error instanceof SqlFailure ? new BookFailure(`${name}: ${error.message}`) : error;
}
