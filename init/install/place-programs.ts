/**
 * Puts the programs of this repository into an installation: what was compiled, the packages it loads, the Node binary
 * that runs it, control scripts, units, man pages, and a small file for every name that an administrator types.
 *
 *     PREFIX/lib/angarium/dist/          what runs; dist/bin/NAME are the programs
 *     PREFIX/lib/angarium/init/          control scripts
 *     PREFIX/lib/angarium/bin/node       Node itself, or a link to it
 *     PREFIX/sbin, PREFIX/bin            the names
 *     PREFIX/lib/angarium/installed      a list of all files, for --uninstall
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { adapted, type Layout, staged } from './layout.js';
import { runtimeFiles } from './runtime-packages.js';

/** What is installed, and from where. */
export interface Installation {
  readonly layout: Layout;
  /** The repository. */
  readonly root: string;
  /** The directory in it that was compiled into. */
  readonly dist: string;
  /** The Node binary is copied; else what is there is a link to this path. */
  readonly node: { readonly copyOf: string } | { readonly linkTo: string };
  readonly version: string;
  /** By file name; see settingsOf(). */
  readonly settings: ReadonlyMap<string, string>;
}

/** Rooms of the repository whose compiled files are needed to run; of init/ all but what builds and tries out. */
const ROOMS = ['imapd', 'pop3d', 'authdaemon', 'maildir'];
const NOT_TO_RUN =
  /^(sandbox.*|programs)\.js$|^manuals\/|^install\/(?!(merge-settings|settings-files|sysconftool)\.js$)/;

/** Programs for everybody; those of the administrator are in sbin. */
const USER_PROGRAMS = /^(maildir|deliverquota)/;

/** Only called by other programs of the installation. */
const INTERNAL_PROGRAMS = ['sysconftool', 'package.json'];

/** A name in sbin that is a control script, and the script in init/. */
const CONTROL_SCRIPTS: Readonly<Record<string, string>> = {
  authdaemond: 'authdaemond',
  imapd: 'imapd.rc',
  'imapd-ssl': 'imapd-ssl.rc',
  pop3d: 'pop3d.rc',
  'pop3d-ssl': 'pop3d-ssl.rc',
};

/** Writes one installation, and remembers what it wrote. */
export class ProgramPlacer {
  readonly #installation: Installation;
  readonly #layout: Layout;
  /** Paths in the installation, without the destination. */
  readonly #files: string[] = [];

  constructor(installation: Installation) {
    this.#installation = installation;
    this.#layout = installation.layout;
  }

  /** Writes everything; gives the paths. What an earlier version left there, and this one does not have, goes. */
  place(): readonly string[] {
    const before = installedFiles(this.#layout);
    const { library } = this.#layout;
    this.#placeNode();
    this.#placeCompiled();
    this.#placePackages();
    this.#placeScripts();
    this.#placeContainerStart();
    this.#placeShippedSettings();
    this.#placeNames();
    this.#placeUnits();
    this.#placeManuals();
    this.#placeCompletion();
    this.#placeMonitoring();
    const list = join(library, 'installed');
    this.#files.push(list);
    writeFileSync(staged(this.#layout, list), `${this.#files.sort().join('\n')}\n`);
    const present = new Set(this.#files);
    removeFiles(
      this.#layout,
      before.filter((path) => !present.has(path)),
    );
    return this.#files;
  }

  /** Writes a file of text. */
  write(path: string, text: string, mode = 0o644): void {
    const target = this.#make(path);
    writeFileSync(target, text);
    chmodSync(target, mode);
  }

  #make(path: string): string {
    const target = staged(this.#layout, path);
    mkdirSync(dirname(target), { recursive: true });
    // Not written into: somebody may run it, or it may be a link to elsewhere.
    rmSync(target, { recursive: true, force: true });
    this.#files.push(path);
    return target;
  }

  #placeNode(): void {
    const { node } = this.#installation;
    const target = this.#make(join(this.#layout.library, 'bin', 'node'));
    if ('linkTo' in node) {
      symlinkSync(node.linkTo, target);
      return;
    }
    copyFileSync(node.copyOf, target);
    chmodSync(target, 0o755);
  }

  #placeCompiled(): void {
    const { dist, root, version } = this.#installation;
    const { library } = this.#layout;
    for (const room of ROOMS) this.#copyCompiled(room, () => true);
    this.#copyCompiled('init', (path) => !NOT_TO_RUN.test(path));
    this.write(join(library, 'dist', 'bin', 'package.json'), readFileSync(join(dist, 'bin', 'package.json'), 'utf8'));
    for (const name of this.#programs()) {
      const path = join(library, 'dist', 'bin', name);
      const target = this.#make(path);
      writeFileSync(target, this.#program(readFileSync(join(dist, 'bin', name), 'utf8')));
      chmodSync(target, 0o755);
    }
    // The version is looked for beside a lock file.
    const card = { name: 'angarium', version, type: 'module', license: 'MIT', private: true };
    this.write(join(library, 'package.json'), `${JSON.stringify(card, undefined, 2)}\n`);
    this.write(join(library, 'package-lock.json'), readFileSync(join(root, 'package-lock.json'), 'utf8'));
  }

  /** Only what has a source: an old build may have left more. */
  #copyCompiled(room: string, isWanted: (path: string) => boolean): void {
    const { dist, root } = this.#installation;
    const from = join(dist, room);
    if (!existsSync(from)) return;
    for (const path of readdirSync(from, { recursive: true, encoding: 'utf8' }).sort()) {
      const source = join(root, room, path.replace(/\.js$/, '.ts'));
      if (!path.endsWith('.js') || !isWanted(path) || !existsSync(source)) continue;
      const text = readFileSync(join(from, path), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
      writeFileSync(this.#make(join(this.#layout.library, 'dist', room, path)), text);
    }
  }

  /** With the interpreter of this installation, and, unless they are in /etc/courier, told where the settings are. */
  #program(text: string): string {
    const { library, settings } = this.#layout;
    const line = `#!${join(library, 'bin', 'node')}\n`;
    const body = text.replace(/^#!.*\n/, '');
    if (settings === '/etc/courier') return line + body;
    const place = `process.env['COURIER_CONFDIR'] ||= ${JSON.stringify(settings)};\n`;
    return `${line}${place}${body.replace(/^import ('.*');$/m, 'await import($1);')}`;
  }

  #programs(): string[] {
    return readdirSync(join(this.#installation.dist, 'bin'))
      .filter((name) => name !== 'package.json')
      .sort();
  }

  #placePackages(): void {
    const { root } = this.#installation;
    for (const path of runtimeFiles(root)) {
      const target = this.#make(join(this.#layout.library, path));
      copyFileSync(join(root, path), target);
      chmodSync(target, 0o644);
    }
  }

  #placeScripts(): void {
    const from = join(this.#installation.root, 'init');
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith('.ts') || entry.name === 'build.sh') continue;
      const text = adapted(this.#layout, readFileSync(join(from, entry.name), 'utf8'));
      this.write(join(this.#layout.library, 'init', entry.name), text, text.startsWith('#!') ? 0o755 : 0o644);
    }
  }

  #placeContainerStart(): void {
    const path = join('init', 'container', 'start');
    const text = readFileSync(join(this.#installation.root, path), 'utf8');
    this.write(join(this.#layout.library, path), text, 0o755);
  }

  /** As they are shipped: for merges, and for containers, which make theirs at the start. */
  #placeShippedSettings(): void {
    for (const [name, text] of this.#installation.settings) {
      this.write(join(this.#layout.prefix, 'share', 'angarium', 'settings', name), text);
    }
  }

  #placeNames(): void {
    const { prefix, library } = this.#layout;
    const programs = this.#programs().filter((name) => !INTERNAL_PROGRAMS.includes(name));
    for (const name of programs) {
      if (Object.hasOwn(CONTROL_SCRIPTS, name)) continue;
      const path = join(prefix, USER_PROGRAMS.test(name) ? 'bin' : 'sbin', name);
      const target = this.#make(path);
      symlinkSync(relative(dirname(path), join(library, 'dist', 'bin', name)), target);
    }
    for (const [name, script] of Object.entries(CONTROL_SCRIPTS)) {
      if (!existsSync(join(this.#installation.root, 'init', script))) continue;
      this.write(join(prefix, 'sbin', name), this.#controlName(name, script, programs.includes(name)), 0o755);
    }
  }

  #controlName(name: string, script: string, isProgram: boolean): string {
    const { library, settings } = this.#layout;
    const place = `COURIER_CONFDIR=\${COURIER_CONFDIR:-${settings}}\nexport COURIER_CONFDIR\n`;
    const control = `exec ${join(library, 'init', script)} "$@"`;
    const otherwise = isProgram
      ? `case \${1-} in\nstart | stop | restart | reload | status) ${control} ;;\nesac\nexec ${join(library, 'dist', 'bin', name)} "$@"`
      : control;
    return `#!/bin/sh\n# ${name} start | stop | restart | reload | status.\n${settings === '/etc/courier' ? '' : place}${otherwise}\n`;
  }

  #placeUnits(): void {
    const { prefix } = this.#layout;
    const from = join(this.#installation.root, 'init', 'systemd');
    for (const name of readdirSync(from).filter((each) => /\.(service|socket|target|timer)$/.test(each))) {
      const text = readFileSync(join(from, name), 'utf8').replace(/^# Installed as .*\n/m, '');
      this.write(join(prefix, 'lib', 'systemd', 'system', name), adapted(this.#layout, text));
    }
    this.write(
      join(prefix, 'lib', 'tmpfiles.d', 'angarium.conf'),
      '# Whoever may enter the second one may ask authdaemond for passwords.\n' +
        'd /run/courier 0755 root courier - -\nd /run/courier/authdaemon 0750 courier courier - -\n',
    );
  }

  /** What the build has put into dist/man: man1/…, man5/…, man8/…. */
  #placeManuals(): void {
    const from = join(this.#installation.dist, 'man');
    if (!existsSync(from)) return;
    for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      const path = join(entry.parentPath, entry.name);
      cpSync(path, this.#make(join(this.#layout.prefix, 'share', 'man', relative(from, path))));
    }
  }

  /** One file has the words of all programs; bash looks for it by each name. */
  #placeCompletion(): void {
    const file = join(this.#installation.dist, 'completions', 'angarium');
    if (!existsSync(file)) return;
    const directory = join(this.#layout.prefix, 'share', 'bash-completion', 'completions');
    this.write(join(directory, 'angarium'), readFileSync(file, 'utf8'));
    for (const name of this.#programs().filter((each) => each !== 'angarium' && !INTERNAL_PROGRAMS.includes(each))) {
      symlinkSync('angarium', this.#make(join(directory, name)));
    }
  }

  /** Rules for Prometheus. */
  #placeMonitoring(): void {
    const from = join(this.#installation.root, 'init', 'monitoring');
    if (!existsSync(from)) return;
    for (const name of readdirSync(from)) {
      const text = adapted(this.#layout, readFileSync(join(from, name), 'utf8'));
      this.write(join(this.#layout.prefix, 'share', 'angarium', 'monitoring', name), text);
    }
  }
}

/** The files of an earlier installation in the same place. */
export function installedFiles(layout: Layout): string[] {
  const list = staged(layout, layout.library, 'installed');
  return existsSync(list) ? readFileSync(list, 'utf8').split('\n').filter(Boolean) : [];
}

/** Removes files, and the directories that are empty without them. */
export function removeFiles(layout: Layout, paths: readonly string[]): void {
  for (const path of paths) rmSync(staged(layout, path), { force: true });
  const places = new Set(paths.flatMap((path) => placesAbove(path, layout.prefix)));
  for (const place of [...places].sort((one, other) => other.length - one.length)) {
    const directory = staged(layout, place);
    if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
  }
}

/** Below the prefix, the directories that an installation may have made. */
function placesAbove(path: string, prefix: string): string[] {
  const places: string[] = [];
  for (let place = dirname(path); place.startsWith(`${prefix}/`); place = dirname(place)) places.push(place);
  return places;
}
