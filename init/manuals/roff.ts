/**
 * Writes man pages: the macros of man(7), which groff and mandoc both know.
 *
 * It knows no program: what a page says comes as blocks of plain text.
 */
import type { Block } from './plain-text.js';

/** One page. */
export interface Page {
  readonly name: string;
  readonly section: number;
  /** What stands behind the dash under NAME. */
  readonly about: string;
  readonly sections: readonly Section[];
}

/** A part of a page under a heading of its own. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A page as roff. `date` is YYYY-MM-DD. */
export function formatPage(page: Page, date: string, version: string): string {
  const title = `.TH ${quoted(page.name.toUpperCase())} ${page.section} ${date} ${quoted(`Angarium ${version}`)}`;
  const name = `${escaped(page.name)} \\- ${escaped(page.about)}`;
  const sections = page.sections.flatMap(({ title: heading, blocks }) => [
    `.SH ${quoted(heading.toUpperCase())}`,
    ...formatBlocks(blocks),
  ]);
  return [title, '.SH NAME', name, ...sections, ''].join('\n');
}

/** A heading makes a paragraph by itself. */
function formatBlocks(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block, index) => {
    const isFirst = index === 0 || blocks[index - 1]?.kind === 'heading';
    return formatBlock(block, isFirst ? [] : ['.PP']);
  });
}

function formatBlock(block: Block, paragraph: readonly string[]): string[] {
  switch (block.kind) {
    case 'heading':
      return [`.SS ${quoted(block.text)}`];
    case 'paragraph':
      return [...paragraph, line(block.text)];
    case 'literal':
      return [...paragraph, '.RS 4', '.nf', ...block.lines.map(line), '.fi', '.RE'];
    case 'items':
      return block.items.flatMap(({ term, meaning }) => ['.TP', `\\fB${escaped(term)}\\fR`, line(meaning || '\\&')]);
  }
}

/** A line of text that roff must not take for a request. */
function line(text: string): string {
  const safe = text === '\\&' ? text : escaped(text);
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

/** A macro's argument. */
function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', '\\(dq')}"`;
}

/** Minus signs stay what they are, so that an option can be copied from the page. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(
      /[^\n -~]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );
}
