/**
 * authmysql: accounts in MariaDB or MySQL. Loads the driver.
 */
import { mysqlServers } from './mysql-driver.js';
import { MYSQL_RC, readMysqlSettings } from './mysql-settings.js';
import type { SqlKind } from './sql-store.js';

/** What SqlStore needs to be authmysql. */
export const MYSQL: SqlKind<ReturnType<typeof readMysqlSettings>> = {
  name: 'authmysql',
  rcName: MYSQL_RC,
  read: readMysqlSettings,
  servers: mysqlServers,
};
