/**
 * The packages that the installed programs load: those of the lock file that package.json asks for, and what they in
 * turn depend on, without what only builds or describes them, and without native parts for other machines.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Packages that npm runs or compilers read, but no program of ours. */
const NOT_LOADED = [/^@types\//, /^cross-env$/, /^node-addon-api$/, /^undici-types$/];

/** Files of packages that nothing loads. Licences stay. */
const NOT_NEEDED =
  /\.(map|md|markdown|d\.ts|d\.mts|d\.cts|ts|c|cc|cpp|h|hh|hpp|inc|S|asm|gyp|yml|cmake)$|\/(docs?|tests?|examples?|\.github)$|\/koffi\/(vendor|lib|cnoke\.cjs)$/;

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Paths below the repository of all packages that are loaded: `node_modules/pg`. */
export function runtimePackages(root: string): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  const found = new Set<string>();
  const waiting = [''];
  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    const { dependencies, optionalDependencies } = lock.packages[from] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = resolvePackage(lock, from, name);
      const isWanted = !NOT_LOADED.some((pattern) => pattern.test(name));
      if (path === undefined || found.has(path) || !isWanted || !existsSync(join(root, path))) continue;
      found.add(path);
      waiting.push(path);
    }
  }
  return [...found].sort();
}

/** As Node finds it: in the package's own node_modules, or in one above. */
function resolvePackage({ packages }: LockFile, from: string, name: string): string | undefined {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('node_modules/') - 1))) {
    const path = join(place, 'node_modules', name);
    if (Object.hasOwn(packages, path)) return path;
    if (place === '') return undefined;
  }
}

/** Every file of these packages that is needed, as a path below the repository. */
export function runtimeFiles(root: string): string[] {
  return runtimePackages(root).flatMap((path) => filesBelow(root, path));
}

function filesBelow(root: string, path: string): string[] {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const inside = join(path, entry.name);
    if (!isNeeded(inside)) return [];
    return entry.isDirectory() ? filesBelow(root, inside) : [inside];
  });
}

/** Native parts are in directories and files named by system, processor and C library. */
function isNeeded(file: string): boolean {
  const name = basename(file);
  if (name === 'node_modules' || name.startsWith('.') || NOT_NEEDED.test(file)) return false;
  const machine = /^(?:koffi-)?(linux|win32|darwin|freebsd|openbsd|android|musl)[-_](\w+)$/.exec(name);
  if (machine !== null) {
    const [, system = '', processor] = machine;
    const isOurs = system === process.platform || (system === 'musl' && isMusl());
    return isOurs && processor === process.arch;
  }
  if (name.endsWith('.node') && /\.(musl|glibc)\./.test(name)) return name.includes('.musl.') === isMusl();
  return true;
}

function isMusl(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}
