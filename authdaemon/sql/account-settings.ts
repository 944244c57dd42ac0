/**
 * The settings that authmysqlrc and authpgsqlrc share: the table, its columns, and the clauses. Courier's names, with
 * `MYSQL` or `PGSQL` before them, and Courier's defaults.
 */
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { type SqlCharset, sqlCharset, UTF8_CHARSET } from './charset.js';
import { clauseProblems, USUAL_QUOTING } from './clause.js';
import type { AccountSource, AccountTable } from './statements.js';

/** Where accounts are in the database, and in which character set clients name them. */
export interface AccountSettings {
  readonly source: AccountSource;
  readonly charset: SqlCharset;
}

const prefixes = { mysql: 'MYSQL', pgsql: 'PGSQL' } as const;

/** Reads the settings about accounts; what is wrong goes into the settings' problems. */
export function readAccountSettings(file: Settings, language: 'mysql' | 'pgsql'): AccountSettings {
  const prefix = prefixes[language];
  const clause = (name: string): string | undefined => readClause(file, `${prefix}_${name}`, language);
  const selectClause = clause('SELECT_CLAUSE');
  const enumerateClause = clause('ENUMERATE_CLAUSE');
  const changeClause = clause('CHPASS_CLAUSE');
  const appPasswordClause = clause('APP_PASSWORD_CLAUSE');
  const appPasswordUsedClause = clause('APP_PASSWORD_USED_CLAUSE');
  const isTableNeeded = [selectClause, enumerateClause, changeClause].includes(undefined);
  const table = readTable(file, prefix, isTableNeeded);
  const defaultDomain = file.optionalText('DEFAULT_DOMAIN');
  if (defaultDomain?.startsWith('@') === true) {
    file.problem('DEFAULT_DOMAIN', `DEFAULT_DOMAIN ${defaultDomain} begins with an @`, 'write the domain without it');
  }
  const clauses = { selectClause, enumerateClause, changeClause, appPasswordClause, appPasswordUsedClause };
  const source = { language, table, ...clauses, defaultDomain };
  return { source: withoutAbsent(source), charset: readCharset(file, `${prefix}_CHARACTER_SET`, language) };
}

function readTable(file: Settings, prefix: string, isNeeded: boolean): AccountTable | undefined {
  const column = (name: string, ...more: string[]): string | undefined =>
    [name, ...more].map((each) => file.optionalText(`${prefix}_${each}`)).find((text) => text !== undefined);
  const name = column('USER_TABLE');
  const passwords = { encrypted: column('CRYPT_PWFIELD'), clear: column('CLEAR_PWFIELD') };
  const table = {
    name,
    ...passwords,
    login: file.text(`${prefix}_LOGIN_FIELD`, 'id'),
    uid: file.text(`${prefix}_UID_FIELD`, 'uid'),
    gid: file.text(`${prefix}_GID_FIELD`, 'gid'),
    home: file.text(`${prefix}_HOME_FIELD`, 'home'),
    maildir: column('MAILDIR_FIELD'),
    // Courier's two modules read it under different names.
    defaultDelivery: column('DEFAULTDELIVERY_FIELD', 'DEFAULTDELIVERY'),
    quota: column('QUOTA_FIELD'),
    fullName: column('NAME_FIELD'),
    options: column('AUXOPTIONS_FIELD'),
    where: file.text(`${prefix}_WHERE_CLAUSE`, '1=1'),
  };
  if (!isNeeded) return undefined;
  if (name === undefined) needed(file, `${prefix}_USER_TABLE`, 'the table of the accounts is not named');
  if (passwords.encrypted === undefined && passwords.clear === undefined) {
    needed(file, `${prefix}_CRYPT_PWFIELD`, `neither ${prefix}_CRYPT_PWFIELD nor ${prefix}_CLEAR_PWFIELD is set`);
  }
  return withoutAbsent({ ...table, name: name ?? '' });
}

/** Adds the problem of a setting that must be there. */
export function needed(file: Settings, name: string, what: string): void {
  file.problem(name, what, `add a line with ${name}`);
}

function readClause(file: Settings, name: string, language: 'mysql' | 'pgsql'): string | undefined {
  const clause = file.optionalText(name)?.replace(/[\s;]+$/, '');
  if (clause === undefined || clause === '') return undefined;
  for (const problem of clauseProblems(clause, USUAL_QUOTING[language])) {
    file.problem(name, `${name} ${problem}`, "write macros inside plain quotes: '$(local_part)'");
  }
  return clause;
}

function readCharset(file: Settings, name: string, language: 'mysql' | 'pgsql'): SqlCharset {
  const text = file.optionalText(name);
  const charset = text === undefined ? UTF8_CHARSET : sqlCharset(language, text);
  if (charset !== undefined) return charset;
  file.problem(
    name,
    `${name} ${text} is not known here`,
    `write for example ${language === 'mysql' ? 'utf8mb4' : 'UTF8'}`,
  );
  return UTF8_CHARSET;
}

type Present<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> };

/** Leaves out what is undefined. */
export function withoutAbsent<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}
