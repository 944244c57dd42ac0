/**
 * Upgrades of settings files, by the rules of Courier's sysconftool: NAME.dist is merged into NAME.
 *
 *     ##VERSION: Angarium 0.1.0        which NAME.dist this file was last merged with
 *     ##NAME: MAXDAEMONS:0             a block: a setting and its revision; up to the next ##NAME
 *     # How many …                     comments: always those of NAME.dist
 *     MAXDAEMONS=1000                  values: those of NAME, as long as the revision is the same
 *
 * A setting whose revision changed gets the new value, with the old one in a comment above it. One that NAME does not
 * have comes with its comments and its default. One that NAME.dist does not have any more goes, and is reported.
 *
 * Here it is kinder than sysconftool in four things, so that no value of an administrator is lost: values outside of
 * the blocks, and the settings of a Courier that this server does not have, are kept in a last block LOCAL; a file
 * without marks, as a template of the site may write it, keeps its values; a value that somebody wrote into
 * a file of Courier counts whatever the revision; and a value that is the default is not written twice. It knows no
 * file.
 */

/** What became of a setting. */
export interface SettingChange {
  readonly name: string;
  readonly change: 'unchanged' | 'UPDATED' | 'new' | 'removed' | 'kept in LOCAL';
  /** The old lines, where they are not in effect any more. */
  readonly before?: readonly string[];
}

/** The new text of a file, and what became of each setting; undefined: it was merged with this NAME.dist before. */
export interface MergedSettings {
  readonly text: string;
  readonly changes: readonly SettingChange[];
}

/** NAME.dist is none: nothing can be merged. */
export class NoSettingsHeader extends Error {}

interface Block {
  readonly name: string;
  readonly revision: string;
  /** All its lines behind ##NAME. */
  readonly lines: readonly string[];
}

interface ParsedFile {
  readonly version: string | undefined;
  /** Everything above the first block. */
  readonly head: readonly string[];
  readonly blocks: readonly Block[];
}

const HEADER_LINES = 20;
const VERSION = '##VERSION:';
const LOCAL = 'LOCAL';
/** The last block of the files of authentication modules. */
const MARKER = 'MARKER';

/**
 * What Courier ships, where this server has another default for today. Whoever changed nothing there gets the default;
 * whoever wrote another value keeps it, whatever the revision of Courier's file.
 */
const COURIER_DEFAULTS = new Set([
  'MAXDAEMONS=40',
  'MAXPERIP=4',
  'MAXPERIP=20',
  'TCPDOPTS="-nodnslookup"',
  'TCPDOPTS="-nodnslookup -noidentlookup"',
]);

/** Written by a release of this server, not by Courier. */
const OWN_VERSION = /^##VERSION: (Angarium |\d+\.\d+\.\d+$)/;

const localHead = [
  '#',
  '# Lines that belong to no setting above: your own, and those of Courier that have no effect here. Upgrades leave',
  '# this part as it is. What stands here counts, also when the same setting stands above.',
  '#',
  '',
];

/**
 * Merges the text of NAME.dist with that of NAME.
 *
 * @returns undefined when NAME has the version of NAME.dist, unless `force` is set.
 * @throws {NoSettingsHeader} when NAME.dist has no ##VERSION within its first lines.
 */
export function mergeSettings(
  distName: string,
  distText: string,
  oldText: string | undefined,
  force = false,
): MergedSettings | undefined {
  const dist = parse(distText);
  if (dist.version === undefined) throw new NoSettingsHeader(`${distName}: configuration header not found.`);
  if (oldText === undefined)
    return { text: distText, changes: dist.blocks.map(({ name }) => ({ name, change: 'new' })) };
  const old = oldFile(dist, oldText);
  if (old.version === dist.version && !force) return undefined;
  const changes: SettingChange[] = [];
  const merge = { distName, changes, isOwn: isOwn(old.version) };
  const blocks = dist.blocks.map((block) => mergeBlock(block, old.blocks.get(block.name), merge));
  const local = leftovers(dist, old, changes);
  const marker = dist.blocks.findIndex(({ name }) => name === MARKER);
  const end = marker < 0 ? blocks.length : marker;
  if (local.length > 0) blocks.splice(end, 0, localBlock(local));
  const text = [...dist.head, ...blocks.flat()].join('\n').replace(/\n{3,}##NAME: LOCAL:/, '\n\n##NAME: LOCAL:');
  return { text: `${text.trimEnd()}\n`, changes };
}

/** Splits a file at its ##NAME lines. Blanks in names count nothing; the revision is behind the last colon. */
function parse(text: string): ParsedFile {
  const lines = text.replace(/\n$/, '').split('\n');
  const version = lines.slice(0, HEADER_LINES).find((line) => line.startsWith(VERSION));
  const head: string[] = [];
  const blocks: { name: string; revision: string; lines: string[] }[] = [];
  for (const line of lines) {
    const mark = /^##NAME:(.*):([^:]*)$/.exec(line);
    const [, name = '', revision = ''] = mark ?? [];
    if (mark !== null) blocks.push({ name: name.replace(/\s/g, ''), revision: revision.replace(/\s/g, ''), lines: [] });
    else (blocks.at(-1)?.lines ?? head).push(line);
  }
  return { version, head, blocks };
}

interface OldBlock {
  readonly revision: string;
  readonly values: readonly string[];
}

interface OldFile {
  readonly version: string | undefined;
  readonly blocks: ReadonlyMap<string, OldBlock>;
  /** Values in no block, in their order. */
  readonly outside: readonly string[];
  /** The lines of the block LOCAL. */
  readonly local: readonly string[];
}

function oldFile(dist: ParsedFile, text: string): OldFile {
  const { version, head, blocks } = parse(text);
  if (blocks.length === 0) return unmarkedFile(dist, head);
  const outside = head.filter(isValue);
  const found = new Map<string, OldBlock>();
  let local: readonly string[] = [];
  for (const { name, revision, lines } of blocks) {
    if (name === LOCAL) {
      local = lines;
      continue;
    }
    // Behind a value, the next comment ends the block.
    const first = lines.findIndex(isValue);
    const comment = lines.findIndex((line, index) => index > first && line.startsWith('#'));
    const end = first < 0 || comment < 0 ? lines.length : comment;
    const values = trimmed(lines.slice(0, end).filter((line) => !line.startsWith('#')));
    found.set(name, { revision, values: [...(found.get(name)?.values ?? []), ...values] });
    outside.push(...lines.slice(end).filter(isValue));
  }
  return { version, blocks: found, outside, local };
}

/** A file without marks: its lines are found by the names that the blocks of NAME.dist set. */
function unmarkedFile(dist: ParsedFile, lines: readonly string[]): OldFile {
  const owners = new Map<string, Block>();
  for (const block of dist.blocks) {
    for (const line of block.lines) {
      const variable = variableOf(line.replace(/^#\s*/, ''));
      if (variable !== undefined && !owners.has(variable)) owners.set(variable, block);
    }
  }
  const blocks = new Map<string, { revision: string; values: string[] }>();
  const outside: string[] = [];
  let isContinued = false;
  let block: Block | undefined;
  for (const line of lines.filter(isValue)) {
    if (!isContinued) block = owners.get(variableOf(line) ?? '');
    isContinued = line.endsWith('\\');
    if (block === undefined) {
      outside.push(line);
      continue;
    }
    const { values } = blocks.get(block.name) ?? { values: [] };
    blocks.set(block.name, { revision: block.revision, values: [...values, line] });
  }
  return { version: undefined, blocks, outside, local: [] };
}

/** `NAME=value`, or `NAME value` as in the files of authentication modules. */
function variableOf(line: string): string | undefined {
  return /^(?:([A-Za-z_]\w*)=|([A-Z][A-Z0-9_]{3,})[ \t]+\S)/.exec(line)?.slice(1).find(Boolean);
}

function isValue(line: string): boolean {
  return !line.startsWith('#') && line.trim() !== '';
}

function trimmed(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line.trim() !== '');
  return first < 0 ? [] : lines.slice(first, lines.findLastIndex((line) => line.trim() !== '') + 1);
}

interface Merge {
  readonly distName: string;
  /** The old file is one of ours. */
  readonly isOwn: boolean;
  readonly changes: SettingChange[];
}

function mergeBlock(block: Block, old: OldBlock | undefined, merge: Merge): string[] {
  const { distName, changes } = merge;
  const { name, revision, lines } = block;
  const mark = `##NAME: ${name}:${revision}`;
  const values = trimmed(lines.filter((line) => !line.startsWith('#')));
  const isSame = old !== undefined && old.values.join('\n') === values.join('\n');
  if (old === undefined || isSame) {
    changes.push({ name, change: old === undefined ? 'new' : 'unchanged' });
    return [mark, ...lines];
  }
  const isSiteOwn = !merge.isOwn && old.values.filter(isValue).some((line) => !COURIER_DEFAULTS.has(line));
  if (old.revision === revision || isSiteOwn) {
    changes.push({ name, change: 'unchanged' });
    const comments = trimmed(lines.filter((line) => line.startsWith('#')));
    const usual = values.filter(isValue).map((line) => `#${line}`);
    const heading = usual.length === 0 ? [] : ['#', `# DEFAULT SETTING from ${distName}:`, ...usual];
    return [mark, ...comments, ...heading, '', ...old.values, ...(old.values.length === 0 ? [] : [''])];
  }
  changes.push({ name, change: 'UPDATED', before: old.values.filter(isValue) });
  if (old.values.length === 0) return [mark, ...lines];
  const first = lines.findIndex(isValue);
  const at = first < 0 ? lines.length : first;
  const before = old.values.filter(isValue).map((line) => `# ${line}`);
  const previous = ['#', '# Previous setting (inserted by sysconftool):', '#', ...before, '#', ''];
  return [mark, ...lines.slice(0, at), ...previous, ...lines.slice(at)];
}

/** What NAME.dist has no place for: lines of the administrator, and Courier's own settings for the way back. */
function leftovers(dist: ParsedFile, old: OldFile, changes: SettingChange[]): string[] {
  const known = new Set(dist.blocks.map(({ name }) => name));
  const hasHead = localHead.every((line, index) => old.local[index] === line);
  const kept = [...trimmed(old.local.slice(hasHead ? localHead.length : 0))];
  const isRemoved = isOwn(old.version);
  for (const [name, { values }] of old.blocks) {
    if (known.has(name) || values.length === 0) continue;
    changes.push({ name, change: isRemoved ? 'removed' : 'kept in LOCAL', before: values.filter(isValue) });
    if (!isRemoved) kept.push(...values.filter(isValue));
  }
  if (old.outside.length > 0) changes.push({ name: LOCAL, change: 'kept in LOCAL', before: old.outside });
  return [...kept, ...old.outside];
}

function isOwn(version: string | undefined): boolean {
  return version !== undefined && OWN_VERSION.test(version);
}

function localBlock(lines: readonly string[]): string[] {
  return ['', `##NAME: ${LOCAL}:0`, ...localHead, ...lines, ''];
}
