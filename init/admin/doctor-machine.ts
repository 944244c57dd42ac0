/**
 * The machine below the servers: space on disks, the clock, limits of the kernel. Linux tells most of it in /proc/sys.
 */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, type StatsFs, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finding, ok, trouble, warning } from './finding.js';

/** Below these parts of a disk, or of its files, something should be done. */
const LITTLE = 0.05;
const NONE_LEFT = 0.005;

/** A clock that is off by so much gives messages wrong dates. */
const SKEW_MS = 5_000;

/** Each folder that somebody looks at is watched; each mail worker watches through one instance. */
const FEWEST_WATCHES = 65_536;
const FEWEST_INSTANCES = 128;

/** Clients that come at the same moment wait in a queue of this length. */
const FEWEST_WAITING = 511;

/** What statfs(2) tells. */
type Space = Pick<StatsFs, 'bavail' | 'blocks' | 'bsize' | 'ffree' | 'files'>;

/** Free space and free files of the disk that a directory is on. */
export function diskFinding(path: string, look: (place: string) => Space = statfsSync): Finding {
  const place = nearest(path);
  const { bavail, blocks, ffree, files, bsize } = look(place);
  const space = blocks === 0 ? 1 : bavail / blocks;
  const inodes = files === 0 ? 1 : ffree / files;
  const free = `${Math.round((bavail * bsize) / 1_048_576)} MiB and ${files === 0 ? 'any number of' : ffree} files free`;
  const least = Math.min(space, inodes);
  if (least < NONE_LEFT) return trouble('disk', `${path} is full: ${free}; nothing can be stored there`);
  if (least < LITTLE) return warning('disk', `${path} is nearly full: ${free}`);
  return ok('disk', `${path}: ${free}`);
}

/** The clock of this machine, and that of the disk, which may be another machine's. */
export function clockFindings(directory: string, now: number): Finding[] {
  const built = statSync(fileURLToPath(import.meta.url)).mtimeMs;
  if (now < built - SKEW_MS) {
    const said = new Date(now).toISOString();
    return [trouble('clock', `this machine believes it is ${said}, before this program was made; set its clock`)];
  }
  const skew = diskSkew(directory, now);
  if (skew === undefined || Math.abs(skew) <= SKEW_MS) return [ok('clock', new Date(now).toISOString())];
  const seconds = Math.round(Math.abs(skew) / 1000);
  const which = skew > 0 ? 'before' : 'behind';
  const remedy = 'let both keep their time by NTP';
  return [trouble('clock', `the clock of the disk of ${directory} is ${seconds} seconds ${which} this one; ${remedy}`)];
}

/** Limits of the kernel, by the names of sysctl. */
export function kernelFindings(read: (name: string) => number | undefined = sysctl): Finding[] {
  return [
    ...tooFew(
      read,
      'fs.inotify.max_user_watches',
      FEWEST_WATCHES,
      'folders are looked at every minute in place of watched',
    ),
    ...tooFew(read, 'fs.inotify.max_user_instances', FEWEST_INSTANCES, 'mail workers cannot watch folders'),
    ...tooFew(read, 'net.core.somaxconn', FEWEST_WAITING, 'clients that come at the same moment are turned away'),
  ];
}

function tooFew(
  read: (name: string) => number | undefined,
  name: string,
  fewest: number,
  otherwise: string,
): Finding[] {
  const value = read(name);
  if (value === undefined) return [];
  if (value >= fewest) return [ok('kernel', `${name} is ${value}`)];
  const remedy = `write "${name} = ${fewest}" into /etc/sysctl.d/angarium.conf, and run sysctl --system`;
  return [warning('kernel', `${name} is ${value}: when it is reached, ${otherwise}; ${remedy}`)];
}

function sysctl(name: string): number | undefined {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
}

/** How far the disk's clock is before ours; undefined where nothing can be written. */
function diskSkew(directory: string, now: number): number | undefined {
  try {
    const made = mkdtempSync(join(nearest(directory), '.angarium-'));
    const { mtimeMs } = statSync(made);
    rmdirSync(made);
    return mtimeMs - now;
  } catch {
    // Not ours to write to; what must be writable is looked at elsewhere.
    return undefined;
  }
}

/** The directory itself, or the first above it that is there. */
function nearest(path: string): string {
  return existsSync(path) || path === '/' ? path : nearest(dirname(path));
}
