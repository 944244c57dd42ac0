/**
 * authvchkpw: the accounts of vpopmail, read from its password files. vpopmail's own programs change them.
 *
 * The account's name is USER@DOMAIN; its mail lies in Maildir below the directory that its line names, and belongs to
 * the uid and gid of vpopmail.
 */
import { join } from 'node:path';
import { logValue } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';
import type { Account } from '../account.js';
import type { ChangeAnswer, EnumerateItem, ModuleContext, TemporaryFailure } from '../modules/module.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import type { AccountStore, StoreAnswer } from '../stores/account-store.js';
import { type VpopmailDomain, VpopmailDomains } from './domains.js';
import { entriesOf, PasswordFiles } from './password-file.js';
import { interpretVpopmailSettings, type VpopmailSettings, vpopmailSettingsPath } from './settings.js';
import { maildirQuota, optionsFromFlags, type VpasswdEntry } from './vpasswd.js';

/** The accounts of the module `authvchkpw`. */
export class VpopmailStore implements AccountStore {
  readonly name = 'authvchkpw';
  readonly isReadOnly = true;
  readonly #settings: RcFile<VpopmailSettings>;
  readonly #domains = new VpopmailDomains();
  readonly #files = new PasswordFiles();

  constructor({ configDirectory, log }: ModuleContext) {
    this.#settings = new RcFile(vpopmailSettingsPath(configDirectory), interpretVpopmailSettings, log);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async idle(): Promise<void> {}

  async trouble(): Promise<string | undefined> {
    try {
      const settings = this.#settings.current();
      return this.#domains.all(settings).length > 0 ? undefined : `there are no domains below ${settings.home}`;
    } catch (error) {
      return failureOf(error).reason;
    }
  }

  async find(loginName: string): Promise<StoreAnswer> {
    // Files that cannot be read are an answer here.
    try {
      const settings = this.#settings.current();
      const [name, domainName] = splitName(loginName, settings);
      if (name === '' || name.includes(':') || domainName === undefined) return { kind: 'unknown' };
      const domain = this.#domains.find(domainName, settings);
      if (domain === undefined) return { kind: 'unknown' };
      const entry = await this.#files.find(join(domain.directory, 'vpasswd'), name);
      return entry === undefined ? { kind: 'unknown' } : foundAccount(entry, domain);
    } catch (error) {
      return failureOf(error);
    }
  }

  async writePassword(): Promise<ChangeAnswer> {
    return { kind: 'rejected', reason: 'authvchkpw changes no passwords; vpasswd of vpopmail does' };
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    try {
      for (const domain of this.#domains.all(this.#settings.current())) {
        for await (const entry of entriesOf(join(domain.directory, 'vpasswd'))) {
          const account = accountOf(entry, domain);
          if (typeof account === 'string') continue;
          const { address: name, uid, gid, home, maildir = '', options } = account;
          yield { kind: 'account', account: { name, uid, gid, home, maildir, options } };
        }
      }
    } catch (error) {
      yield failureOf(error);
    }
  }
}

/** vpopmail writes all names in lower case. */
function splitName(loginName: string, { defaultDomain }: VpopmailSettings): [string, string | undefined] {
  const at = loginName.lastIndexOf('@');
  const name = (at < 0 ? loginName : loginName.slice(0, at)).toLowerCase();
  return [name, at < 0 ? defaultDomain : loginName.slice(at + 1).toLowerCase()];
}

function foundAccount(entry: VpasswdEntry, domain: VpopmailDomain): StoreAnswer {
  const account = accountOf(entry, domain);
  if (typeof account === 'string') {
    const whose = `${logValue(entry.name)} of ${domain.name}`;
    return { kind: 'temporary failure', reason: `vpasswd, ${whose}: ${account}` };
  }
  const { hash: encrypted, clear } = entry;
  const secrets = {
    ...(encrypted === '' ? {} : { encrypted }),
    ...(clear === undefined ? {} : { clear: new Secret(clear) }),
  };
  return { kind: 'found', stored: { account, secrets } };
}

/** The account, or what is wrong with its line. */
function accountOf(entry: VpasswdEntry, { name, uid, gid }: VpopmailDomain): Account | string {
  if (uid === 0) return 'the domain belongs to uid 0, and nobody may log in as root';
  if (!entry.directory.startsWith('/')) return 'the directory is not an absolute path';
  const quota = maildirQuota(entry.quota);
  return {
    address: `${entry.name}@${name}`,
    uid,
    gid,
    home: entry.directory,
    maildir: join(entry.directory, 'Maildir'),
    options: optionsFromFlags(entry.flags),
    ...(entry.gecos === '' ? {} : { fullName: entry.gecos }),
    ...(quota === undefined ? {} : { quota }),
    ...(entry.hash === '' ? {} : { encryptedPassword: entry.hash }),
    ...(entry.clear === undefined ? {} : { clearPassword: new Secret(entry.clear) }),
  };
}

function failureOf(error: unknown): TemporaryFailure {
  if (error instanceof UnusableRcFile) return { kind: 'temporary failure', reason: error.message };
  return { kind: 'temporary failure', reason: error instanceof Error ? error.message : String(error) };
}
