/**
 * SqlStore: the accounts of authmysql and authpgsql.
 *
 * Everything the database cannot answer is a temporary failure: unreachable, slow, a statement it refuses, more than one
 * row, a row that makes no account. A database that is down is not taken for one without accounts.
 */
import { join } from 'node:path';
import { logValue } from '../../init/runtime/log/log.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import type { ChangeAnswer, EnumerateItem, ModuleContext, TemporaryFailure } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { hashPassword } from '../passwords/password.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import { type AppPassword, type AppPasswordUse, MAX_APP_PASSWORDS } from '../secrets/app-passwords.js';
import type { AccountStore, PasswordWrite, StoreAnswer } from '../stores/account-store.js';
import { accountFromRow, appPasswordFromRow, enumeratedFromRow } from './account-row.js';
import type { AccountSettings } from './account-settings.js';
import { SQL_PATIENCE, type SqlPatience } from './limits.js';
import { type SqlDatabase, SqlFailure, type SqlServer, type SqlStatement } from './sql-database.js';
import { SqlPool } from './sql-pool.js';
import {
  appPasswordStatement,
  appPasswordUsedStatement,
  changeStatement,
  enumerateStatement,
  keepsClearPassword,
  selectStatement,
} from './statements.js';

/** What makes a store that of one kind of database. */
export interface SqlKind<Values extends AccountSettings> {
  /** As it stands in authmodulelist. */
  readonly name: string;
  /** The name of the settings file. */
  readonly rcName: string;
  read(file: Settings): Values;
  servers(settings: Values, patience: SqlPatience): SqlServer[];
}

/** Nobody has it; asked for to see whether the database answers. */
const NOBODY = '-';

/** The server's codes for a text that its columns, in a smaller character set, cannot hold. */
const NO_SUCH_TEXT = /^(ER_CANT_AGGREGATE_|22P05$)/;

interface Connected {
  readonly settings: AccountSettings;
  readonly database: SqlDatabase;
}

/** The accounts of a database. */
export class SqlStore<Values extends AccountSettings> implements AccountStore {
  readonly #kind: SqlKind<Values>;
  readonly #context: ModuleContext;
  readonly #rc: RcFile<Values>;
  readonly #clock: () => number;
  readonly #patience: SqlPatience;
  #connected: Connected | undefined;

  constructor(kind: SqlKind<Values>, context: ModuleContext, clock: () => number, patience = SQL_PATIENCE) {
    this.#kind = kind;
    this.#patience = patience;
    this.#clock = clock;
    this.#context = context;
    this.#rc = new RcFile(join(context.configDirectory, kind.rcName), (file) => kind.read(file), context.log);
  }

  get name(): string {
    return this.#kind.name;
  }

  async start(): Promise<void> {
    const connected = this.#connect();
    if (!('kind' in connected)) return;
    for (const line of connected.reason.split('\n')) this.#context.log.write('error', `${this.name}: ${line}`);
  }

  async stop(): Promise<void> {
    this.#connected?.database.close();
    this.#connected = undefined;
  }

  async idle(): Promise<void> {
    this.#connected?.database.closeIdle();
  }

  async trouble(): Promise<string | undefined> {
    const answer = await this.find(NOBODY, 'login');
    return answer.kind === 'temporary failure' ? answer.reason : undefined;
  }

  async find(loginName: string, service: string): Promise<StoreAnswer> {
    const connected = this.#connect();
    if ('kind' in connected) return connected;
    const { settings, database } = connected;
    const { source, charset } = settings;
    const login = charset.toDatabase(loginName);
    // No text of the database: nobody's name there.
    if (login === undefined || hasControls(service)) return { kind: 'unknown' };
    // What a database does is an answer, not a crash.
    try {
      const statement = selectStatement(source, login, service);
      this.#debug(describeStatement(statement));
      const { rows } = await database.query(statement);
      const [row, second] = rows;
      if (row === undefined) return { kind: 'unknown' };
      if (second !== undefined)
        return this.#failure(`${logValue(loginName)}: the database has more than one row for this name`);
      const stored = accountFromRow(row, loginName, charset);
      return typeof stored === 'string'
        ? this.#failure(`${logValue(loginName)}: ${stored}`)
        : { kind: 'found', stored };
    } catch (error) {
      const isNobody = error instanceof SqlFailure && NO_SUCH_TEXT.test(error.code) && /[^\x00-\x7f]/.test(login);
      return isNobody ? { kind: 'unknown' } : this.#failed(error);
    }
  }

  async writePassword({ loginName, newPassword, stored, method }: PasswordWrite): Promise<ChangeAnswer> {
    const connected = this.#connect();
    if ('kind' in connected) return connected;
    const { settings, database } = connected;
    const { source, charset } = settings;
    const login = charset.toDatabase(loginName);
    const clear = charset.toDatabase(newPassword.reveal());
    if (login === undefined) return { kind: 'rejected', reason: 'the account has gone' };
    if (keepsClearPassword(source) && (clear === undefined || hasControls(clear))) {
      return { kind: 'rejected', reason: 'the database cannot hold this password' };
    }
    // As in find(), and for hashes of no known kind; the server's words may hold the new password, so its code is told.
    try {
      const old = stored.secrets.encrypted;
      const hash = await hashPassword(newPassword, method ?? old);
      const replaces = method === undefined ? undefined : charset.toDatabase(old ?? '');
      const { affected } = await database.query(changeStatement(source, login, { clear: clear ?? '', hash, replaces }));
      if (affected === 0 && source.changeClause === undefined) {
        return { kind: 'rejected', reason: 'the account has gone' };
      }
      return { kind: 'changed' };
    } catch (error) {
      const isRefused = error instanceof SqlFailure && error.kind === 'refused';
      const why = isRefused ? `the database refused the change (${error.code})` : (error as Error).message;
      return { kind: 'temporary failure', reason: `the password was not changed: ${why}` };
    }
  }

  async appPasswords(loginName: string, service: string): Promise<readonly AppPassword[] | TemporaryFailure> {
    const connected = this.#connect();
    if ('kind' in connected) return connected;
    const { source, charset } = connected.settings;
    const login = charset.toDatabase(loginName);
    const statement = login === undefined ? undefined : appPasswordStatement(source, login, service);
    if (statement === undefined || hasControls(service)) return [];
    const found: AppPassword[] = [];
    // As in find().
    try {
      for await (const rows of connected.database.stream(statement)) {
        found.push(...rows.flatMap((row) => appPasswordFromRow(row, charset) ?? []));
        if (found.length > MAX_APP_PASSWORDS) break;
      }
      return found.slice(0, MAX_APP_PASSWORDS);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async noteAppPasswordUse(use: AppPasswordUse): Promise<string | undefined> {
    const connected = this.#connect();
    if ('kind' in connected) return connected.reason;
    const { source, charset } = connected.settings;
    const [login, label] = [use.loginName, use.label].map((text) => charset.toDatabase(text));
    if (login === undefined || label === undefined) return undefined;
    const statement = appPasswordUsedStatement(source, login, { ...use, label });
    // As in find().
    try {
      if (statement !== undefined) await connected.database.query(statement);
      return undefined;
    } catch (error) {
      return this.#failed(error).reason;
    }
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    const connected = this.#connect();
    if ('kind' in connected) {
      yield connected;
      return;
    }
    const { settings, database } = connected;
    let broken = 0;
    // As in find().
    try {
      for await (const rows of database.stream(enumerateStatement(settings.source))) {
        for (const row of rows) {
          const account = enumeratedFromRow(row, settings.charset);
          if (typeof account !== 'string') yield { kind: 'account', account };
          else if (broken++ === 0) this.#context.log.write('warning', `${this.name}: left out of the list: ${account}`);
        }
      }
    } catch (error) {
      yield this.#failed(error);
    }
    if (broken > 1) this.#context.log.write('warning', `${this.name}: ${broken} accounts were left out of the list`);
  }

  /** The database by the settings of now; new settings get connections of their own. */
  #connect(): Connected | TemporaryFailure {
    // A file that cannot be used is told in full.
    try {
      const settings = this.#rc.current();
      if (this.#connected?.settings === settings) return this.#connected;
      this.#connected?.database.close();
      this.#connected = { settings, database: this.#pool(settings) };
      this.#debug(`uses the settings of ${this.#rc.path}`);
      return this.#connected;
    } catch (error) {
      if (!(error instanceof UnusableRcFile)) throw error;
      return this.#failure(error.message);
    }
  }

  #pool(settings: Values): SqlPool {
    return new SqlPool({
      servers: this.#kind.servers(settings, this.#patience),
      maxConnections: this.#context.lookupsAtOnce,
      clock: this.#clock,
    });
  }

  #failed(error: unknown): TemporaryFailure {
    if (!(error instanceof SqlFailure)) throw error;
    return this.#failure(error.message);
  }

  #failure(reason: string): TemporaryFailure {
    return { kind: 'temporary failure', reason };
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', `${this.name}: ${text}`);
  }
}

/** A lookup's statement and what goes into it; there is no password in either. */
function describeStatement(statement: SqlStatement): string {
  if (statement.kind === 'parameters')
    return `SQL: ${statement.text}; with ${statement.values.map(logValue).join(', ')}`;
  const macros = Object.entries(statement.macros).map(([name, value]) => `${name}=${logValue(value)}`);
  return `SQL: ${statement.clause}; with ${macros.join(', ')}`;
}
