/**
 * Where an installation has its things. Paths are those that the installed programs use; `staged()` says where a file
 * is written now, which is below --destdir when a package is made.
 */
import { isAbsolute, join, resolve } from 'node:path';

/** The places of an installation. */
export interface Layout {
  /** Above all other paths while a package is made; else empty. */
  readonly destination: string;
  /** /usr, /usr/local, or any other directory. */
  readonly prefix: string;
  /** /etc/courier: the settings. */
  readonly settings: string;
  /** /run/courier: pid files and sockets. */
  readonly run: string;
  /** /var/cache/angarium. */
  readonly cache: string;
  /** The programs themselves, with all they need. */
  readonly library: string;
}

/** Prefixes whose run-time state belongs to the system. */
const SYSTEM_PREFIXES = ['/usr', '/usr/local'];

/** Which is what stands in the settings of this repository, and in programs as a default. */
const SHIPPED = {
  library: '/usr/lib/angarium',
  settings: '/etc/courier',
  run: '/run/courier',
  cache: '/var/cache/angarium',
};

/** What the administrator said of it; what is missing follows from the prefix. */
export interface WantedPlaces {
  readonly prefix?: string | undefined;
  readonly sysconfdir?: string | undefined;
  readonly destdir?: string | undefined;
}

/** Works out the places. @throws {Error} with a text for the administrator. */
export function layoutOf(wanted: WantedPlaces): Layout {
  const prefix = absolute('--prefix', wanted.prefix ?? '/usr/local');
  const isSystem = SYSTEM_PREFIXES.includes(prefix);
  const library = join(prefix, 'lib', 'angarium');
  // The first line of a program is read by the kernel: no blanks, and no more than 127 octets.
  if (/\s/.test(library) || library.length > 100)
    throw new Error(`--prefix ${prefix} has blanks in it, or is too long`);
  return {
    destination: wanted.destdir === undefined ? '' : resolve(wanted.destdir),
    prefix,
    settings: absolute(
      '--sysconfdir',
      wanted.sysconfdir ?? (isSystem ? SHIPPED.settings : join(prefix, 'etc', 'courier')),
    ),
    run: isSystem ? SHIPPED.run : join(prefix, 'var', 'run'),
    cache: isSystem ? SHIPPED.cache : join(prefix, 'var', 'cache'),
    library,
  };
}

function absolute(option: string, path: string): string {
  if (!isAbsolute(path)) throw new Error(`${option} ${path} is not an absolute path`);
  return resolve(path);
}

/** Where a path of the installation is written to now. */
export function staged({ destination }: Layout, ...path: readonly string[]): string {
  return join(destination === '' ? '/' : destination, ...path);
}

/** A file of this repository with the paths of the installation. */
export function adapted(layout: Layout, text: string): string {
  const places = Object.entries(SHIPPED) as [keyof typeof SHIPPED, string][];
  const pattern = new RegExp(places.map(([, path]) => path).join('|'), 'g');
  return text.replace(pattern, (found) => {
    const [name] = places.find(([, path]) => path === found) ?? [];
    return name === undefined ? found : layout[name];
  });
}
