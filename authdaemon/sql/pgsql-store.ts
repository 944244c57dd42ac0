/**
 * authpgsql: accounts in PostgreSQL. Loads the driver.
 */
import { pgsqlServers } from './pgsql-driver.js';
import { PGSQL_RC, readPgsqlSettings } from './pgsql-settings.js';
import type { SqlKind } from './sql-store.js';

/** What SqlStore needs to be authpgsql. */
export const PGSQL: SqlKind<ReturnType<typeof readPgsqlSettings>> = {
  name: 'authpgsql',
  rcName: PGSQL_RC,
  read: readPgsqlSettings,
  servers: pgsqlServers,
};
