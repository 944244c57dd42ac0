/**
 * What is written for administrators, for the tests that do what stands there word by word.
 *
 * A block of commands or settings that is tried has `<!-- tried: NAME -->` above it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutRoot } from './paths.js';

/** The text of a document of the checkout: `README.md`, `imapd/README.md`. */
export function documentText(name: string): string {
  return readFileSync(join(checkoutRoot, name), 'utf8');
}

/** The text under a heading of the second level, up to the next one; a document without it fails the test. */
export function chapterOf(name: string, heading: string): string {
  const [, after] = documentText(name).split(`\n## ${heading}\n`);
  assert.ok(after !== undefined, `${name} has no chapter "${heading}"`);
  return after.split('\n## ')[0] ?? '';
}

/** What stands in the block under a mark, without the last line end; a document without it fails the test. */
export function triedBlock(name: string, mark: string): string {
  const block = new RegExp(`<!-- tried: ${mark} -->\n\`\`\`(?:sh)?\n([\\s\\S]*?)\n\`\`\``).exec(
    documentText(name),
  )?.[1];
  assert.ok(block !== undefined, `${name} has no block that is marked "${mark}"`);
  return block;
}
