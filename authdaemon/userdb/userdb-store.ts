/**
 * authuserdb: accounts from `userdb.dat` and `userdbshadow.dat`, as makeuserdb compiles them (ours or Courier's).
 *
 * No file at all means "not my accounts"; a file that cannot be read or is damaged is a temporary failure.
 */
import { join } from 'node:path';
import { logValue } from '../../init/runtime/log/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { ChangeAnswer, EnumerateItem, ModuleContext, TemporaryFailure } from '../modules/module.js';
import { octetsFromText } from '../octet-text.js';
import { type HmacAlgorithm, hmacContext } from '../passwords/hmac-context.js';
import { hashPassword } from '../passwords/password.js';
import type { AppPassword, AppPasswordUse } from '../secrets/app-passwords.js';
import { noteLastUse } from '../secrets/last-uses.js';
import type { AccountStore, PasswordWrite, StoreAnswer } from '../stores/account-store.js';
import { type CompiledRecord, CompiledUserdb } from './compiled.js';
import { compileUserdb, editUserdb, sourceFileOf, userdbPaths } from './files.js';
import { accountFromFields, appPasswordsOf, passwordField, type UserdbFields } from './record.js';
import { isSourceWord } from './source.js';

const HMAC_ALGORITHMS = ['md5', 'sha1', 'sha256'] as const;

/** The accounts of the module `authuserdb`. */
export class UserdbStore implements AccountStore {
  readonly name = 'authuserdb';
  readonly #context: ModuleContext;
  readonly #source: string;
  readonly #compiled: CompiledUserdb;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(context: ModuleContext) {
    this.#context = context;
    this.#source = join(context.configDirectory, 'userdb');
    this.#compiled = new CompiledUserdb(userdbPaths(this.#source), (path) => this.#debug(`opened ${path}`));
  }

  get typicalHash(): string {
    return this.#compiled.typicalHash;
  }

  stamp(): string {
    return this.#compiled.stamp;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#compiled.close();
  }

  async idle(): Promise<void> {}

  async trouble(): Promise<string | undefined> {
    const found = this.#record('root');
    if (found !== undefined && 'kind' in found) return found.reason;
    return this.#compiled.isThere ? undefined : `${this.#source} has not been compiled; run makeuserdb`;
  }

  async find(loginName: string, service: string): Promise<StoreAnswer> {
    const record = this.#record(loginName);
    if (record === undefined) return { kind: 'unknown' };
    if ('kind' in record) return record;
    const { fields, shadow } = record;
    const field = passwordField(shadow, service);
    if (field !== undefined) this.#debug(`found ${field.name} in userdbshadow`);
    const account = accountFromFields(loginName, fields, field?.hash);
    if (typeof account === 'string') return { kind: 'unusable', reason: account };
    const encrypted = field === undefined ? {} : { encrypted: field.hash };
    return {
      kind: 'found',
      stored: { account, secrets: { ...encrypted, hmacContexts: hmacContexts(shadow, service) } },
    };
  }

  async writePassword(write: PasswordWrite): Promise<ChangeAnswer> {
    // One after the other: each rewrites the same files.
    const change = this.#changes.then(() => this.#write(write));
    this.#changes = change.catch(() => undefined);
    return change;
  }

  async appPasswords(loginName: string): Promise<readonly AppPassword[] | TemporaryFailure> {
    const record = this.#record(loginName);
    if (record === undefined) return [];
    return 'kind' in record ? record : appPasswordsOf(record.shadow);
  }

  async noteAppPasswordUse(use: AppPasswordUse): Promise<string | undefined> {
    const { stateDirectory } = this.#context;
    if (stateDirectory === undefined) return undefined;
    // A full disk, or one that is read-only, keeps nobody out.
    try {
      noteLastUse(stateDirectory, use, new Date(realClock.now()));
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    // A damaged file shows itself only while it is read.
    try {
      for (const { name, fields } of this.#compiled.accounts()) {
        const account = accountFromFields(name, fields);
        if (typeof account === 'string') continue;
        const { uid, gid, home, options, maildir = '' } = account;
        yield { kind: 'account', account: { name, uid, gid, home, maildir, options } };
      }
    } catch (error) {
      yield this.#damaged(error);
    }
  }

  /** Gives the account name of a uid by its reverse record (`5000=`), or undefined. @throws {Error} */
  nameOfUid(uid: number): string | undefined {
    return this.#compiled.nameOfUid(uid);
  }

  #record(loginName: string): CompiledRecord | TemporaryFailure | undefined {
    // `5000=` is a reverse record, no account.
    if (loginName.endsWith('=')) return undefined;
    // Unreadable or damaged files are an answer, not a crash.
    try {
      return this.#compiled.find(loginName);
    } catch (error) {
      return this.#damaged(error);
    }
  }

  async #write({ service, loginName, newPassword, stored, method }: PasswordWrite): Promise<ChangeAnswer> {
    if (!isSourceWord(loginName)) return { kind: 'rejected', reason: 'a source file cannot hold this name' };
    const record = this.#record(loginName);
    if (record !== undefined && 'kind' in record) return record;
    const field = record === undefined ? undefined : passwordField(record.shadow, service);
    if (record === undefined || (field === undefined && method === undefined)) {
      return { kind: 'rejected', reason: 'the account has gone' };
    }
    if (method !== undefined && field?.hash !== stored.secrets.encrypted) {
      return { kind: 'rejected', reason: 'the password was changed meanwhile' };
    }
    // Files of another program, and a disk that may be full: whatever fails leaves the old password in place.
    try {
      const fields = await newPasswordFields(record.shadow, {
        ...{ service, password: newPassword },
        name: field?.name ?? 'systempw',
        hint: method ?? field?.hash,
      });
      await editUserdb(sourceFileOf(this.#source, record.fields), loginName, { kind: 'set', fields });
      await compileUserdb(this.#source);
      return { kind: 'changed' };
    } catch (error) {
      return { kind: 'temporary failure', reason: `the password was not changed: ${messageOf(error)}` };
    }
  }

  #damaged(error: unknown): TemporaryFailure {
    this.#compiled.close();
    return { kind: 'temporary failure', reason: messageOf(error) };
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', `authuserdb: ${logValue(text)}`);
  }
}

/** The secrets CRAM is checked with: the service's own before the common one. */
function hmacContexts(shadow: UserdbFields, service: string): ReadonlyMap<HmacAlgorithm, string> {
  const contexts = new Map<HmacAlgorithm, string>();
  for (const algorithm of HMAC_ALGORITHMS) {
    const context = shadow.get(`${service}-hmac-${algorithm}pw`) ?? shadow.get(`hmac-${algorithm}pw`);
    if (context !== undefined) contexts.set(algorithm, context);
  }
  return contexts;
}

/** The fields a new password changes: the one that was good, and every stored CRAM secret of the old one. */
async function newPasswordFields(
  shadow: UserdbFields,
  change: { service: string; name: string; hint: string | undefined; password: Secret },
): Promise<Map<string, string>> {
  const { service, password } = change;
  const fields = new Map([[change.name, await hashPassword(password, change.hint)]]);
  for (const algorithm of HMAC_ALGORITHMS) {
    for (const name of [`${service}-hmac-${algorithm}pw`, `hmac-${algorithm}pw`]) {
      if (shadow.has(name)) fields.set(name, hmacContext(algorithm, octetsFromText(password.reveal())));
    }
  }
  return fields;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
