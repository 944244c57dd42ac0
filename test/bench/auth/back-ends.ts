/**
 * The back ends that authdaemond is measured on: 1,000 accounts in userdb, MariaDB, PostgreSQL and slapd, all with the
 * same password and hash, and the settings files that both daemons read.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN_DN, ADMIN_PASSWORD, BASE_DN, Slapd } from '../../support/slapd.js';
import { DATABASE_PASSWORD, startMariadb, startPostgresql, type TestDatabase } from '../../support/sql-servers.js';

/** More than fit into anybody's small cache by accident. */
export const ACCOUNTS = 1000;

/** Where accounts stand. */
export interface BackEnd {
  readonly title: string;
  /** As authmodulelist names it. */
  readonly module: string;
  /** Fills a directory that is /etc/courier for the daemon; `hash` is of every account's password. */
  prepare(etc: string, hash: string): Promise<void>;
  remove(): Promise<void>;
}

/** The name of an account. */
export function accountName(number: number): string {
  return `user${number % ACCOUNTS}`;
}

const numbers = Array.from({ length: ACCOUNTS }, (_, number) => number);
const MARKER = '##NAME: MARKER:0\n';

/** userdb: a file. */
export function userdbBackEnd(): BackEnd {
  return {
    title: 'userdb',
    module: 'authuserdb',
    prepare: async (etc, hash) => {
      const lines = numbers.map(
        (number) => `${accountName(number)}\tuid=5000|gid=5000|home=/home/${number}|systempw=${hash}\n`,
      );
      writeFileSync(join(etc, 'userdb'), lines.join(''), { mode: 0o600 });
    },
    remove: async () => undefined,
  };
}

/** MariaDB, over its Unix socket. */
export async function mariadbBackEnd(): Promise<BackEnd> {
  const database = await startMariadb();
  const connection = [
    `MYSQL_SOCKET ${database.socket}`,
    'MYSQL_USERNAME mail',
    `MYSQL_PASSWORD ${DATABASE_PASSWORD}`,
    'MYSQL_PORT 0',
    'MYSQL_OPT 0',
    'MYSQL_DATABASE mail',
  ];
  return sqlBackEnd('MariaDB', { module: 'authmysql', prefix: 'MYSQL', connection, database });
}

/** PostgreSQL, over its Unix socket. */
export async function postgresqlBackEnd(): Promise<BackEnd> {
  const database = await startPostgresql();
  const connection = [`PGSQL_CONNECTION host=${database.socket} port=${database.port} dbname=mail user=mail`];
  return sqlBackEnd('PostgreSQL', { module: 'authpgsql', prefix: 'PGSQL', connection, database });
}

interface SqlBackEnd {
  readonly module: string;
  readonly prefix: string;
  readonly connection: readonly string[];
  readonly database: TestDatabase;
}

function sqlBackEnd(title: string, { module, prefix, connection, database }: SqlBackEnd): BackEnd {
  return {
    title,
    module,
    prepare: async (etc, hash) => {
      const rows = numbers.map((number) => `('${accountName(number)}', 5000, 5000, '/home/${number}', '${hash}')`);
      await database.sql(`
        DROP TABLE IF EXISTS passwd;
        CREATE TABLE passwd (id varchar(128) PRIMARY KEY, uid int, gid int, home varchar(200), crypt varchar(200));
        GRANT SELECT ON passwd TO ${module === 'authmysql' ? 'mail@localhost' : 'mail'};
        INSERT INTO passwd (id, uid, gid, home, crypt) VALUES ${rows.join()};`);
      const table = [`${prefix}_USER_TABLE passwd`, `${prefix}_CRYPT_PWFIELD crypt`];
      writeFileSync(join(etc, `${module}rc`), `${[...connection, ...table].join('\n')}\n${MARKER}`);
    },
    remove: () => database.remove(),
  };
}

/** slapd, over TCP; with `authBind` it compares the passwords itself. */
export function ldapBackEnd(authBind: boolean): BackEnd {
  let slapd: Slapd | undefined;
  return {
    title: authBind ? 'LDAP, LDAP_AUTHBIND' : 'LDAP',
    module: 'authldap',
    prepare: async (etc, hash) => {
      const attributes = {
        homeDirectory: '/home/x',
        uidNumber: '5000',
        gidNumber: '5000',
        userPassword: hash.replace(/^\$/, '{CRYPT}$$'),
      };
      const entries = numbers.map((number) => ({
        name: `uid=${accountName(number)}`,
        attributes: { ...attributes, uid: accountName(number), cn: 'A User', mail: accountName(number) },
      }));
      await slapd?.stop();
      slapd = await Slapd.start({ entries });
      const lines = [
        `LDAP_URI ${slapd.uri}`,
        'LDAP_PROTOCOL_VERSION 3',
        `LDAP_BASEDN ${BASE_DN}`,
        `LDAP_BINDDN ${ADMIN_DN}`,
        `LDAP_BINDPW ${ADMIN_PASSWORD}`,
        'LDAP_INITBIND 1',
        `LDAP_AUTHBIND ${authBind ? 1 : 0}`,
        'LDAP_MAIL mail',
        'LDAP_HOMEDIR homeDirectory',
        'LDAP_CRYPTPW userPassword',
        'LDAP_UID uidNumber',
        'LDAP_GID gidNumber',
      ];
      writeFileSync(join(etc, 'authldaprc'), `${lines.join('\n')}\n${MARKER}`);
    },
    remove: async () => slapd?.stop(),
  };
}
