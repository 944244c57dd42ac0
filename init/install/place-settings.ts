/**
 * Puts settings, users and directories of an installation into their places. What an administrator has, stays: settings
 * are merged, and a PAM service or a certificate that is there is not touched.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findSystemGroup, findSystemUser } from '../runtime/system/system-users.js';
import { adapted, type Layout, staged } from './layout.js';
import { makeDirectory, mergeSettingsFile } from './settings-files.js';

/** As Debian's Courier: whoever is in the group may ask authdaemond. */
const AUTH_USER = 'courier';
/** Processes before login. It owns nothing. */
export const LOGIN_USER = 'angarium';

/** May hold passwords of databases. */
const SECRET_SETTINGS = /^auth/;

/** The settings of a release with the paths of an installation, by file name; the version says which release. */
export function settingsOf(root: string, layout: Layout, version: string, loginUser: string): Map<string, string> {
  const from = join(root, 'etc');
  const found = new Map<string, string>();
  for (const name of readdirSync(from).sort()) {
    const text = adapted(layout, readFileSync(join(from, name), 'utf8')).replace(
      /^LOGINUSER=nobody$/m,
      `LOGINUSER=${loginUser}`,
    );
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
    found.set(name, text.replace(/^##VERSION:.*$/m, `##VERSION: Angarium ${version} ${digest}`));
  }
  return found;
}

/** PAM asks the accounts of the system, as Debian's files do. */
export function pamService(name: string): string {
  const lines = ['auth', 'account', 'password', 'session'].map((kind) => `@include common-${kind}`);
  return `# PAM for ${name}.\n\n${lines.join('\n')}\n`;
}

/** Makes the users and groups that are missing; says what it did. Root only. */
export function makeUsers(say: (line: string) => void): void {
  for (const [name, home] of [
    [AUTH_USER, '/var/lib/courier'],
    [LOGIN_USER, '/nonexistent'],
  ] as const) {
    if (findSystemUser(name) !== undefined) continue;
    if (findSystemGroup(name) === undefined) execFileSync('groupadd', ['--system', name]);
    const place = ['--no-create-home', '--home-dir', home, '--shell', '/usr/sbin/nologin'];
    execFileSync('useradd', ['--system', '--gid', name, ...place, name]);
    say(`user and group ${name}: made`);
  }
}

/** Writes each NAME.dist into the directory of the settings, and merges it into NAME. */
export function placeSettings(layout: Layout, files: ReadonlyMap<string, string>, say: (line: string) => void): void {
  const group = process.geteuid?.() === 0 ? findSystemGroup(AUTH_USER) : undefined;
  makeDirectory(staged(layout, layout.settings), 0o755);
  for (const [name, text] of files) {
    const isMerged = text.startsWith('##VERSION:');
    const path = staged(layout, layout.settings, name);
    const target = isMerged ? `${path}.dist` : path;
    if (!isMerged && existsSync(target)) continue;
    writeFileSync(target, text, { mode: 0o600 });
    if (SECRET_SETTINGS.test(name) && group !== undefined) chownSync(target, 0, group);
    chmodSync(target, SECRET_SETTINGS.test(name) ? 0o640 : 0o644);
    if (isMerged) for (const line of mergeSettingsFile(path)) say(line);
  }
}

/** Makes the directories that programs and mail servers look for. */
export function placeDirectories(layout: Layout): void {
  const owner = process.geteuid?.() === 0 ? findSystemUser(AUTH_USER) : undefined;
  makeDirectory(staged(layout, layout.cache), 0o755);
  const run = staged(layout, layout.run);
  makeDirectory(run, 0o755);
  const socket = join(run, 'authdaemon');
  if (existsSync(socket)) return;
  makeDirectory(socket, 0o750);
  if (owner !== undefined) chownSync(socket, owner.uid, owner.gid);
}

/** Writes the PAM services that are missing. */
export function placePam(layout: Layout, say: (line: string) => void): void {
  for (const name of ['imap', 'pop3']) {
    const path = staged(layout, '/etc/pam.d', name);
    if (existsSync(path)) continue;
    makeDirectory(dirname(path), 0o755);
    writeFileSync(path, pamService(name), { mode: 0o644 });
    say(`${path}: new`);
  }
}
