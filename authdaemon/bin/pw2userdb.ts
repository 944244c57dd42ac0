/**
 * The program `pw2userdb`: prints the system's accounts as userdb lines, as Courier's does.
 *
 * Lines of passwd that describe no account (`+nis`, missing fields) are left out, and only the first account of a uid
 * gets a reverse record: makeuserdb refuses the same name twice.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ProgramFailure, runProgram } from '../../init/runtime/program.js';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { explainCode } from '../userdb/files.js';

const usage = `Usage: pw2userdb [--passwd=FILE] [--shadow=FILE] [--noshadow] [--nouid] [--domain=DOMAIN]

Prints the accounts of /etc/passwd and /etc/shadow as lines of userdb.
  --noshadow        no passwords from the shadow file
  --nouid           no reverse records (UID= lines)
  --domain=DOMAIN   names are NAME@DOMAIN
  --help, --version`;

interface PasswdLine {
  readonly name: string;
  readonly password: string;
  readonly uid: string;
  readonly gid: string;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

await runProgram({ name: 'pw2userdb', usage, run, endsWithReader: true });

function run(words: readonly string[]): number {
  const values = readArguments(words);
  const shadow = values.noshadow === true ? new Map<string, string>() : readShadow(values.shadow ?? '/etc/shadow');
  const suffix = values.domain === undefined ? '' : `@${values.domain}`;
  const seen = new Set<string>();
  const lines: string[] = [];
  for (const account of readPasswd(values.passwd ?? '/etc/passwd')) {
    lines.push(`${account.name}${suffix}\t${fieldsOf(account, shadow.get(account.name))}\n`);
    if (values.nouid !== true && !seen.has(account.uid)) lines.push(`${account.uid}=\t${account.name}\n`);
    seen.add(account.uid);
  }
  process.stdout.write(octetsFromText(lines.join('')));
  return 0;
}

function readArguments(words: readonly string[]) {
  try {
    const options = {
      passwd: { type: 'string' },
      shadow: { type: 'string' },
      noshadow: { type: 'boolean' },
      nouid: { type: 'boolean' },
      domain: { type: 'string' },
    } as const;
    // Courier's takes one dash as well as two.
    return parseArgs({ args: words.map((word) => word.replace(/^-(?=[a-z])/, '--')), options }).values;
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\nInvalid options.`, 255);
  }
}

function fieldsOf(account: PasswdLine, shadowPassword: string | undefined): string {
  const password = shadowPassword ?? (account.password === 'x' ? '' : account.password);
  const fields: readonly (readonly [string, string])[] = [
    ['uid', account.uid],
    ['gid', account.gid],
    ['home', account.home],
    ['shell', account.shell],
    ['systempw', password],
    ['gecos', account.gecos],
  ];
  return fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value.replaceAll('|', '.')}`)
    .join('|');
}

function readPasswd(path: string): PasswdLine[] {
  return readLines(path).flatMap((line) => {
    const [name = '', password = '', uid = '', gid = '', gecos = '', home = '', shell = ''] = line.split(':');
    const whole = name !== '' && home !== '' && /^[0-9]+$/.test(uid) && /^[0-9]+$/.test(gid);
    return whole ? [{ name, password, uid, gid, gecos, home, shell }] : [];
  });
}

function readShadow(path: string): Map<string, string> {
  return new Map(
    readLines(path).map((line) => {
      const [name = '', password = ''] = line.split(':');
      return [name, password];
    }),
  );
}

function readLines(path: string): string[] {
  try {
    return textFromOctets(readFileSync(path)).split('\n');
  } catch (error) {
    throw new ProgramFailure(`${path}: ${explainCode((error as NodeJS.ErrnoException).code ?? '')}`, 2);
  }
}
