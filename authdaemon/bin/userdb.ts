/**
 * The program `userdb`: changes and shows records of userdb's source, as Courier's does. makeuserdb then compiles it.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { octetsFromText } from '../octet-text.js';
import { editUserdb, readSource, UserdbFailure } from '../userdb/files.js';
import { parseFields } from '../userdb/record.js';
import { isSourceWord, parseSource, type SourceEdit } from '../userdb/source.js';
import { askLine } from './tool.js';

const me = process.argv[1] ?? 'userdb';

const USAGE_LINES = `Usage: ${me} [path/.../ | -f file ]name set field=value field=value...
       ${me} [path/.../ | -f file ]name unset field field...
       ${me} [path/.../ | -f file ]name del
       ${me} -show [path/... | -f file ] [name]`;

const usage = `${USAGE_LINES}

Changes the source at userdb in $COURIER_CONFDIR, else in /etc/courier; run makeuserdb afterwards.
A field without =value is read from standard input, one line for each.
  --help, --version`;

/** Courier's exit code for a field that cannot be stored (EINVAL). */
const EXIT_INVALID = 22;

/** A record, and the file it is in. */
interface Place {
  readonly file: string;
  readonly name: string | undefined;
}

await runProgram({ name: 'userdb', usage, run, endsWithReader: true });

async function run(words: readonly string[]): Promise<number> {
  try {
    return words[0] === '-show' ? show(words.slice(1)) : await change(words);
  } catch (error) {
    if (!(error instanceof UserdbFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

async function change(words: readonly string[]): Promise<number> {
  const named = words[0] === '-f';
  const [word, verb, ...fields] = named ? words.slice(2) : words;
  if (word === undefined || verb === undefined || word.startsWith('-')) return showUsage();
  const { file, name = '' } = named ? { file: words[1] ?? '', name: word } : placeOf(word);
  const edit = await editOf(verb, name, fields);
  if (edit === undefined) return showUsage();
  if (name === '' || ![name, ...wordsOf(edit)].every(isSourceWord)) {
    process.stderr.write('Invalid field or value.\n');
    return EXIT_INVALID;
  }
  await editUserdb(file, name, edit);
  return 0;
}

async function editOf(verb: string, name: string, fields: readonly string[]): Promise<SourceEdit | undefined> {
  if (verb === 'del') return { kind: 'delete' };
  if (verb === 'unset') return { kind: 'unset', names: fields };
  if (verb !== 'set') return undefined;
  const values = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals >= 0) values.set(field.slice(0, equals), field.slice(equals + 1));
    else values.set(field, (await askLine(`${name}.${field}: `)) ?? '');
  }
  return { kind: 'set', fields: values };
}

function wordsOf(edit: SourceEdit): string[] {
  if (edit.kind === 'set') return [...edit.fields].flat();
  return edit.kind === 'unset' ? [...edit.names] : [];
}

function show(words: readonly string[]): number {
  const named = words[0] === '-f';
  const place = named ? { file: words[1] ?? '', name: words[2] } : shownPlace(words);
  const { records } = parseSource(readSource(place.file));
  const lines =
    place.name === undefined
      ? records.map((record) => record.name)
      : records
          .filter((record) => record.name === place.name)
          .flatMap((record) => [...parseFields(record.value)].map(([field, value]) => `${field}=${value}`));
  process.stdout.write(octetsFromText(lines.map((line) => `${line}\n`).join('')));
  return 0;
}

/** `-show [path/...] [name]`: where userdb is a directory, the first word is a file in it. */
function shownPlace([first, second]: readonly string[]): Place {
  const source = sourcePath();
  if (first === undefined) return { file: source, name: undefined };
  const isDirectory = statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isDirectory && second !== undefined) return { file: inside(first), name: second };
  if (isDirectory && !first.endsWith('/')) return { file: inside(first), name: undefined };
  return placeOf(first);
}

/** `sub/two/ann`: account `ann` in the file `userdb/sub/two`. */
function placeOf(word: string): Place {
  const slash = word.lastIndexOf('/');
  if (slash < 0) return { file: sourcePath(), name: word };
  const name = word.slice(slash + 1);
  return { file: inside(word.slice(0, slash)), name: name === '' ? undefined : name };
}

function inside(path: string): string {
  if (path.split('/').includes('..')) throw new UserdbFailure(`${path}: not a place in userdb.`, EXIT_INVALID);
  return join(sourcePath(), path);
}

function sourcePath(): string {
  return join(settingsDirectory(), 'userdb');
}

function showUsage(): number {
  process.stdout.write(`${USAGE_LINES}\n`);
  return 1;
}
