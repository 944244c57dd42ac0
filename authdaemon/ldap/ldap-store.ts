/**
 * authldap: accounts in an LDAP directory, as etc/authldaprc describes them.
 *
 * Whatever a server does wrong is a temporary failure with its own words; only a bind that it refuses for the password is
 * a wrong password.
 */
import { logValue } from '../../init/runtime/log/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import type { ChangeAnswer, EnumerateItem, ModuleContext, TemporaryFailure } from '../modules/module.js';
import { octetsFromText } from '../octet-text.js';
import type { PasswordVerdict } from '../passwords/password.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import type {
  AccountStore,
  PasswordWrite,
  StoreAnswer,
  StoredAccount,
  StoredSecrets,
} from '../stores/account-store.js';
import { attributesOf, readAccount, valuesOf } from './account-entry.js';
import { BindTimes } from './bind-times.js';
import type { LdapConnection, LdapEntry, LdapQuery } from './connection.js';
import { accountFilter, emailMapFilter, presenceFilter } from './filter.js';
import { LdapFailure, RESULT } from './ldap-failure.js';
import { type ChangedAccount, changeAsAdministrator, changeAsOwner } from './password-change.js';
import { DirectoryServers } from './servers.js';
import { type EmailMap, type LdapSettings, ldapSettingsPath, readLdapSettings } from './settings.js';
import { DEFAULT_LDAP_TLS, LdapKeys } from './tls.js';

/** Half of a surrogate pair: an octet that is no UTF-8 (octet-text.ts), which no value of a directory is. */
const NO_UTF8 = /[\ud800-\udfff]/u;
/** Broken entries that a list names in the log; the others are counted. */
const MAX_NAMED_ENTRIES = 5;

/** The settings of this moment and connections made with them. */
interface Directory {
  readonly settings: LdapSettings;
  readonly servers: DirectoryServers;
}

/** Which entry is meant; or why none is. */
type Found =
  | { readonly kind: 'entry'; readonly entry: LdapEntry }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** The accounts of the module `authldap`. */
export class LdapStore implements AccountStore {
  readonly name = 'authldap';
  readonly #context: ModuleContext;
  readonly #file: RcFile<LdapSettings>;
  readonly #keys: LdapKeys;
  readonly #bindTimes = new BindTimes();
  /** What a password change needs to know of an account that was found: kept as long as somebody holds the account. */
  readonly #changed = new WeakMap<StoredAccount, ChangedAccount>();
  #noted = new Set<string>();
  #directory: Directory | undefined;

  constructor(context: ModuleContext) {
    this.#context = context;
    this.#file = new RcFile(ldapSettingsPath(context.configDirectory), readLdapSettings, context.log);
    this.#keys = new LdapKeys(context.ldapTls ?? DEFAULT_LDAP_TLS);
  }

  /** With LDAP_AUTHBIND, takes as long as a bind that the server refuses. */
  get pretend(): ((password: Secret) => Promise<void>) | undefined {
    if (this.#directory?.settings.authBind !== true) return undefined;
    return (password) => this.#bindTimes.waitAsLong(octetsFromText(password.reveal()).length);
  }

  async start(): Promise<void> {
    // A file that is wrong is told now, not at the first login.
    const trouble = await this.#guarded(async () => undefined);
    if (trouble !== undefined) this.#context.log.write('error', `authldap: ${trouble.reason}`);
  }

  async stop(): Promise<void> {
    this.#directory?.servers.close();
    this.#directory = undefined;
  }

  async idle(): Promise<void> {
    this.#directory?.servers.closeIdle();
  }

  async trouble(): Promise<string | undefined> {
    const failure = await this.#guarded(async ({ settings, servers }) => {
      const query = {
        ...queryFor(settings, presenceFilter('objectClass')),
        scope: 'base',
        attributes: ['1.1'],
      } as const;
      const found = await servers.searches.use((connection) => connection.search(query));
      return found.length === 0 ? failed(`nothing is to be seen at ${settings.base} (LDAP_BASEDN)`) : undefined;
    });
    return failure?.reason;
  }

  async find(loginName: string, service: string): Promise<StoreAnswer> {
    if (NO_UTF8.test(loginName)) return { kind: 'unknown' };
    return this.#guarded(async (directory) => {
      const found = await this.#entryFor(directory, loginName);
      if (found.kind !== 'entry') return found;
      const reading = readAccount(directory.settings, found.entry, loginName, service);
      if (reading.kind === 'broken') return failed(`${logValue(loginName)}: ${reading.reason}`);
      this.#note(reading.notes, found.entry);
      const { account, locked } = reading;
      const changed: ChangedAccount = {
        dn: found.entry.dn,
        encrypted: account.encryptedPassword,
        clear: account.clearPassword,
      };
      const secrets = locked ? this.#lockedSecrets(loginName) : this.#secrets(directory, changed);
      const stored = { account, secrets };
      this.#changed.set(stored, changed);
      return { kind: 'found', stored };
    });
  }

  async writePassword({ newPassword, stored, method }: PasswordWrite): Promise<ChangeAnswer> {
    const changed = this.#changed.get(stored);
    if (changed === undefined) return failed('the account was not found here');
    return this.#guarded(async ({ settings, servers }): Promise<ChangeAnswer> => {
      try {
        if (!settings.authBind) return await changeAsAdministrator(settings, servers, changed, { newPassword, method });
        return await changeAsOwner(settings, servers, changed, newPassword);
      } catch (error) {
        if (!(error instanceof LdapFailure)) throw error;
        // A password policy, or the attribute's syntax, says no to this password, whoever asks and whenever.
        const refused = error.code === RESULT.constraintViolation || error.code === RESULT.invalidSyntax;
        const reason = `the password was not changed: ${error.message}`;
        return refused ? { kind: 'rejected', reason } : failed(reason);
      }
    });
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    let connection: LdapConnection | undefined;
    try {
      const { settings, servers } = this.#current();
      // One of its own: whoever reads the list may take his time.
      connection = await servers.openBound();
      const filter = settings.enumerateFilter ?? settings.filter ?? presenceFilter(settings.attributes.mail);
      const broken: string[] = [];
      for await (const page of connection.pages({ ...queryFor(settings, filter), atMost: 0 })) {
        for (const entry of page) yield* accountsOf(settings, entry, broken);
      }
      this.#tellBroken(broken);
    } catch (error) {
      yield this.#failure(error);
    } finally {
      connection?.close();
    }
  }

  async #entryFor({ settings, servers }: Directory, loginName: string): Promise<Found> {
    const { emailMap, attributes, domain, filter } = settings;
    const look = (query: LdapQuery): Promise<Found> => this.#onlyOne(servers, query);
    if (emailMap === undefined || !loginName.includes('@')) {
      const name = domain === undefined || loginName.includes('@') ? loginName : `${loginName}@${domain}`;
      return look(queryFor(settings, accountFilter(attributes.mail, name, filter)));
    }
    const mapped = await look(mapQuery(settings, emailMap, loginName));
    if (mapped.kind !== 'entry') return mapped;
    const [handle] = valuesOf(mapped.entry, emailMap.attribute);
    if (handle === undefined) {
      const server = `${logValue(loginName)}: ${emailMap.attribute} of ${mapped.entry.dn} is missing`;
      throw new LdapFailure('result', server);
    }
    return look(queryFor(settings, accountFilter(emailMap.accountAttribute, handle, filter)));
  }

  async #onlyOne(servers: DirectoryServers, query: LdapQuery): Promise<Found> {
    this.#debug(`searching ${query.filter} below ${query.base}`);
    const [entry, another] = await servers.searches.use((connection) => connection.search(query));
    if (entry === undefined) return { kind: 'unknown' };
    if (another === undefined) return { kind: 'entry', entry };
    const reason = `more than one entry is found: ${entry.dn} and ${another.dn}; only one may have this name`;
    return { kind: 'unusable', reason };
  }

  #secrets({ settings, servers }: Directory, changed: ChangedAccount): StoredSecrets {
    const { clear, encrypted } = changed;
    const readable = { ...(clear === undefined ? {} : { clear }), ...(encrypted === undefined ? {} : { encrypted }) };
    if (settings.authBind) {
      return { ...readable, check: (password) => this.#checkByBind(servers, changed, password) };
    }
    // Courier looks at the clear one first.
    return clear === undefined ? readable : { clear };
  }

  #lockedSecrets(loginName: string): StoredSecrets {
    return {
      check: async () => {
        this.#context.log.write(
          'notice',
          `authldap: ${logValue(loginName)}: the account is locked (pwdAccountLockedTime)`,
        );
        return { kind: 'mismatch' };
      },
    };
  }

  async #checkByBind(
    servers: DirectoryServers,
    changed: ChangedAccount,
    password: Secret,
  ): Promise<PasswordVerdict | TemporaryFailure> {
    if (password.reveal() === '') return { kind: 'mismatch' };
    const octets = octetsFromText(password.reveal()).length;
    const began = performance.now();
    try {
      await servers.binds.use((connection) => connection.bind(changed.dn, password.reveal()));
      changed.proven = password;
      this.#bindTimes.add(performance.now() - began, octets);
      return { kind: 'match' };
    } catch (error) {
      if (!(error instanceof LdapFailure && error.code === RESULT.invalidCredentials)) return this.#failure(error);
      this.#bindTimes.add(performance.now() - began, octets);
      this.#debug(`${error.message}, binding as ${changed.dn}`);
      return { kind: 'mismatch' };
    }
  }

  /** The settings as they are now; connections are made anew when they have changed. @throws {UnusableRcFile} */
  #current(): Directory {
    const settings = this.#file.current();
    if (this.#directory?.settings === settings) return this.#directory;
    this.#directory?.servers.close();
    const { log, lookupsAtOnce } = this.#context;
    this.#noted = new Set();
    this.#directory = { settings, servers: new DirectoryServers(settings, this.#keys, { log, atMost: lookupsAtOnce }) };
    return this.#directory;
  }

  async #guarded<Answer>(task: (directory: Directory) => Promise<Answer>): Promise<Answer | TemporaryFailure> {
    // What a file or a server has wrong is an answer, not a crash.
    try {
      return await task(this.#current());
    } catch (error) {
      return this.#failure(error);
    }
  }

  /** @throws what is a mistake of ours */
  #failure(error: unknown): TemporaryFailure {
    if (error instanceof LdapFailure) return failed(error.message);
    if (error instanceof UnusableRcFile) return failed(error.message.replaceAll('\n', '; '));
    throw error;
  }

  /** Tells once, until the settings change, of an attribute with several values. */
  #note(attributes: readonly string[], { dn }: LdapEntry): void {
    for (const attribute of attributes) {
      if (this.#noted.has(attribute)) continue;
      this.#noted.add(attribute);
      const what = `${attribute} of ${dn} has several values; the first one counts, here and in other entries`;
      this.#context.log.write('warning', `authldap: ${what}`);
    }
  }

  #tellBroken(broken: readonly string[]): void {
    if (broken.length === 0) return;
    const named = broken.slice(0, MAX_NAMED_ENTRIES).join('; ');
    this.#context.log.write('warning', `authldap: ${broken.length} entries are no accounts, and not listed: ${named}`);
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', `authldap: ${text}`);
  }
}

function queryFor(settings: LdapSettings, filter: LdapQuery['filter']): LdapQuery {
  const { base, aliases } = settings;
  // Two are as wrong as a thousand.
  return { base, aliases, filter, scope: 'sub', attributes: attributesOf(settings), atMost: 2 };
}

function mapQuery(settings: LdapSettings, { base, template, attribute }: EmailMap, address: string): LdapQuery {
  const at = address.lastIndexOf('@');
  const filter = emailMapFilter(template, address.slice(0, at), address.slice(at + 1));
  return { ...queryFor(settings, filter), base, attributes: [attribute] };
}

/** An entry is listed once for each of its mail addresses, as Courier does. */
function* accountsOf(settings: LdapSettings, entry: LdapEntry, broken: string[]): Generator<EnumerateItem> {
  for (const name of valuesOf(entry, settings.attributes.mail)) {
    const reading = readAccount(settings, entry, name, '');
    if (reading.kind === 'broken') {
      broken.push(reading.reason);
      return;
    }
    const { uid, gid, home, maildir = '', options } = reading.account;
    yield { kind: 'account', account: { name, uid, gid, home, maildir, options } };
  }
}

function failed(reason: string): TemporaryFailure {
  return { kind: 'temporary failure', reason };
}
