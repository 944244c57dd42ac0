/**
 * Reads the plain text that people read in `--help` and above the settings of etc/: paragraphs, lists of two columns, lines
 * to be typed as they stand, headings.
 *
 * It knows the layout only, no words, and is told where a text comes from by nobody.
 */

/** A piece of text between two empty lines, or a part of one. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  /** Lines to be shown as they stand. */
  | { readonly kind: 'literal'; readonly lines: readonly string[] }
  | { readonly kind: 'items'; readonly items: readonly Item[] };

/** One line of a list: `-s SERVICE`, and what it means. */
export interface Item {
  readonly term: string;
  readonly meaning: string;
}

/** How a program is called, and what that does where the same line says it. */
export interface Form {
  readonly words: string;
  readonly meaning?: string;
}

/** What `--help` says. */
export interface HelpText {
  readonly forms: readonly Form[];
  readonly blocks: readonly Block[];
}

/** A term begins no further to the right than this; what stands there explains the one before. */
const MAX_TERM_INDENT = 4;

const USAGE = 'Usage: ';

/** A term, two blanks or more, and its meaning. */
const COLUMNS = /^( *)(\S.*?) {2,}(\S.*)$/;

/** Reads `--help`: the forms from `Usage:` to the first empty line, and the rest. @throws {Error} when it begins otherwise. */
export function readHelp(text: string): HelpText {
  const lines = text.trimEnd().split('\n');
  const end = lines.indexOf('');
  const usage = end === -1 ? lines : lines.slice(0, end);
  if (usage[0]?.startsWith(USAGE) !== true) throw new Error(`help does not begin with "${USAGE}": ${usage[0] ?? ''}`);
  return { forms: readForms(usage), blocks: end === -1 ? [] : readBlocks(lines.slice(end)) };
}

function readForms(usage: readonly string[]): Form[] {
  const forms: { words: string; meaning?: string }[] = [];
  for (const line of usage) {
    const rest = line.slice(USAGE.length);
    const [, , words, meaning] = COLUMNS.exec(rest) ?? [];
    const last = forms.at(-1);
    // Far to the right stands the meaning of a form that filled its own line.
    if (last !== undefined && rest.search(/\S/) > MAX_TERM_INDENT) last.meaning = joined(last.meaning, rest.trim());
    else if (words === undefined || meaning === undefined) forms.push({ words: rest.trim() });
    else forms.push({ words, meaning });
  }
  return forms;
}

/** Reads text as it stands in `--help` or in a comment. */
export function readBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let open: Open | undefined;
  const close = (): void => {
    if (open !== undefined) blocks.push(closed(open));
    open = undefined;
  };
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') {
      close();
    } else if (isHeading(line, lines[index + 1])) {
      close();
      blocks.push({ kind: 'heading', text: line.slice(0, -1) });
    } else {
      const next: Open = continued(open, line) ?? begun(line);
      if (next !== open) close();
      open = next;
    }
  }
  close();
  return blocks;
}

type Open =
  | { readonly kind: 'paragraph'; text: string }
  | { readonly kind: 'literal'; readonly lines: string[] }
  | { readonly kind: 'items'; readonly items: { term: string; meaning: string }[]; readonly column: number };

function isHeading(line: string, next: string | undefined): boolean {
  return /^[A-Z][^.]*:$/.test(line) && next !== undefined && /^ +\S/.test(next);
}

/** The same block with one line more, or nothing when the line is the first of another one. */
function continued(open: Open | undefined, line: string): Open | undefined {
  const indent = line.search(/\S/);
  if (open?.kind === 'items') return continuedItems(open, line, indent);
  if (open?.kind === 'paragraph' && indent === 0 && !COLUMNS.test(line)) {
    open.text = joined(open.text, line);
    return open;
  }
  if (open?.kind === 'literal' && indent > 0 && !isTerm(line, indent)) {
    open.lines.push(line);
    return open;
  }
  return undefined;
}

function continuedItems(open: Open & { kind: 'items' }, line: string, indent: number): Open | undefined {
  const last = open.items.at(-1);
  if (isTerm(line, indent)) {
    open.items.push(item(line));
    return open;
  }
  if (indent <= MAX_TERM_INDENT || last === undefined) return undefined;
  last.meaning = joined(last.meaning, line.trim());
  return open;
}

function begun(line: string): Open {
  const indent = line.search(/\S/);
  if (isTerm(line, indent)) return { kind: 'items', items: [item(line)], column: indent };
  return indent === 0 ? { kind: 'paragraph', text: line } : { kind: 'literal', lines: [line] };
}

/** A line of two columns, or an option without a meaning. */
function isTerm(line: string, indent: number): boolean {
  return indent <= MAX_TERM_INDENT && (COLUMNS.test(line) || (indent > 0 && /^ *-/.test(line)));
}

function item(line: string): { term: string; meaning: string } {
  const [, , term, meaning] = COLUMNS.exec(line) ?? [];
  return { term: term ?? line.trim(), meaning: meaning ?? '' };
}

function joined(before: string | undefined, after: string): string {
  return before === undefined || before === '' ? after : `${before} ${after}`;
}

function closed(open: Open): Block {
  if (open.kind !== 'literal') return open;
  const indent = Math.min(...open.lines.map((line) => line.search(/\S/)));
  return { kind: 'literal', lines: open.lines.map((line) => line.slice(indent)) };
}
