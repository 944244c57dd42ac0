/**
 * `npm run manuals`: man pages and shell completion in dist/, from what `--help` and the files of etc/ say.
 *
 * Installing does it, too: nobody has to think of it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programVersion } from '../runtime/program.js';
import { bashCompletion, completions } from './completion.js';
import { type Block, type Form, type HelpText, readHelp } from './plain-text.js';
import { programManuals } from './programs.js';
import { formatPage, type Page, type Section } from './roff.js';
import { settingsFiles, settingsPage } from './settings-pages.js';

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const root = dirname(dist);
const texts = join(root, 'init', 'manuals');

/** Pages by hand that other names lead to, too. */
const CONTROL_SCRIPTS = ['imapd-ssl.rc', 'pop3d.rc', 'pop3d-ssl.rc', 'imapd-ssl', 'pop3d-ssl'];

/** A page's date is that of the build; packagers want the same octets each time. */
const seconds = process.env['SOURCE_DATE_EPOCH'];
const date = (seconds === undefined ? new Date() : new Date(Number(seconds) * 1000)).toISOString().slice(0, 10);

makeAll();

function makeAll(): void {
  const manuals = join(dist, 'man');
  rmSync(manuals, { recursive: true, force: true });
  const words = new Map<string, string[]>();
  for (const name of readdirSync(join(dist, 'bin')).filter((each) => each !== 'package.json')) {
    const help = helpOf(name);
    writePage(manuals, programPage(name, help));
    words.set(name, completions(name, help));
  }
  for (const name of Object.keys(settingsFiles)) {
    writePage(manuals, settingsPage(name, readFileSync(join(root, 'etc', name), 'utf8')));
  }
  writePage(manuals, writtenPage('imapd.rc', 8, 'start and stop the servers', 'control-scripts.txt'));
  for (const name of CONTROL_SCRIPTS) writeFileSync(join(manuals, 'man8', `${name}.8`), '.so man8/imapd.rc.8\n');
  writePage(manuals, writtenPage('angarium', 7, 'IMAP and POP3 server for maildirs', 'overview.txt'));
  const completion = join(dist, 'completions');
  mkdirSync(completion, { recursive: true });
  writeFileSync(join(completion, 'angarium'), bashCompletion(words));
}

function helpOf(name: string): HelpText {
  const program = join(dist, 'bin', name);
  const text = execFileSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
  // Courier's userdb names itself as it was called.
  return readHelp(text.replaceAll(program, name));
}

function programPage(name: string, help: HelpText): Page {
  const manual = programManuals[name];
  if (manual === undefined) throw new Error(`${name} stands in no line of init/manuals/programs.ts`);
  const { section, about, examples, files, seeAlso } = manual;
  const { described, exit } = withoutExit(help.blocks);
  const sections: Section[] = [
    { title: 'Synopsis', blocks: [{ kind: 'literal', lines: help.forms.map((form) => form.words) }] },
    { title: 'Description', blocks: [...meanings(help.forms), ...described] },
    ...(examples === undefined ? [] : [{ title: 'Examples', blocks: [{ kind: 'items' as const, items: examples }] }]),
    ...(exit === undefined ? [] : [{ title: 'Exit status', blocks: [exit] }]),
    ...(files === undefined ? [] : [{ title: 'Files', blocks: [{ kind: 'items' as const, items: files }] }]),
    { title: 'See also', blocks: [{ kind: 'paragraph', text: seeAlso }] },
  ];
  return { name, section, about, sections: sections.filter(({ blocks }) => blocks.length > 0) };
}

/** What the forms mean, where their lines say it. */
function meanings(forms: readonly Form[]): Block[] {
  const items = forms.flatMap(({ words, meaning }) => (meaning === undefined ? [] : [{ term: words, meaning }]));
  return items.length === 0 ? [] : [{ kind: 'items', items }];
}

function withoutExit(blocks: readonly Block[]): { described: Block[]; exit: Block | undefined } {
  const exit = blocks.find((block) => block.kind === 'paragraph' && /^Exit codes?:/.test(block.text));
  return { described: blocks.filter((block) => block !== exit), exit };
}

/** A page whose text lies beside this file. */
function writtenPage(name: string, section: number, about: string, file: string): Page {
  const help = readHelp(readFileSync(join(texts, file), 'utf8'));
  const synopsis: Block = { kind: 'literal', lines: help.forms.map((form) => form.words) };
  const { described, exit } = withoutExit(help.blocks);
  return {
    name,
    section,
    about,
    sections: [
      ...(section === 7 ? [] : [{ title: 'Synopsis', blocks: [synopsis] }]),
      { title: 'Description', blocks: described },
      ...(exit === undefined ? [] : [{ title: 'Exit status', blocks: [exit] }]),
    ],
  };
}

function writePage(manuals: string, page: Page): void {
  const directory = join(manuals, `man${page.section}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${page.name}.${page.section}`), formatPage(page, date, programVersion()));
}
