/**
 * The program `authaccounts`: creates, renames and deletes accounts of userdb or of a database, in a batch from a file.
 */
import { fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { loadSettings } from '../../init/runtime/settings/settings-file.js';
import { type AccountBook, BookFailure } from '../accounts/account-book.js';
import { type AccountLine, holdsSecrets, parseAccountLines } from '../accounts/account-lines.js';
import { Batch, type BatchOptions } from '../accounts/batch.js';
import { Journal } from '../accounts/journal.js';
import { Results } from '../accounts/results.js';
import { SharedIndex } from '../accounts/shared-index.js';
import { SqlBook } from '../accounts/sql-book.js';
import { UserdbBook } from '../accounts/userdb-book.js';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { readAuthdaemonSettings } from '../settings.js';
import { UserdbFailure, withLock } from '../userdb/files.js';

const usage = `Usage: authaccounts [OPTIONS] FILE

Carries out the changes in FILE (- is standard input), and prints one line for each:
  default uid=vmail gid=vmail home=/home/vmail/%d/%n     for the lines below; %n ann, %d example.com, %u both
  create ann@example.com password="a secret" name="Ann Other"
  rename bob@example.com rob@example.com                 the mail goes with the name, where the home does
  delete carl@example.com
Fields: uid gid home maildir quota name options, and password or hash (as authpasswd prints it).
What is done already is said and no error, so a file can be run again, also after a crash.

Options:
  --module NAME    authuserdb, authmysql or authpgsql; else the only one of these in authmodulelist
  --dry-run        say what would be done, and do nothing
  --into FILE      where userdb is a directory: the file in it for new accounts
  --method METHOD  how passwords are hashed, as for authpasswd; else $6$
  --adopt-mail     a new account gets the mail that is at its place already
  --with-mail      delete: the maildir is moved aside, to MAILDIR.deleted-TIME
  --remove-mail    delete: the maildir is removed
  --help, --version
Exit code: 0 all is as the file says; 1 not all; 64 wrong command line.`;

const MODULES = ['authuserdb', 'authmysql', 'authpgsql'] as const;
type Module = (typeof MODULES)[number];
/** 100,000 lines are a tenth of it. */
const MAX_FILE_OCTETS = 64 * 1024 * 1024;

await runProgram({ name: 'authaccounts', usage, run });

async function run(words: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(words);
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new ProgramFailure(usage, EXIT_USAGE);
  if (values['with-mail'] === true && values['remove-mail'] === true) {
    throw new ProgramFailure('--with-mail and --remove-mail exclude each other', EXIT_USAGE);
  }
  const configDirectory = settingsDirectory();
  const lines = readLines(file);
  const book = await openBook(moduleFor(configDirectory, values.module), configDirectory, values);
  // Accounts are changed whether or not somebody reads of it.
  process.stdout.on('error', () => undefined);
  const results = new Results(file === '-' ? 'stdin' : file, {
    out: (line) => process.stdout.write(octetsFromText(`${line}\n`)),
    complain: (line) => process.stderr.write(octetsFromText(`${line}\n`)),
  });
  const batch = new Batch({
    ...mailSite(configDirectory),
    book,
    journal: new Journal(configDirectory),
    choices: {
      adoptMail: values['adopt-mail'] === true,
      deleted: values['remove-mail'] === true ? 'removed' : values['with-mail'] === true ? 'aside' : 'stays',
    },
    dryRun: values['dry-run'] === true,
    stamp: new Date().toISOString().replace(/[-:]|\.\d+/g, ''),
    tell: (result) => results.tell(result),
    warn: (text) => results.warn(text),
  });
  // What nothing more can be done about ends the run; the lines before it are done and told.
  try {
    if (values['dry-run'] === true) await batch.run(lines);
    else await withLock(join(configDirectory, '.lock.authaccounts'), 0o600, () => batch.run(lines));
  } catch (error) {
    if (!(error instanceof BookFailure || error instanceof UserdbFailure)) throw error;
    results.warn(`${error.message.trim()}; lines that are not named above were not done`);
  } finally {
    book.close();
  }
  return results.finish();
}

function readArguments(words: readonly string[]) {
  try {
    const [flag, text] = [{ type: 'boolean' }, { type: 'string' }] as const;
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        ...{ module: text, into: text, method: text },
        ...{ 'dry-run': flag, 'adopt-mail': flag, 'with-mail': flag, 'remove-mail': flag },
      },
    });
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

function readLines(file: string): AccountLine[] {
  const descriptor = file === '-' ? 0 : openSync(file, 'r');
  const { mode, size } = fstatSync(descriptor);
  if (size > MAX_FILE_OCTETS) throw new ProgramFailure(`${file} is too large`);
  const lines = parseAccountLines(textFromOctets(readFileSync(descriptor)));
  if (file !== '-' && (mode & 0o044) !== 0 && holdsSecrets(lines)) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    process.stderr.write(
      `warning: ${file}: passwords are in it, and others may read it (mode ${shown}); chmod 600 it\n`,
    );
  }
  return lines;
}

function moduleFor(configDirectory: string, named: string | undefined): Module {
  const known = MODULES.find((name) => name === named);
  if (known !== undefined) return known;
  if (named !== undefined) {
    throw new ProgramFailure(
      `${named}: accounts are written into ${MODULES.join(', ')} only; the others read what others keep`,
    );
  }
  const { moduleNames } = readAuthdaemonSettings(configDirectory);
  const candidates = MODULES.filter((name) => moduleNames.includes(name));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const what = only === undefined ? `none of ${MODULES.join(', ')}` : candidates.join(' and ');
  throw new ProgramFailure(`authmodulelist has ${what}; say with --module where the accounts are`);
}

async function openBook(
  module: Module,
  configDirectory: string,
  { into, method = '$6$' }: { into?: string; method?: string },
): Promise<AccountBook> {
  if (module === 'authuserdb') return new UserdbBook(configDirectory, { into, method });
  const book =
    module === 'authmysql'
      ? SqlBook.open((await import('../sql/mysql-store.js')).MYSQL, configDirectory, method)
      : SqlBook.open((await import('../sql/pgsql-store.js')).PGSQL, configDirectory, method);
  if (typeof book === 'string') throw new ProgramFailure(book);
  return book;
}

/** Where imapd has maildirs, and the index of shared ones. */
function mailSite(configDirectory: string): Pick<BatchOptions, 'usualMaildir' | 'index'> {
  const path = join(configDirectory, 'imapd');
  const settings = loadSettings([path], [path]);
  const index = settings.text('IMAP_SHAREDINDEXFILE', '/etc/courier/shared/index');
  const absolute = isAbsolute(index) ? index : join(dirname(path), index);
  return {
    usualMaildir: settings.text('MAILDIRPATH', 'Maildir'),
    index: new SharedIndex(absolute, settings.switchedOn('IMAP_SHAREDMUNGENAMES', false)),
  };
}
