/**
 * deliverquota: delivers the message on its standard input into a maildir, within the maildir's quota.
 *
 * Words, texts and exit codes are those of Courier's deliverquota, as Debian builds it. When it runs as root it becomes the
 * owner of the maildir first.
 */
import { createReadStream, existsSync, fstatSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { MaildirError } from '../errors.js';
import { folderDirectory } from '../folder-name.js';
import { type DeliveryPlace, deliver, isOverQuota } from '../quota/delivery.js';
import { MaildirQuota } from '../quota/maildir-quota.js';
import { parseLimits, percentUsed } from '../quota/quota-limits.js';
import { sendQuotaMail } from '../quota/quota-mail.js';
import { becomeOwnerOf, openForTool, toolSurroundings } from './tool-store.js';

const USAGE = 'Usage: deliverquota [-c] [-w percent] maildir';

const HELP = `${USAGE} [quota]

  -c           makes the maildir if there is none
  -w PERCENT   warns by mail, once a day, when so much of the quota is used
  -W FILE      the text of that mail, with its header; else quotawarnmsg in $COURIER_CONFDIR, else in /etc/courier
  -f FOLDER    delivers into this folder (Lists.News), if its access list lets whoever sends do that: the right p; else
               into INBOX
  -u SENDER    who sends, as access lists name him (user=bob); else anybody: the right of anyone counts
  -p           over quota is for good (exit code 77) also when the message comes through a pipe
  QUOTA        1000000000S,100000C: octets, messages; becomes the maildir's quota

The message comes on standard input. Exit codes: 0 delivered, 73 wrong words, 75 try again later, 74 broken off while
reading; over quota: 77 if standard input is a file, else 75, and "Mail quota exceeded." on standard output.`;

/** As in sysexits.h, and as Courier uses them. */
const EXIT_WRONG_WORDS = 73;
const EXIT_READING = 74;
const EXIT_LATER = 75;
const EXIT_NEVER = 77;

interface Arguments {
  readonly create: boolean;
  readonly warnPercent: number | undefined;
  readonly template: string;
  readonly pipesFail: boolean;
  readonly folder: string;
  /** Identifiers of who sends. */
  readonly senders: readonly string[];
  readonly maildirPath: string;
  readonly quota: string | undefined;
}

/** Standard input broke off. */
class ReadingFailed extends Error {}

await runProgram({ name: 'deliverquota', usage: HELP, run });

async function run(words: readonly string[]): Promise<number> {
  const args = parse(words);
  if (args === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return EXIT_WRONG_WORDS;
  }
  try {
    const place = prepare(args);
    if (place !== undefined) return await receive(args, place);
    process.stderr.write(`${args.maildirPath}: No such file or directory\n`);
    return EXIT_LATER;
  } catch (error) {
    const text = error instanceof MaildirError ? error.detail : String(error);
    process.stderr.write(`deliverquota: ${text}\n`);
    return EXIT_LATER;
  }
}

/** Undefined for words that cannot be understood. What is no option is the maildir, whatever it begins with. */
function parse(words: readonly string[]): Arguments | undefined {
  const rest = [...words];
  const options = { create: false, warnPercent: undefined as number | undefined, template: '', pipesFail: false };
  const senders: string[] = [];
  let folder = '';
  for (let word = rest[0]; word !== undefined; word = rest[0]) {
    if (word === '-c') options.create = true;
    else if (word === '-p') options.pipesFail = true;
    else if (word === '-w') options.warnPercent = Number.parseInt(rest[1] ?? '', 10) || 0;
    else if (word === '-W') options.template = rest[1] ?? '';
    else if (word === '-f') folder = rest[1] ?? '';
    else if (word === '-u') senders.push(rest[1] ?? '');
    else break;
    rest.splice(0, /^-[wWfu]$/.test(word) ? 2 : 1);
  }
  const [maildirPath, quota] = rest;
  if (maildirPath === undefined) return undefined;
  const template = options.template === '' ? join(settingsDirectory(), 'quotawarnmsg') : options.template;
  return { ...options, template, maildirPath, quota, folder, senders };
}

/** Undefined when there is no maildir. */
function prepare({ create, maildirPath, quota: wanted, folder, senders }: Arguments): DeliveryPlace | undefined {
  const path = resolve(maildirPath);
  const isThere = existsSync(path);
  if (!isThere && !create) return undefined;
  becomeOwnerOf(isThere ? path : dirname(path));
  const directories = ['tmp', 'new', 'cur'].map((name) => join(path, name));
  if (create && !isThere) for (const directory of [path, ...directories]) mkdirSync(directory, 0o700);
  if (!directories.every((directory) => existsSync(directory))) return undefined;
  const surroundings = toolSurroundings('deliverquota');
  const quota = new MaildirQuota(surroundings, path);
  quota.want(parseLimits(wanted ?? ''));
  const place = { surroundings, maildirPath: path, quota };
  const name = folder === '' ? undefined : folderForPosts(path, folder, senders);
  return name === undefined ? place : { ...place, directory: folderDirectory(path, name) };
}

/** The folder that an address names behind the plus, if mail may be sent to it; mail for any other goes to INBOX. */
function folderForPosts(path: string, folder: string, senders: readonly string[]): string | undefined {
  const { maildir } = openForTool('deliverquota', path);
  const asked = /^inbox(\.|$)/i.test(folder) ? folder : `INBOX.${folder}`;
  const folders = maildir.listFolders();
  const alike = folders.filter((each) => each.toLowerCase() === asked.toLowerCase());
  // Mail servers write addresses in small letters.
  const name = folders.includes(asked) ? asked : alike.length === 1 ? alike[0] : undefined;
  if (name === undefined) return undefined;
  return maildir.acls.list(name).lettersOf(senders).includes('p') ? name : undefined;
}

/** A file is refused before it is read, and its sender is told to give up; what comes through a pipe is tried again. */
async function receive(args: Arguments, place: DeliveryPlace): Promise<number> {
  const input = fstatSync(0);
  try {
    if (input.isFile()) await place.quota.check({ octets: input.size, messages: 1 });
    await deliver(place, { octets: messageOctets() });
  } catch (error) {
    if (error instanceof ReadingFailed) {
      process.stderr.write(`deliverquota: ${error.message}\n`);
      return EXIT_READING;
    }
    if (!isOverQuota(error)) throw error;
    process.stdout.write('Mail quota exceeded.\n');
    if (input.isFile()) await warn(args, place);
    return input.isFile() || args.pipesFail ? EXIT_NEVER : EXIT_LATER;
  }
  await warn(args, place);
  return 0;
}

async function* messageOctets(): AsyncGenerator<Buffer> {
  try {
    for await (const octets of createReadStream('', { fd: 0, autoClose: false })) yield octets as Buffer;
  } catch (error) {
    throw new ReadingFailed(String(error), { cause: error });
  }
}

async function warn({ warnPercent, template }: Arguments, place: DeliveryPlace): Promise<void> {
  if (warnPercent === undefined) return;
  const usage = await place.quota.usage();
  if (usage === undefined || percentUsed(usage.used, usage.limits) < warnPercent) return;
  await sendQuotaMail(place, template);
}
