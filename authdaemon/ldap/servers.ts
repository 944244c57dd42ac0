/**
 * DirectoryServers: the servers of LDAP_URI as one. The first that can be connected to is taken; one that failed is
 * passed over for a while.
 */
import type { Log } from '../../init/runtime/log/log.js';
import { LdapConnection } from './connection.js';
import { LdapFailure } from './ldap-failure.js';
import { ConnectionPool } from './pool.js';
import type { LdapSettings } from './settings.js';
import type { LdapKeys } from './tls.js';
import type { LdapUri } from './uri.js';

/** A server that did not answer is tried again first after so long; before, only when no other is left. */
const AVOID_MS = 30_000;

/** Connections to whichever server works. */
export class DirectoryServers {
  /** Bound as LDAP_BINDDN, or as nobody: for searches and for the administrator's changes. */
  readonly searches: ConnectionPool;
  /** Bound as whoever logged in last: for nothing but binds. */
  readonly binds: ConnectionPool;
  readonly #settings: LdapSettings;
  readonly #keys: LdapKeys;
  readonly #log: Log;
  readonly #avoidUntil = new Map<LdapUri, number>();

  constructor(settings: LdapSettings, keys: LdapKeys, { atMost, log }: { atMost: number; log: Log }) {
    this.#settings = settings;
    this.#keys = keys;
    this.#log = log;
    const avoid = ({ uri }: LdapConnection): boolean => {
      this.#avoid(uri);
      return settings.uris.length > 1;
    };
    this.searches = new ConnectionPool({ open: () => this.openBound(), avoid }, atMost);
    this.binds = new ConnectionPool({ open: () => this.open(), avoid }, atMost);
  }

  /** A new connection as nobody. @throws {LdapFailure} naming every server that was tried */
  open(): Promise<LdapConnection> {
    return this.#firstOf((uri) => this.#connect(uri));
  }

  /** A new connection as LDAP_BINDDN, if there is LDAP_INITBIND. @throws {LdapFailure} */
  openBound(): Promise<LdapConnection> {
    return this.#firstOf(async (uri) => {
      const connection = await this.#connect(uri);
      const { initialBind } = this.#settings;
      if (initialBind === undefined) return connection;
      try {
        await connection.bind(initialBind.dn, initialBind.password.reveal());
        return connection;
      } catch (error) {
        connection.close();
        if (!(error instanceof LdapFailure)) throw error;
        throw new LdapFailure(error.kind, `${error.message}, binding as LDAP_BINDDN`, error.code);
      }
    });
  }

  closeIdle(): void {
    this.searches.closeIdle();
    this.binds.closeIdle();
  }

  close(): void {
    this.searches.close();
    this.binds.close();
  }

  #connect(uri: LdapUri): Promise<LdapConnection> {
    const { startTls, timeoutMs } = this.#settings;
    return LdapConnection.open({ uri, startTls, timeoutMs, keys: this.#keys });
  }

  async #firstOf(connect: (uri: LdapUri) => Promise<LdapConnection>): Promise<LdapConnection> {
    const failures: string[] = [];
    for (const uri of this.#order()) {
      try {
        const connection = await connect(uri);
        this.#avoidUntil.delete(uri);
        return connection;
      } catch (error) {
        if (!(error instanceof LdapFailure)) throw error;
        failures.push(error.message);
        this.#avoid(uri);
        if (this.#settings.uris.length > 1) this.#log.write('warning', `authldap: ${error.message}`);
      }
    }
    throw new LdapFailure('unreachable', `no LDAP server can be used: ${failures.join('; ')}`);
  }

  #order(): LdapUri[] {
    const now = performance.now();
    const avoided = (uri: LdapUri): boolean => (this.#avoidUntil.get(uri) ?? 0) > now;
    const { uris } = this.#settings;
    return [...uris.filter((uri) => !avoided(uri)), ...uris.filter(avoided)];
  }

  #avoid(uri: LdapUri): void {
    this.#avoidUntil.set(uri, performance.now() + AVOID_MS);
  }
}
