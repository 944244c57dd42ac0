/**
 * The accounts of userdb as a book. Its source is changed under the locks of userdb's own tools, and compiled.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../init/runtime/secret.js';
import { hashPassword } from '../passwords/password.js';
import { changeSourceFile, compileUserdb, readSources, type SourceContents, UserdbFailure } from '../userdb/files.js';
import { accountFromFields, parseFields } from '../userdb/record.js';
import { changeRecords, isSourceWord, type RecordChange } from '../userdb/source.js';
import {
  type AccountBook,
  type AccountChange,
  type AccountFields,
  BookFailure,
  type BrokenRecord,
  type FieldName,
  type KeptAccount,
} from './account-book.js';

/** Fields as userdb names them. */
const USERDB_NAMES: Readonly<Record<Exclude<FieldName, 'password'>, string>> = {
  ...{ uid: 'uid', gid: 'gid', home: 'home', maildir: 'mail', quota: 'quota' },
  ...{ name: 'gecos', options: 'options', hash: 'systempw' },
};

/** userdb. */
export class UserdbBook implements AccountBook {
  readonly name = 'authuserdb';
  readonly #source: string;
  readonly #into: string | undefined;
  readonly #method: string;

  /**
   * @param into the file below userdb that new accounts go to, where userdb is a directory
   * @param method how passwords are hashed
   */
  constructor(
    configDirectory: string,
    { into, method }: { readonly into?: string | undefined; readonly method: string },
  ) {
    this.#source = join(configDirectory, 'userdb');
    this.#into = into;
    this.#method = method;
  }

  async records(): Promise<ReadonlyMap<string, KeptAccount | BrokenRecord>> {
    const found = new Map<string, KeptAccount | BrokenRecord>();
    for (const { records } of this.#read()) {
      for (const { name, value } of records) {
        if (!name.endsWith('=') && !found.has(name)) found.set(name, keptAccount(name, value));
      }
    }
    return found;
  }

  refusal(change: AccountChange): string | undefined {
    const names = change.kind === 'rename' ? [change.to] : [change.name];
    const fields = change.kind === 'delete' ? [] : [...change.fields.values()];
    if (change.kind !== 'delete' && names.some((name) => name.startsWith('#') || name.endsWith('='))) {
      return 'userdb cannot hold a name that begins with # or ends with =';
    }
    if (![...names, ...fields].every((word) => isSourceWord(word) && word.trim() === word)) {
      return 'userdb cannot hold a name or a value with | in it, or blanks around it';
    }
    if (change.kind !== 'create') return undefined;
    const isDirectory = statSync(this.#source, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isDirectory && this.#into === undefined) return 'userdb is a directory; name a file in it with --into';
    if (
      this.#into?.split('/').some((part) => part === '' || part.startsWith('.')) === true ||
      (!isDirectory && this.#into)
    ) {
      return `--into ${this.#into}: not a file in userdb`;
    }
    return undefined;
  }

  async change(changes: readonly AccountChange[]): Promise<ReadonlyMap<string, string>> {
    const problems = new Map<string, string>();
    const files = new Map<string, RecordChange[]>();
    const places = new Map(
      this.#read().flatMap(({ path, records }) => records.map(({ name }) => [name, path] as const)),
    );
    const home = this.#into === undefined ? this.#source : join(this.#source, this.#into);
    for (const change of changes) {
      const place = places.get(change.name) ?? (change.kind === 'create' ? home : undefined);
      if (place === undefined || (change.kind === 'rename' && places.has(change.to))) {
        problems.set(change.name, 'userdb was changed meanwhile');
        continue;
      }
      files.set(place, [...(files.get(place) ?? []), await this.#recordChange(change)]);
    }
    await mapFailures(async () => {
      for (const [path, changesOfFile] of files) {
        await changeSourceFile(path, (before) => {
          const { text, misfits } = changeRecords(before, changesOfFile);
          for (const name of misfits) problems.set(name, 'userdb was changed meanwhile');
          return text;
        });
      }
      await compileUserdb(this.#source);
    });
    return problems;
  }

  /** What an earlier run wrote and did not compile counts then, and what cannot be compiled is told. */
  async prepare(): Promise<void> {
    if (existsSync(this.#source)) await mapFailures(() => compileUserdb(this.#source));
  }

  close(): void {}

  #read(): SourceContents[] {
    return existsSync(this.#source) ? failing(() => readSources(this.#source)) : [];
  }

  async #recordChange(change: AccountChange): Promise<RecordChange> {
    if (change.kind === 'delete') return { kind: 'remove', name: change.name };
    const fields = new Map<string, string>();
    for (const [name, value] of withHash(change.fields, await this.#hashOf(change.fields))) {
      if (name !== 'password') fields.set(USERDB_NAMES[name], value);
    }
    return change.kind === 'create'
      ? { kind: 'add', name: change.name, fields }
      : { kind: 'rename', name: change.name, to: change.to, fields };
  }

  async #hashOf(fields: AccountFields): Promise<string | undefined> {
    const password = fields.get('password');
    return password === undefined ? undefined : hashPassword(new Secret(password), this.#method);
  }
}

function withHash(fields: AccountFields, hash: string | undefined): AccountFields {
  return hash === undefined ? fields : new Map([...fields, ['hash', hash]]);
}

function keptAccount(name: string, value: string): KeptAccount | BrokenRecord {
  const account = accountFromFields(name, parseFields(value));
  if (typeof account === 'string') return { name, broken: account };
  const { uid, gid, home, maildir = '' } = account;
  return { name, uid, gid, home, maildir };
}

/** What userdb's own code finds wrong is a failure of the book. */
function failing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw bookFailure(error);
  }
}

async function mapFailures(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw bookFailure(error);
  }
}

function bookFailure(error: unknown): unknown {
  const isKnown = error instanceof UserdbFailure || (error instanceof Error && 'code' in error);
  return isKnown ? new BookFailure(`userdb: ${error.message.trim()}`) : error;
}
