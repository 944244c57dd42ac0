/**
 * The program `sharedindexsplit`: writes shared indexes (shared-index.ts) of what authenumerate lists.
 *
 *     authenumerate -s | sharedindexsplit /etc/courier/shared.tmp 1
 *
 * With letters, accounts are in files by the first letters of their names, and the levels above them are groups; a name
 * that is too short has `_` there. Files and their lines are those of Courier's program.
 */
import { openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runProgram } from '../../init/runtime/program.js';

const USAGE_LINE = 'Usage: sharedindexsplit outputdir [ letters ]';

const usage = `${USAGE_LINE}

Reads name, uid, gid, home and maildir, with TABs between, as authenumerate writes them, and writes OUTPUTDIR/index; with
LETTERS, also OUTPUTDIR/indexX for each X that names begin with, down to so many letters.`;

/** Nobody splits further, and each level is a file for each name. */
const MAX_LETTERS = 8;

/** The files, by the letters that names in them begin with. They are small: an account has a line. */
class IndexFiles {
  readonly #directory: string;
  readonly #lines = new Map<string, string[]>();
  readonly #groups = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  add(fields: readonly string[], groups: readonly string[]): void {
    let above = '';
    for (const group of groups) {
      if (!this.#groups.has(group)) this.#addLine(above, Buffer.from(`${group}\t*\tindex${group}`).toString('latin1'));
      this.#groups.add(group);
      above = group;
    }
    this.#addLine(above, fields.join('\t').replace(/\t$/, ''));
  }

  write(): void {
    for (const [letters, lines] of this.#lines) {
      const file = openSync(join(this.#directory, `index${letters}`), 'w', 0o666);
      writeSync(file, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1'));
    }
  }

  #addLine(letters: string, line: string): void {
    const lines = this.#lines.get(letters);
    if (lines === undefined) this.#lines.set(letters, [line]);
    else lines.push(line);
  }
}

await runProgram({ name: 'sharedindexsplit', usage, run });

async function run([directory, letters, ...rest]: readonly string[]): Promise<number> {
  if (directory === undefined || rest.length > 0 || !isDirectory(directory)) {
    process.stderr.write(`${USAGE_LINE}\n`);
    return 2;
  }
  const depth = Math.min(Math.max(Number.parseInt(letters ?? '0', 10) || 0, 0), MAX_LETTERS);
  const files = new IndexFiles(directory);
  // Latin-1, so that octets stay what they are; names are cut at characters.
  process.stdin.setEncoding('latin1');
  for await (const line of createInterface({ input: process.stdin })) {
    const fields = line.split('\t', 5);
    const [name = '', uid = '', gid = '', home] = fields;
    if (home === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    files.add(fields, beginnings(name, depth));
  }
  files.write();
  return 0;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** `bob`, 2 -> `b`, `bo`. A slash would lead out of the directory. */
function beginnings(name: string, depth: number): string[] {
  const characters = [...Buffer.from(name, 'latin1').toString('utf8')];
  const letters = Array.from({ length: depth }, (_letter, index) => (characters[index] ?? '_').replace('/', '_'));
  return letters.map((_letter, index) => letters.slice(0, index + 1).join(''));
}
