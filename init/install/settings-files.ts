/**
 * Puts the settings of a release into their directory: NAME.dist, and NAME merged with it; the NAME of before is in
 * NAME.bak then. What each merge changed is said in a few lines.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { type MergedSettings, mergeSettings, type SettingChange } from './merge-settings.js';

/** How sysconftool is asked to work. */
export interface MergeOptions {
  /** Merges also when the versions are equal. */
  readonly force?: boolean;
  /** Tells what would be done, and changes nothing. */
  readonly dryRun?: boolean;
  /** Every setting has its line, also those that did not change. */
  readonly all?: boolean;
}

/**
 * Merges PATH.dist into PATH, and gives the lines of the report. PATH keeps its owner and mode; a new one gets those of
 * PATH.dist.
 *
 * @throws {NoSettingsHeader} when PATH.dist is no settings file.
 */
export function mergeSettingsFile(path: string, options: MergeOptions = {}): string[] {
  const dist = `${path}.dist`;
  const old = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const merged = mergeSettings(dist, readFileSync(dist, 'utf8'), old, options.force);
  if (merged === undefined) return [];
  if (options.dryRun !== true) replace(path, merged, statSync(old === undefined ? dist : path));
  return report(path, merged.changes, old === undefined, options.all === true);
}

function replace(path: string, { text }: MergedSettings, { mode, uid, gid }: Stats): void {
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { mode: 0o600, flush: true });
  if (process.geteuid?.() === 0) chownSync(unfinished, uid, gid);
  chmodSync(unfinished, mode & 0o7777);
  if (existsSync(path)) renameSync(path, `${path}.bak`);
  renameSync(unfinished, path);
}

function report(path: string, changes: readonly SettingChange[], isNew: boolean, isWhole: boolean): string[] {
  if (isNew && !isWhole) return [`${path}: new`];
  const told = changes.filter(({ change }) => isWhole || change !== 'unchanged');
  const lines = told.flatMap(({ name, change, before = [] }) => [
    `  ${name}: ${change}`,
    ...(change === 'unchanged' ? [] : before.map((line) => `    was ${line}`)),
  ]);
  return [`${basename(path)}:${isNew ? '' : ` merged, the old one is ${path}.bak`}`, ...lines];
}

/** Makes a directory that is not there, and all above it. One that is there keeps its mode. */
export function makeDirectory(path: string, mode: number): void {
  if (existsSync(path)) return;
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}
