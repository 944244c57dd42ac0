/**
 * authuserdb: accounts from `userdb.dat` and `userdbshadow.dat`, as makeuserdb compiles them (ours or Courier's).
 *
 * No file at all means "not my accounts"; a file that cannot be read or is damaged is a temporary failure. An account
 * that is not there takes as long as a wrong password: the given password is then compared with some hash of the file.
 */
import { join } from 'node:path';
import { logValue } from '../../init/runtime/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import type { Account } from '../account.js';
import { hmacContext } from '../hmac-context.js';
import { hasControls, octetsFromText } from '../octet-text.js';
import { checkPassword, hashPassword } from '../password.js';
import { readLoginData } from '../protocol.js';
import { type CompiledRecord, CompiledUserdb } from '../userdb-compiled.js';
import { checkCram, readCramData } from '../userdb-cram.js';
import { compileUserdb, editUserdb, userdbPaths } from '../userdb-files.js';
import { accountFromFields, passwordField, type UserdbFields } from '../userdb-record.js';
import { isSourceWord } from '../userdb-source.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  ChangePasswordRequest,
  EnumerateItem,
  LookupRequest,
  ModuleAnswer,
  ModuleContext,
} from './module.js';

const HMAC_ALGORITHMS = ['md5', 'sha1', 'sha256'] as const;

type Failure = { readonly kind: 'temporary failure'; readonly reason: string };
type Found = { readonly kind: 'record'; readonly record: CompiledRecord } | { readonly kind: 'rejected' } | Failure;

/** The module `authuserdb`. */
export class UserdbModule implements AuthModule {
  readonly name = 'authuserdb';
  readonly #context: ModuleContext;
  readonly #source: string;
  readonly #compiled: CompiledUserdb;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(context: ModuleContext) {
    this.#context = context;
    this.#source = join(context.configDirectory, 'userdb');
    this.#compiled = new CompiledUserdb(userdbPaths(this.#source), (path) => this.#debug(`userdb: opened ${path}`));
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#compiled.close();
  }

  async idle(): Promise<void> {}

  async authenticate(request: AuthenticateRequest): Promise<ModuleAnswer> {
    if (request.authType !== 'login') return this.#authenticateCram(request);
    const login = readLoginData(request.authData);
    if (login === undefined) return { kind: 'rejected' };
    const found = this.#find(login.loginName);
    if (found.kind === 'temporary failure') return found;
    const account = found.kind === 'record' ? this.#account(login.loginName, found.record, request.service) : undefined;
    if (account?.encryptedPassword !== undefined) {
      return this.#compare(account, account.encryptedPassword, login.password);
    }
    this.#debug('no password available to compare.');
    await checkPassword(login.password, this.#compiled.typicalHash);
    return { kind: 'rejected' };
  }

  async lookup({ loginName, service }: LookupRequest): Promise<ModuleAnswer> {
    const found = this.#find(loginName);
    if (found.kind !== 'record') return found;
    const account = this.#account(loginName, found.record, service);
    return account === undefined ? { kind: 'rejected' } : { kind: 'account', account };
  }

  async changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    // One after the other: each rewrites the same files.
    const change = this.#changes.then(() => this.#change(request));
    this.#changes = change.catch(() => undefined);
    return change;
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

  #authenticateCram({ authType, authData, service }: AuthenticateRequest): ModuleAnswer {
    const answer = readCramData(authType, authData);
    if (answer === undefined) {
      this.#debug(`Unsupported authentication type: ${logValue(authType)}`);
      return { kind: 'rejected' };
    }
    const found = this.#find(answer.loginName);
    if (found.kind !== 'record') return found;
    if (!checkCram(answer, service, found.record.shadow)) return { kind: 'rejected' };
    const account = this.#account(answer.loginName, found.record, service);
    return account === undefined ? { kind: 'rejected' } : { kind: 'account', account };
  }

  async #compare(account: Account, stored: string, password: Secret): Promise<ModuleAnswer> {
    const verdict = await checkPassword(password, stored);
    if (verdict.kind === 'match') {
      this.#debug('password matches successfully');
      return { kind: 'account', account: { ...account, clearPassword: password } };
    }
    if (verdict.kind === 'impossible') {
      this.#context.log.write('error', `authuserdb: ${logValue(account.address)}: ${verdict.reason}`);
      return { kind: 'temporary failure', reason: 'the stored password cannot be checked' };
    }
    this.#debug(
      this.#context.debugLogin >= 2
        ? `supplied password '${logValue(password.reveal())}' does not match encrypted password '${stored}'`
        : 'supplied password does not match encrypted password',
    );
    return { kind: 'rejected' };
  }

  #account(name: string, { fields, shadow }: CompiledRecord, service: string): Account | undefined {
    const field = passwordField(shadow, service);
    if (field !== undefined) this.#debug(`found ${field.name} in userdbshadow`);
    const account = accountFromFields(name, fields, field?.hash);
    if (typeof account !== 'string') return account;
    this.#context.log.write('error', `authuserdb: ${logValue(name)}: ${account}`);
    return undefined;
  }

  #find(loginName: string): Found {
    // `5000=` is a reverse record, no account.
    if (loginName === '' || loginName.endsWith('=') || hasControls(loginName)) return { kind: 'rejected' };
    this.#debug(`userdb: looking up '${logValue(loginName)}'`);
    // Unreadable or damaged files are an answer, not a crash.
    try {
      const record = this.#compiled.find(loginName);
      return record === undefined ? { kind: 'rejected' } : { kind: 'record', record };
    } catch (error) {
      return this.#damaged(error);
    }
  }

  async #change(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { loginName, service, oldPassword, newPassword } = request;
    if (newPassword.reveal() === '' || !isSourceWord(loginName)) return { kind: 'rejected' };
    const found = this.#find(loginName);
    if (found.kind !== 'record') return found;
    const field = passwordField(found.record.shadow, service);
    const account = this.#account(loginName, found.record, service);
    if (field === undefined || account === undefined) return { kind: 'rejected' };
    const answer = await this.#compare(account, field.hash, oldPassword);
    if (answer.kind !== 'account') return answer;
    // Files of another program, and a disk that may be full: whatever fails leaves the old password in place.
    try {
      const fields = await newPasswordFields(found.record.shadow, { service, field, password: newPassword });
      await editUserdb(sourceFileOf(this.#source, found.record.fields), loginName, { kind: 'set', fields });
      await compileUserdb(this.#source);
      return { kind: 'changed' };
    } catch (error) {
      const reason = `the password was not changed: ${messageOf(error)}`;
      this.#context.log.write('error', `authuserdb: ${logValue(loginName)}: ${reason}`);
      return { kind: 'temporary failure', reason };
    }
  }

  #damaged(error: unknown): Failure {
    const reason = messageOf(error);
    this.#context.log.write('error', `authuserdb: ${reason}`);
    this.#compiled.close();
    return { kind: 'temporary failure', reason: `authuserdb: ${reason}` };
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', text);
  }
}

/** The fields a new password changes: the one that was good, and every stored CRAM secret of the old one. */
async function newPasswordFields(
  shadow: UserdbFields,
  change: { service: string; field: { name: string; hash: string }; password: Secret },
): Promise<Map<string, string>> {
  const { service, field, password } = change;
  const fields = new Map([[field.name, await hashPassword(password, field.hash)]]);
  for (const algorithm of HMAC_ALGORITHMS) {
    for (const name of [`${service}-hmac-${algorithm}pw`, `hmac-${algorithm}pw`]) {
      if (shadow.has(name)) fields.set(name, hmacContext(algorithm, octetsFromText(password.reveal())));
    }
  }
  return fields;
}

/** Gives the source file a record came from: makeuserdb noted it in `_`, `sub/two/` for files of a directory. */
function sourceFileOf(source: string, fields: UserdbFields): string {
  const inside = (fields.get('_') ?? '').replace(/\/$/, '');
  const safe = inside.split('/').every((part) => part !== '..' && part !== '.') && !inside.startsWith('/');
  if (!safe) throw new Error('the record names a source file outside userdb');
  return inside === '' ? source : join(source, inside);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
