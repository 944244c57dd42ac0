/**
 * The program `authapppasswd`: gives an account of userdb app passwords, lists them with their last use, takes them away.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ProgramFailure, runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { hashPassword } from '../passwords/password.js';
import { type AppPassword, isAppPasswordLabel, MAX_APP_PASSWORDS, parseServices } from '../secrets/app-passwords.js';
import { readLastUses } from '../secrets/last-uses.js';
import { readAuthdaemonSettings } from '../settings.js';
import { CompiledUserdb } from '../userdb/compiled.js';
import { compileUserdb, editUserdb, sourceFileOf, UserdbFailure, userdbPaths } from '../userdb/files.js';
import { appPasswordField, appPasswordsOf } from '../userdb/record.js';
import { isSourceWord, type SourceEdit } from '../userdb/source.js';

const USAGE_LINES = `Usage: authapppasswd add ACCOUNT LABEL [--service SERVICE,SERVICE…]
       authapppasswd list ACCOUNT
       authapppasswd revoke ACCOUNT LABEL
       authapppasswd new`;

const usage = `${USAGE_LINES}

add      makes a password for one program or device of an account of userdb, and prints it, this once
list     shows labels, services, and last uses (time, service, address)
revoke   takes one away; it is good for no login from now on, and sessions that are open stay open
new      prints a password and its hash, for a row in a database (see etc/authmysqlrc, etc/authpgsqlrc)

LABEL is what the owner calls the program, such as phone. Without --service it is good for all services.
What is changed is userdb in $COURIER_CONFDIR, else in /etc/courier, and it is compiled, as makeuserdb does.
  --help, --version`;

/** Nothing that looks like something else: 32 characters, five bits each. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const GROUPS = 5;
const GROUP_CHARACTERS = 4;
/** 100 random bits cannot be guessed, however fast a guess is; a slow hash would only make logins slow. */
const HASH_METHOD = '{SSHA256}';

await runProgram({ name: 'authapppasswd', usage, run });

async function run([verb, ...words]: readonly string[]): Promise<number> {
  const [account, label, option, services, ...more] = words;
  try {
    if (verb === 'new' && account === undefined) return await showNew();
    if (account === undefined || more.length > 0) return showUsage();
    if (verb === 'list' && label === undefined) return list(account);
    if (label === undefined) return showUsage();
    if (verb === 'revoke' && option === undefined) return await revoke(account, label);
    if (verb !== 'add' || (option !== undefined && (option !== '--service' || services === undefined)))
      return showUsage();
    return await add(account, label, parseServices(services ?? ''));
  } catch (error) {
    if (!(error instanceof UserdbFailure)) throw error;
    throw new ProgramFailure(error.message.trim(), error.exitCode);
  }
}

async function showNew(): Promise<number> {
  const password = newPassword();
  process.stdout.write(`${password.reveal()}\n${await hashPassword(password, HASH_METHOD)}\n`);
  return 0;
}

async function add(account: string, label: string, services: readonly string[]): Promise<number> {
  if (!isAppPasswordLabel(label)) {
    throw new ProgramFailure(`${label}: a label has up to 40 letters, digits, dots, underscores and hyphens`);
  }
  const wrong = services.find((service) => !/^[a-z0-9-]+$/.test(service));
  if (wrong !== undefined) throw new ProgramFailure(`${wrong}: not the name of a service, such as imap or pop3`);
  const { file, appPasswords } = recordOf(account);
  if (appPasswords.some((each) => each.label === label)) {
    throw new ProgramFailure(`${account} has an app password ${label} already; revoke it first`);
  }
  if (appPasswords.length >= MAX_APP_PASSWORDS) {
    throw new ProgramFailure(`${account} has ${MAX_APP_PASSWORDS} app passwords, which is all an account can have`);
  }
  const password = newPassword();
  const value = `${services.join(',')}:${await hashPassword(password, HASH_METHOD)}`;
  await write(file, account, { kind: 'set', fields: new Map([[appPasswordField(label), value]]) });
  process.stdout.write(`${password.reveal()}\n`);
  return 0;
}

function list(account: string): number {
  const { appPasswords } = recordOf(account);
  const uses = readLastUses(readAuthdaemonSettings(settingsDirectory()).directory, account);
  for (const { label, services } of appPasswords) {
    const use = uses.get(label);
    const last = use === undefined ? ['never'] : [use.at, use.service, use.remoteIp];
    const fields = [label, services.length === 0 ? '*' : services.join(','), ...last];
    process.stdout.write(octetsFromText(`${fields.join('\t').trimEnd()}\n`));
  }
  return 0;
}

async function revoke(account: string, label: string): Promise<number> {
  const { file, appPasswords } = recordOf(account);
  if (!appPasswords.some((each) => each.label === label)) {
    throw new ProgramFailure(`${account} has no app password ${label}`);
  }
  await write(file, account, { kind: 'unset', names: [appPasswordField(label)] });
  return 0;
}

async function write(file: string, account: string, edit: SourceEdit): Promise<void> {
  await editUserdb(file, account, edit);
  const warnings = await compileUserdb(sourcePath());
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
}

function recordOf(account: string): { readonly file: string; readonly appPasswords: readonly AppPassword[] } {
  const compiled = new CompiledUserdb(userdbPaths(sourcePath()), () => undefined);
  // Whoever may not read the passwords is told so.
  try {
    const record = isSourceWord(account) && !account.endsWith('=') ? compiled.find(account) : undefined;
    if (record === undefined) {
      throw new ProgramFailure(`${account} is not in ${sourcePath()}.dat; run makeuserdb if it should be there`);
    }
    return { file: sourceFileOf(sourcePath(), record.fields), appPasswords: appPasswordsOf(record.shadow) };
  } catch (error) {
    if (error instanceof ProgramFailure || error instanceof UserdbFailure) throw error;
    throw new ProgramFailure(error instanceof Error ? error.message : String(error));
  } finally {
    compiled.close();
  }
}

function newPassword(): Secret {
  const group = (): string =>
    Array.from({ length: GROUP_CHARACTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  return new Secret(Array.from({ length: GROUPS }, group).join('-'));
}

function sourcePath(): string {
  return join(settingsDirectory(), 'userdb');
}

function showUsage(): number {
  process.stderr.write(`${USAGE_LINES}\n`);
  return 1;
}
