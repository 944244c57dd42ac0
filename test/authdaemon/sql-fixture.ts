/**
 * A module of a database in this process, on a real server, with a settings file of its own.
 */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthModule, ModuleAnswer, ModuleContext } from '../../authdaemon/modules/module.js';
import { octetsFromText } from '../../authdaemon/octet-text.js';
import type { AccountSettings } from '../../authdaemon/sql/account-settings.js';
import { type SqlKind, SqlStore } from '../../authdaemon/sql/sql-store.js';
import { StoreModule } from '../../authdaemon/stores/store-module.js';
import { logTo } from '../../init/runtime/log/log.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { TestDatabase } from '../support/sql-servers.js';

/** `{SHA256}` of "secret". */
export const SECRET_HASH = '{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=';

/** Changed settings; undefined takes a line out. */
export type RcChanges = Readonly<Record<string, string | undefined>>;

/** One kind of database, for tests that are the same for both. */
export interface SqlUnderTest {
  /** `MYSQL`, as the settings begin. */
  readonly prefix: 'MYSQL' | 'PGSQL';
  readonly name: 'authmysql' | 'authpgsql';
  start(): Promise<TestDatabase>;
  /** The lines of the file about the server; `port` in place of the server's own. */
  connection(database: TestDatabase, port?: number): Record<string, string>;
  /** The line that names two servers. */
  twoServers(database: TestDatabase, first: number, second: number): Record<string, string>;
  /** Lines that make TLS insisted on, and checked with this certificate. */
  tls(database: TestDatabase, authority: string): Record<string, string>;
  /** An expression that takes half a minute, and one that is true after a twentieth of a second. */
  readonly sleep: string;
  readonly nap: string;
  /** Ends all connections of the module, on the server's side. */
  readonly killConnections: string;
  /** How many connections the module has. */
  readonly countConnections: string;
  /** An expression for the cipher of the connection, '' without one. */
  readonly cipher: string;
  /** What gives the column `name` another type, which follows. */
  readonly retype: string;
  readonly concat: (...parts: readonly string[]) => string;
  build(context: ConstructorParameters<typeof StoreModule>[1], patience?: Patience): AuthModule;
}

export interface Patience {
  readonly connectMs: number;
  readonly queryMs: number;
}

/** Makes the builder of a kind. */
export function builderOf<Values extends AccountSettings>(kind: SqlKind<Values>): SqlUnderTest['build'] {
  return (context, patience) => new StoreModule(new SqlStore(kind, context, realClock.ticks, patience), context);
}

/** A running module and its file. */
export interface RunningModule {
  readonly module: AuthModule;
  readonly log: string[];
  rewrite(changes: RcChanges): void;
  login(loginName: string, password: string, service?: string): Promise<ModuleAnswer>;
}

/** The whole file. */
export function rcText(test: SqlUnderTest, database: TestDatabase, changes: RcChanges = {}): string {
  const settings: Record<string, string | undefined> = {
    ...test.connection(database),
    [`${test.prefix}_USER_TABLE`]: 'passwd',
    [`${test.prefix}_CRYPT_PWFIELD`]: 'crypt',
    [`${test.prefix}_CLEAR_PWFIELD`]: 'clear',
    [`${test.prefix}_NAME_FIELD`]: 'name',
    [`${test.prefix}_MAILDIR_FIELD`]: 'maildir',
    [`${test.prefix}_QUOTA_FIELD`]: 'quota',
    [`${test.prefix}_AUXOPTIONS_FIELD`]: 'options',
    ...changes,
  };
  const lines = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : `${name}\t${value}`));
  return `${lines.join('\n')}\n##NAME: MARKER:0\n`;
}

/** How the module is set up. */
export interface WithModule {
  readonly changes?: RcChanges;
  readonly patience?: Patience;
  readonly lookupsAtOnce?: number;
  readonly context?: Partial<ModuleContext>;
}

/** Runs a module for as long as `use` takes. */
export async function withModule(
  test: SqlUnderTest,
  database: TestDatabase,
  options: WithModule,
  use: (running: RunningModule) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sql-'));
  const path = join(directory, `${test.name}rc`);
  let time = 1000;
  const rewrite = (changes: RcChanges): void => {
    writeFileSync(path, rcText(test, database, changes));
    time += 1;
    utimesSync(path, time, time);
  };
  rewrite(options.changes ?? {});
  const log: string[] = [];
  const context = {
    log: logTo((level, line) => log.push(`${level}: ${line}`)),
    debugLogin: 0 as const,
    configDirectory: directory,
    lookupsAtOnce: options.lookupsAtOnce ?? 5,
    ...options.context,
  };
  const module = test.build(context, options.patience);
  await module.start();
  const login = (loginName: string, password: string, service = 'imap'): Promise<ModuleAnswer> => {
    const authData = octetsFromText(`${loginName}\n${password}\n`);
    return module.authenticate({ service, authType: 'login', authData });
  };
  try {
    await use({ module, log, rewrite, login });
  } finally {
    await module.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Makes the table of accounts anew: `ann` and some others. */
export async function makeAccounts(database: TestDatabase): Promise<void> {
  const columns = ['crypt', 'clear', 'name', 'home', 'maildir', 'quota', 'options'];
  await database.sql(`
    DROP TABLE IF EXISTS passwd;
    CREATE TABLE passwd (id varchar(128), uid bigint, gid bigint, ${columns.map((each) => `${each} varchar(250)`).join(', ')});
    INSERT INTO passwd (id, uid, gid, home, crypt, clear, name, maildir, quota, options) VALUES
      ('ann', 5000, 5001, '/home/ann', '${SECRET_HASH}', NULL, 'Ann Other, room 5', '/mail/ann', '1000S', 'disableimap=1,group=staff'),
      ('bob', 5000, 5000, '/home/bob', '', 'clear secret', NULL, NULL, '', NULL),
      ('ann@example.com', 5002, 5002, '/home/ann2', '${SECRET_HASH}', '', '', '', '', ''),
      ('locked', 5000, 5000, '/home/x', '!${SECRET_HASH}', NULL, NULL, NULL, NULL, NULL),
      ('starred', 5000, 5000, '/home/x', '*', NULL, NULL, NULL, NULL, NULL),
      ('nothing', 5000, 5000, '/home/x', NULL, NULL, NULL, NULL, NULL, NULL);`);
}
