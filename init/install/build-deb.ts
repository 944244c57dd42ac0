/**
 * `npm run deb`: builds a Debian package of this repository, with dpkg-deb and nothing else.
 *
 * The programs are those of install-system below /usr. Settings are shipped in /usr/share/angarium and merged when the
 * package is configured: /etc/courier belongs to Courier's packages, too, and must outlive each change between them.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { EXIT_USAGE, ProgramFailure, programVersion, runProgram } from '../runtime/program.js';
import { copyrightText } from './copyright.js';
import { type Layout, layoutOf, staged } from './layout.js';
import { ProgramPlacer } from './place-programs.js';
import { LOGIN_USER, pamService, settingsOf } from './place-settings.js';

const usage = `Usage: npm run deb -- [OPTION…]

Builds dist/angarium_VERSION_ARCHITECTURE.deb.

Options:
  --bundle-node       put the Node binary that runs this into the package
  --no-bundle-node    let the package depend on the distribution's nodejs (>= 20.19)
                      Without either: Node is put in, except on Debian 13 and newer, whose nodejs is new enough
  --package-version VERSION   the version of the package; without it, that of package.json
  --etc DIR           the settings to ship; etc/
  --output DIR        where the package is written; dist/
  --compression HOW   zstd (what Debian 12 and newer can read), xz (smaller, slower) or none
  --help, --version`;

const OLDEST_NODE = '20.19';
/** Debian's nodejs is new enough from this release on. */
const FIRST_DEBIAN_WITH_NODE = 13;

/**
 * Files that dpkg believes to belong to Courier's packages. It is told that they are diverted, so that purging those
 * packages leaves them where they are.
 */
const DIVERTED = [
  ...['authdaemonrc', 'authldaprc', 'authmysqlrc', 'authpgsqlrc', 'authsqliterc', 'imapd', 'imapd-ssl', 'imapd.cnf'],
  ...['pop3d', 'pop3d-ssl', 'pop3d.cnf'],
].map((name) => `/etc/courier/${name}`);
const DIVERTED_PAM = ['/etc/pam.d/imap', '/etc/pam.d/pop3'];

const UNITS = '/usr/lib/systemd/system';

const MAINTAINER = 'The Angarium developers <postmaster@localhost>';

/** What the package takes along for its administrators, in folders as here, so that links between them lead on. */
const DOCUMENTS = [
  'CHANGELOG.md',
  'README.md',
  'authdaemon/README.md',
  'imapd/README.md',
  'init/README.md',
  'pop3d/README.md',
];

/** maildrop has programs of these names: the system's alternatives decide. */
const ALTERNATIVES = ['maildirmake', 'deliverquota'];

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const root = dirname(dist);

interface Wanted {
  readonly version: string;
  readonly isNodeBundled: boolean;
  /** The repository whose etc/ is shipped. */
  readonly etcOf: string;
  readonly output: string;
  readonly compression: string;
}

await runProgram({ name: 'deb', usage, run });

function run(words: readonly string[]): number {
  const wanted = readArguments(words);
  process.umask(0o022);
  const place = mkdtempSync(join(tmpdir(), 'angarium-deb-'));
  try {
    chmodSync(place, 0o755);
    const layout = layoutOf({ prefix: '/usr', destdir: place });
    placeFiles(layout, wanted);
    const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
    placeControl(layout, wanted, architecture);
    const file = join(wanted.output, `angarium_${wanted.version}_${architecture}.deb`);
    mkdirSync(wanted.output, { recursive: true });
    execFileSync('dpkg-deb', ['--root-owner-group', `-Z${wanted.compression}`, '--build', place, file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const node = wanted.isNodeBundled ? `Node ${process.version} is in it` : `it needs nodejs (>= ${OLDEST_NODE})`;
    process.stdout.write(`${file}: ${megabytes(statSync(file).size)} MB; ${node}\n`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return 0;
}

function readArguments(words: readonly string[]): Wanted {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        'bundle-node': { type: 'boolean' },
        'no-bundle-node': { type: 'boolean' },
        'package-version': { type: 'string' },
        etc: { type: 'string' },
        output: { type: 'string' },
        compression: { type: 'string' },
      },
    });
    const isNodeBundled = values['no-bundle-node'] === true ? false : values['bundle-node'] === true || isNodeTooOld();
    if (isNodeBundled) requireWholeNode();
    return {
      version: values['package-version'] ?? programVersion(),
      isNodeBundled,
      etcOf: values.etc === undefined ? root : dirname(values.etc),
      output: values.output ?? dist,
      compression: values.compression ?? 'zstd',
    };
  } catch (error) {
    if (error instanceof ProgramFailure) throw error;
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

/** Whether the distribution that builds has a nodejs that cannot run this. */
function isNodeTooOld(): boolean {
  return debianRelease() < FIRST_DEBIAN_WITH_NODE;
}

/** 12 for bookworm; 0 for what is not Debian. */
function debianRelease(): number {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID="?debian/m.test(release) ? Number(/^VERSION_ID="?(\d+)/m.exec(release)?.[1] ?? 0) : 0;
}

/** Where Courier's units are in this release: dpkg must see that ours are the same files. */
function unitDirectory(): string {
  return debianRelease() === 12 ? '/lib/systemd/system' : UNITS;
}

/** A distribution's node is a small program beside a library; only one that has all in it can be copied. */
function requireWholeNode(): void {
  if (statSync(process.execPath).size > 30_000_000) return;
  throw new ProgramFailure(
    `${process.execPath} is only a part of Node: build with one from nodejs.org, or with --no-bundle-node`,
  );
}

function placeFiles(layout: Layout, { version, isNodeBundled, etcOf }: Wanted): void {
  const node = isNodeBundled ? { copyOf: process.execPath } : { linkTo: '/usr/bin/node' };
  const settings = settingsOf(etcOf, layout, version, LOGIN_USER);
  const placer = new ProgramPlacer({ layout, root, dist, node, version, settings });
  placer.place();
  // dpkg keeps a list of its own.
  rmSync(staged(layout, layout.library, 'installed'));
  for (const name of ALTERNATIVES) {
    renameSync(staged(layout, '/usr/bin', name), staged(layout, '/usr/bin', `${name}.courier`));
  }
  for (const name of ['imap', 'pop3']) placer.write(join('/usr/share/angarium/pam', name), pamService(name));
  placer.write('/usr/share/doc/angarium/copyright', copyrightText(root));
  const changes = `angarium (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${MAINTAINER}  ${now()}\n`;
  const documents = new Map([['changelog', changes]]);
  for (const name of DOCUMENTS) documents.set(name, readFileSync(join(root, name), 'utf8'));
  for (const [name, text] of documents) {
    const file = staged(layout, '/usr/share/doc/angarium', `${name}.gz`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, gzipSync(text, { level: 9 }));
  }
  const debian = join(root, 'init', 'debian');
  placer.write('/etc/logcheck/ignore.d.server/angarium', readFileSync(join(debian, 'logcheck'), 'utf8'));
  placer.write('/usr/share/lintian/overrides/angarium', readFileSync(join(debian, 'lintian-overrides'), 'utf8'));
  placeUnitAliases(layout);
  compressManuals(layout);
}

/** What monitoring and scripts of the site know Courier's units by: the links that `Alias=` would make. */
function placeUnitAliases(layout: Layout): void {
  const units = staged(layout, unitDirectory());
  mkdirSync(dirname(units), { recursive: true });
  if (unitDirectory() !== UNITS) {
    renameSync(staged(layout, UNITS), units);
    rmdirSync(dirname(staged(layout, UNITS)));
  }
  for (const name of readdirSync(units)) {
    const path = join(units, name);
    const text = readFileSync(path, 'utf8');
    const aliases = [...text.matchAll(/^Alias=(.*)$/gm)].flatMap(([, names = '']) =>
      names.split(/\s+/).filter(Boolean),
    );
    for (const alias of aliases) if (!existsSync(join(units, alias))) symlinkSync(name, join(units, alias));
    // Links of `systemctl enable` would stay behind in /etc, and hide Courier's own units.
    writeFileSync(path, text.replace(/^Alias=.*\n/gm, ''));
  }
}

function compressManuals(layout: Layout): void {
  const manuals = staged(layout, '/usr/share/man');
  if (!existsSync(manuals)) return;
  for (const entry of readdirSync(manuals, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || entry.name.endsWith('.gz')) continue;
    const path = join(entry.parentPath, entry.name);
    const base = entry.name.replace(/\.\d$/, '');
    const target = ALTERNATIVES.includes(base) ? entry.name.replace(base, `${base}.courier`) : entry.name;
    writeFileSync(join(entry.parentPath, `${target}.gz`), gzipSync(readFileSync(path), { level: 9 }));
    rmSync(path);
  }
}

function placeControl(layout: Layout, wanted: Wanted, architecture: string): void {
  const files = filesIn(layout.destination);
  const kilobytes = Math.ceil(files.reduce((sum, path) => sum + statSync(path).size, 0) / 1024);
  // Those with Courier's names open and close the ports of one settings file, for whoever asks them to.
  const units = readdirSync(staged(layout, unitDirectory())).filter((name) => /^[a-z0-9]+d\.service$/.test(name));
  const words: Readonly<Record<string, string>> = {
    VERSION: wanted.version,
    MAINTAINER,
    ARCHITECTURE: architecture,
    SIZE: String(kilobytes),
    NODE_DEPENDS: wanted.isNodeBundled ? '' : `, nodejs (>= ${OLDEST_NODE})`,
    NODE_TEXT: wanted.isNodeBundled
      ? `Node.js ${process.version.slice(1)} is in this package: the distribution's security\n updates do not reach it, so watch for new versions of this package.`
      : 'It runs on the Node.js of the distribution.',
    DIVERTED: [...DIVERTED, ...DIVERTED_PAM].join(' '),
    UNITS: [...new Set(units)].sort().join(' '),
  };
  const control = staged(layout, '/DEBIAN');
  const sums = files.map((path) => `${md5(path)}  ${relative(layout.destination, path)}\n`);
  mkdirSync(control);
  for (const name of ['control', 'preinst', 'postinst', 'prerm', 'postrm']) {
    const text = readFileSync(join(root, 'init', 'debian', name), 'utf8');
    writeFileSync(
      join(control, name),
      text.replace(/@([A-Z_]+)@/g, (_, word: string) => words[word] ?? ''),
    );
    chmodSync(join(control, name), name === 'control' ? 0o644 : 0o755);
  }
  writeFileSync(join(control, 'md5sums'), sums.join(''));
  writeFileSync(join(control, 'conffiles'), '/etc/logcheck/ignore.d.server/angarium\n');
}

/** As RFC 5322 writes it. */
function now(): string {
  return new Date().toUTCString().replace('GMT', '+0000');
}

/** The plain files below a directory. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function md5(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex');
}

function megabytes(octets: number): string {
  return (octets / 1_000_000).toFixed(1);
}
