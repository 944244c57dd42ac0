/**
 * `npm run install-system`: installs this repository below a prefix, for root or for oneself, and takes it away again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_USAGE, ProgramFailure, programVersion, runProgram } from '../runtime/program.js';
import { type Layout, layoutOf, staged } from './layout.js';
import { installedFiles, ProgramPlacer, removeFiles } from './place-programs.js';
import { LOGIN_USER, makeUsers, placeDirectories, placePam, placeSettings, settingsOf } from './place-settings.js';

const usage = `Usage: npm run install-system -- [OPTION…]

Installs the mail server: programs, control scripts, units and settings. What is there is an older version: settings
that were changed are kept, new ones are added, and what changed is told. Mail is not touched.

Options:
  --prefix DIR        where to: /usr/local, or any directory of your own
  --sysconfdir DIR    the settings; /etc/courier for the prefixes /usr and /usr/local, else etc/courier below the prefix
  --destdir DIR       write everything below DIR, for a package
  --bundle-node       copy the Node binary that runs this; else the installation needs the one that is there now
  --no-users          make no users and groups
  --uninstall         remove the programs; settings, users and mail stay
  --help, --version`;

const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

await runProgram({ name: 'install-system', usage, run });

function run(words: readonly string[]): number {
  const values = readArguments(words);
  const layout = wantedLayout(values);
  // Whoever installs may keep files private; these are for all users of the machine.
  process.umask(0o022);
  if (values.uninstall === true) uninstall(layout);
  else install(layout, values['bundle-node'] === true, values['no-users'] !== true);
  return 0;
}

function readArguments(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        prefix: { type: 'string' },
        sysconfdir: { type: 'string' },
        destdir: { type: 'string' },
        'bundle-node': { type: 'boolean' },
        'no-users': { type: 'boolean' },
        uninstall: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

function wantedLayout(values: { prefix?: string; sysconfdir?: string; destdir?: string }): Layout {
  try {
    return layoutOf(values);
  } catch (error) {
    throw new ProgramFailure(error instanceof Error ? error.message : String(error), EXIT_USAGE);
  }
}

function install(layout: Layout, isNodeCopied: boolean, isMakingUsers: boolean): void {
  const isRoot = process.geteuid?.() === 0;
  const isLive = layout.destination === '';
  const hasUsers = isMakingUsers && isRoot && isLive;
  const version = programVersion();
  const node = isNodeCopied ? { copyOf: process.execPath } : { linkTo: process.execPath };
  const settings = settingsOf(dirname(dist), layout, version, hasUsers ? LOGIN_USER : 'nobody');
  const placer = new ProgramPlacer({ layout, root: dirname(dist), dist, node, version, settings });
  if (hasUsers) makeUsers(say);
  const files = placer.place();
  say(`${files.length} files below ${layout.prefix}`);
  placeSettings(layout, settings, say);
  placeDirectories(layout);
  if (isRoot || !isLive) placePam(layout, say);
  if (isLive) makeCertificates(layout);
  say(afterwards(layout, isRoot));
}

/** The programs know whether there is one, and never touch it. */
function makeCertificates(layout: Layout): void {
  for (const name of ['mkimapdcert', 'mkpop3dcert']) {
    const program = join(layout.library, 'dist', 'bin', name);
    if (!existsSync(program)) continue;
    try {
      execFileSync(program, { stdio: ['ignore', 'ignore', 'pipe'] });
      say(`${name}: a self-signed certificate was made; put a real one in its place`);
    } catch {
      // There is one.
    }
  }
}

function uninstall(layout: Layout): void {
  const files = installedFiles(layout);
  if (files.length === 0) throw new ProgramFailure(`nothing is installed in ${layout.library}`);
  removeFiles(layout, files);
  say(`${files.length} files removed. Settings stay in ${staged(layout, layout.settings)}.`);
}

function afterwards(layout: Layout, isRoot: boolean): string {
  const sbin = join(layout.prefix, 'sbin');
  const lines = [`Settings: ${layout.settings}. Look for mistakes with: ${join(sbin, 'imapd')} --check`];
  if (!isRoot && layout.destination === '') {
    lines.push(
      'You are not root, so there are no users, PAM services and boot scripts, only mail of your own is served, and',
      `ports below 1024 cannot be opened: set PORT and SSLPORT in ${layout.settings}.`,
    );
  }
  const start = ['authdaemond', 'imapd', 'imapd-ssl'].map((name) => `${join(sbin, name)} start`).join('; ');
  return `${lines.join('\n')}\nStart it, or start it again, with: ${start}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
