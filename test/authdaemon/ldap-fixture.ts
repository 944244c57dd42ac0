/**
 * Accounts in a directory, settings for the module authldap, and the module on both; for the tests of it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LdapStore } from '../../authdaemon/ldap/ldap-store.js';
import type { ModuleAnswer, ModuleContext } from '../../authdaemon/modules/module.js';
import { StoreModule } from '../../authdaemon/stores/store-module.js';
import { logTo } from '../../init/runtime/log/log.js';
import { ADMIN_DN, ADMIN_PASSWORD, BASE_DN, type LdapEntry } from '../support/slapd.js';

/** {SHA} of `secret`. */
export const SECRET_HASH = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';

/** An account whose password is `secret`; undefined takes an attribute away. */
export function accountEntry(
  uid: string,
  changes: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): LdapEntry {
  const attributes: Record<string, string | readonly string[] | undefined> = {
    uid,
    mail: `${uid}@example.com`,
    cn: 'Joe Doe, Room 5',
    homeDirectory: `/home/${uid}`,
    uidNumber: '5000',
    gidNumber: '5001',
    userPassword: SECRET_HASH,
    ...changes,
  };
  const kept = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { name: `uid=${uid}`, attributes: Object.fromEntries(kept) };
}

/** The text of an authldaprc for a server, with changed settings; an empty value takes one away. */
export function ldapRc(uri: string, changes: Readonly<Record<string, string>> = {}): string {
  const settings: Record<string, string> = {
    LDAP_URI: uri,
    LDAP_PROTOCOL_VERSION: '3',
    LDAP_BASEDN: BASE_DN,
    LDAP_BINDDN: ADMIN_DN,
    LDAP_BINDPW: ADMIN_PASSWORD,
    LDAP_INITBIND: '1',
    LDAP_TIMEOUT: '5',
    LDAP_MAIL: 'mail',
    LDAP_HOMEDIR: 'homeDirectory',
    LDAP_MAILDIR: 'mailbox',
    LDAP_DEFAULTDELIVERY: 'defaultDelivery',
    LDAP_MAILDIRQUOTA: 'quota',
    LDAP_FULLNAME: 'cn',
    LDAP_CLEARPW: 'clearPassword',
    LDAP_CRYPTPW: 'userPassword',
    LDAP_UID: 'uidNumber',
    LDAP_GID: 'gidNumber',
    LDAP_AUXOPTIONS: 'sharedgroup=group,disableimap=disableimap',
    LDAP_DEREF: 'never',
    LDAP_TLS: '0',
    ...changes,
  };
  const lines = Object.entries(settings).filter(([, value]) => value !== '');
  return `${lines.map(([name, value]) => `${name}\t${value}`).join('\n')}\n##NAME: MARKER:0\n`;
}

/** The module on settings of its own. */
export class LdapFixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'authldap-'));
  readonly lines: string[] = [];
  readonly store: LdapStore;
  readonly module: StoreModule;

  constructor(rc: string, options: Pick<Partial<ModuleContext>, 'ldapTls' | 'debugLogin' | 'renewHash'> = {}) {
    this.write(rc);
    const context: ModuleContext = {
      configDirectory: this.directory,
      debugLogin: 0,
      lookupsAtOnce: 3,
      log: logTo((level, line) => this.lines.push(`${level}: ${line}`)),
      ...options,
    };
    this.store = new LdapStore(context);
    this.module = new StoreModule(this.store, context);
  }

  /** Replaces authldaprc. */
  write(rc: string): void {
    writeFileSync(join(this.directory, 'authldaprc'), rc, { mode: 0o600 });
  }

  /** Logs in; `reason` of a no, `uid:address` of a yes. */
  async login(loginName: string, password: string): Promise<string> {
    const authData = Buffer.from(`${loginName}\n${password}\n`);
    return told(await this.module.authenticate({ service: 'imap', authType: 'login', authData }));
  }

  async lookup(loginName: string, service = 'imap'): Promise<string> {
    return told(await this.module.lookup({ service, loginName }));
  }

  async stop(): Promise<void> {
    await this.module.stop();
    rmSync(this.directory, { recursive: true });
  }
}

function told(answer: ModuleAnswer): string {
  return answer.kind === 'account'
    ? `${answer.account.uid}:${answer.account.address}`
    : `${answer.kind}: ${answer.reason}`;
}
