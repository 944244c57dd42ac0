/**
 * Debian's Courier and Debian's Dovecot as targets of transcripts: their imapd on a pair of pipes, already logged in.
 *
 * Needs neither their login processes nor a port nor anything in /etc. As root they run as the mail user.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { giveTo } from './maildir-fixture.js';
import type { MakeTarget, Target, TargetConnection, TargetNeeds } from './transcript-target.js';
import { Inbox, userOf, writeSharedIndex } from './transcript-target.js';

const COURIER_IMAPD = '/usr/bin/imapd';
const COURIER_POP3D = '/usr/lib/courier/courier/courierpop3d';
const DOVECOT_IMAP = '/usr/lib/dovecot/imap';

/** The uid and gid that peers and their mail have in tests; the current ones when that cannot be chosen. */
export function mailIds(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? { uid: 5000, gid: 5000 } : { uid, gid: process.getgid?.() ?? 0 };
}

/** Gives a tree to the mail user, who must be able to change it. Only root can, and only root needs to. */
export function giveToMailUser(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = mailIds();
  giveTo(path, uid, gid);
}

/** The variables that Courier's control script hands to imapd: Debian's file, with changes. */
export function courierEnvironment(changes: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const line of readFileSync('/etc/courier/imapd', 'utf8').split('\n')) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) environment[name] = (value ?? '').replace(/^"(.*)"$/, '$1');
  }
  return { ...environment, ...changes };
}

/** Debian's `imapd ./Maildir` for the account whose maildir it is. */
export const courierTarget: MakeTarget = (needs) => {
  const { uid, gid } = mailIds();
  const home = dirname(needs.maildir);
  giveToMailUser(home);
  const options = Object.entries(needs.options).map(([name, value]) => `${name}=${value}`);
  const sharedIndex = join(home, 'shared-index');
  writeSharedIndex(sharedIndex, needs);
  const start = (connection: number, smap: boolean) => {
    const { name, maildir } = userOf(needs, connection);
    const environment = {
      ...courierEnvironment({ IMAP_SHAREDINDEXFILE: sharedIndex, ...needs.settings }),
      PATH: '/usr/bin:/bin',
      TZ: 'UTC',
      HOME: dirname(maildir),
      AUTHENTICATED: name,
      AUTHADDR: name,
      ...(smap ? { PROTOCOL: 'SMAP1' } : {}),
      ...(options.length > 0 && name === 'bob' ? { OPTIONS: options.join(',') } : {}),
    };
    return spawn(COURIER_IMAPD, [maildir], { cwd: dirname(maildir), env: environment, uid, gid });
  };
  return Promise.resolve(pipeTarget("Debian's Courier", start));
};

/** Debian's Dovecot for the same. Its index files go beside the home, not into the maildir. */
export const dovecotTarget: MakeTarget = (needs: TargetNeeds) => {
  const { uid, gid } = mailIds();
  const home = dirname(needs.maildir);
  const configuration = join(home, 'dovecot.conf');
  writeFileSync(configuration, dovecotConfiguration(needs.maildir, home));
  chmodSync(configuration, 0o644);
  giveToMailUser(home);
  const environment = { PATH: '/usr/bin:/bin', TZ: 'UTC', HOME: home, USER: 'bob', LOG_STDERR_TIMESTAMP: '' };
  const start = () => spawn(DOVECOT_IMAP, ['-c', configuration], { cwd: home, env: environment, uid, gid });
  return Promise.resolve(pipeTarget("Debian's Dovecot", start));
};

function dovecotConfiguration(maildir: string, home: string): string {
  return [
    `base_dir = ${home}/run`,
    `log_path = ${home}/dovecot.log`,
    'protocols = imap',
    'ssl = no',
    `mail_location = maildir:${maildir}:INDEX=${home}/index`,
    'namespace inbox {',
    '  inbox = yes',
    '  prefix = INBOX.',
    '  separator = .',
    '}',
    '',
  ].join('\n');
}

/** @returns what of the peers is missing on this machine. */
export function missingPeers(): string[] {
  return [COURIER_IMAPD, COURIER_POP3D, DOVECOT_IMAP, '/etc/courier/imapd'].filter((path) => !existsSync(path));
}

const imapWelcome = (smap: boolean): string => (smap ? '+OK SMAP1' : 'PREAUTH');

/** Debian's `courierpop3d Maildir`, as its login process starts it for a client that has not said UTF8. */
export const courierPop3Target: MakeTarget = (needs) => {
  const { uid, gid } = mailIds();
  const home = dirname(needs.maildir);
  giveToMailUser(home);
  const environment = {
    ...needs.settings,
    ...{ PATH: '/usr/bin:/bin', TZ: 'UTC', HOME: home, AUTHENTICATED: 'bob', AUTHADDR: 'bob', UTF8: '0' },
  };
  const start = () => spawn(COURIER_POP3D, [needs.maildir], { cwd: home, env: environment, uid, gid });
  return Promise.resolve(pipeTarget("Debian's Courier", start, { welcome: () => '+OK logged in.' }));
};

/** How a server on a pair of pipes begins, and whether order, quotes and the order of flags are its own. */
interface PipeManner {
  readonly welcome: (smap: boolean) => string;
  readonly lenient?: boolean;
}

/** A server on a pair of pipes that is logged in already. */
export function pipeTarget(
  name: string,
  start: (connection: number, smap: boolean) => ChildProcessWithoutNullStreams,
  { welcome, lenient = false }: PipeManner = { welcome: imapWelcome, lenient: true },
): Target {
  const running: ChildProcessWithoutNullStreams[] = [];
  return {
    name,
    lenient,
    async connect(connection, { loggedIn, smap = false }) {
      if (!loggedIn) throw new Error(`${name} runs without its login process; say Peers: none`);
      const child = start(connection, smap);
      running.push(child);
      return pipeConnection(name, child, welcome(smap));
    },
    async close() {
      await Promise.all(running.map(ended));
    },
  };
}

/** A peer that does not end when its input ends is killed. */
const END_MILLISECONDS = 2000;

async function ended(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MILLISECONDS);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
}

/** The connection after the line that says so. */
async function pipeConnection(
  name: string,
  child: ChildProcessWithoutNullStreams,
  welcome: string,
): Promise<TargetConnection> {
  const inbox = new Inbox();
  const complaints: Buffer[] = [];
  child.stdout.on('data', (octets: Buffer) => inbox.push(octets));
  child.stdout.once('end', () => inbox.end());
  child.stderr.on('data', (octets: Buffer) => complaints.push(octets));
  child.once('error', (error) => inbox.end(error));
  child.stdin.on('error', () => undefined);

  let greeting = Buffer.alloc(0);
  while (!greeting.includes('\n')) {
    const octets = await inbox.receive();
    if (octets === undefined) throw new Error(`${name} ended: ${greeting.toString()}${Buffer.concat(complaints)}`);
    greeting = Buffer.concat([greeting, octets]);
  }
  const lineEnd = greeting.indexOf('\n') + 1;
  if (!greeting.subarray(0, lineEnd).includes(welcome)) throw new Error(`${name}: ${greeting.toString()}`);
  if (greeting.length > lineEnd) inbox.push(greeting.subarray(lineEnd));
  return {
    send: (octets) => void child.stdin.write(octets),
    receive: () => inbox.receive(),
    close: () => void child.stdin.end(),
  };
}
