/**
 * Inputs that once broke something, one file each: `corpus/<target>-<hash>`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'test', 'fuzz', 'corpus');

/** Gives the kept inputs of a target. */
export function keptInputs(target: string): Buffer[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.startsWith(`${target}-`));
  return names.sort().map((name) => readFileSync(join(folder, name)));
}

/** Keeps an input; gives its path. */
export function keepInput(target: string, octets: Buffer): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${target}-${createHash('sha256').update(octets).digest('hex').slice(0, 12)}`);
  writeFileSync(path, octets);
  return path;
}
