/**
 * Our installed programs for tests: authdaemond, imapd and where it is wanted pop3d on free ports of 127.0.0.1, with
 * settings, accounts and a certificate of their own. Works for root, with mail of other users, and for an ordinary user.
 *
 *     const ours = await startOurs({ directory, users: [{ name: 'bob', home }] });
 *     const client = await loginClient(ours.tlsPort, 'bob', PASSWORD);
 *     await ours.stop();
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutRoot, programs, searchPath } from './paths.js';
import { type MailUser, userdbLine } from './peer-servers.js';
import { mailIds } from './peer-targets.js';
import { freePort, freePortBase, mustRun, processTree, waitForPort, waitUntil } from './processes.js';

/** An account; without ids it is the mail user's. */
export interface OurUser extends MailUser {
  readonly uid?: number;
  readonly gid?: number;
  /** `disableimap=1,…` */
  readonly options?: string;
  /** Fields of userdb in place of the password that all accounts have. */
  readonly secrets?: string;
}

export interface OurOptions {
  /** For settings, sockets, certificate and log. Empty. */
  readonly directory: string;
  readonly users: readonly OurUser[];
  /** Changed settings of etc/imapd and etc/imapd-ssl. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Changed settings of etc/pop3d and etc/pop3d-ssl: pop3d runs, too. */
  readonly pop3?: Readonly<Record<string, string>>;
  /** Where they listen; 127.0.0.1. */
  readonly address?: string;
  /** More of PORT: `::1.1143`. */
  readonly morePorts?: (port: number) => readonly string[];
  /** DEFAULTOPTIONS. */
  readonly defaultOptions?: string;
  /** Further files of the settings directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The running programs. */
export interface OurServers {
  readonly port: number;
  readonly tlsPort: number;
  /** COURIER_CONFDIR. */
  readonly configuration: string;
  /** All lines of both programs so far. */
  log(): string;
  /** The processes that all others descend from. */
  roots(): number[];
  readonly imapd: ChildProcess;
  readonly authdaemond: ChildProcess;
  /** Where it was wanted. */
  readonly pop3?: { readonly port: number; readonly tlsPort: number; readonly pop3d: ChildProcess };
  stop(): Promise<void>;
}

/** How long our programs may take to end after SIGTERM. */
const STOP_SECONDS = 15;

/** Makes a settings directory. Ports, certificate and places are in it. */
export async function makeConfiguration(options: OurOptions & { readonly port: number; readonly tlsPort: number }) {
  const { directory, users, port, tlsPort, address = '127.0.0.1', defaultOptions = '' } = options;
  const configuration = join(directory, 'etc');
  const state = join(directory, 'run');
  for (const path of [configuration, state, join(state, 'authdaemon')]) mkdirSync(path, { recursive: true });
  const certificate = join(configuration, 'imapd.pem');
  chmodSync(join(state, 'authdaemon'), 0o750);
  await makeCertificate(certificate);
  const imapd = {
    PORT: [String(port), ...(options.morePorts?.(port) ?? [])].join(','),
    ADDRESS: address,
    PIDFILE: join(state, 'imapd.pid'),
    IMAP_CACHEDIR: join(directory, 'cache'),
    IMAP_LOGIN_DELAY: '0',
    MAXPERIP: '2000',
    LOGTO: join(directory, 'log'),
  };
  const ssl = {
    SSLPORT: String(tlsPort),
    SSLADDRESS: address,
    SSLPIDFILE: join(state, 'imapd-ssl.pid'),
    TLS_CERTFILE: certificate,
  };
  writeSettings(configuration, 'imapd-ssl', ssl);
  writeSettings(configuration, 'imapd', { ...imapd, ...options.settings });
  const authdaemonrc = {
    authmodulelist: '"authuserdb"',
    authdaemonvar: join(state, 'authdaemon'),
    DEFAULTOPTIONS: `"${defaultOptions}"`,
    LOGTO: join(directory, 'log'),
  };
  writeSettings(configuration, 'authdaemonrc', authdaemonrc);
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(configuration, name), text);
  await writeAccounts(configuration, users);
  return configuration;
}

/** Writes NAME with the lines of etc/NAME, those of `changes` changed. */
export function writeSettings(configuration: string, name: string, changes: Readonly<Record<string, string>>): void {
  const shipped = join(checkoutRoot, 'etc', name);
  let text = existsSync(shipped) ? readFileSync(shipped, 'utf8') : '';
  for (const [setting, value] of Object.entries(changes)) {
    const line = /^[^"].* /.test(value) ? `${setting}="${value}"` : `${setting}=${value}`;
    const written = new RegExp(`^${setting}=.*$`, 'm');
    text = written.test(text) ? text.replace(written, () => line) : `${text}\n${line}\n`;
  }
  writeFileSync(join(configuration, name), text);
}

/** Writes userdb and compiles it with our makeuserdb. */
export async function writeAccounts(configuration: string, users: readonly OurUser[]): Promise<void> {
  const lines = users.map((user) => {
    const ids = { uid: user.uid ?? mailIds().uid, gid: user.gid ?? mailIds().gid };
    const { secrets } = user;
    const common = userdbLine(user, ids);
    const line = secrets === undefined ? common : common.replace(/systempw=[^|\n]*/, () => secrets);
    return user.options === undefined ? line : line.replace('\n', `|options=${user.options}\n`);
  });
  const userdb = join(configuration, 'userdb');
  writeFileSync(userdb, lines.join(''));
  chmodSync(userdb, 0o600);
  await mustRun([join(programs, 'makeuserdb')], { environment: { COURIER_CONFDIR: configuration } });
}

/** A certificate for localhost and its key, in one file as Courier wants it. */
export async function makeCertificate(path: string): Promise<void> {
  const key = `${path}.key`;
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await mustRun(['openssl', 'req', '-x509', ...curve, '-nodes', '-days', '30', ...names, '-keyout', key, '-out', path]);
  writeFileSync(path, readFileSync(path, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
  chmodSync(path, 0o600);
  rmSync(key);
}

/** The settings of pop3d, in a directory that makeConfiguration() has made; its certificate is imapd's. */
export function addPop3Settings(
  { directory, address = '127.0.0.1', pop3 = {} }: OurOptions,
  { configuration, ports }: { readonly configuration: string; readonly ports: readonly [number, number] },
): void {
  const state = join(directory, 'run');
  const [port, tlsPort] = ports;
  const ssl = {
    SSLPORT: String(tlsPort),
    SSLADDRESS: address,
    SSLPIDFILE: join(state, 'pop3d-ssl.pid'),
    TLS_CERTFILE: join(configuration, 'imapd.pem'),
  };
  const pop3d = {
    PORT: String(port),
    ADDRESS: address,
    PIDFILE: join(state, 'pop3d.pid'),
    POP3_LOGIN_DELAY: '0',
    MAXPERIP: '1000',
    LOGTO: join(directory, 'log'),
  };
  writeSettings(configuration, 'pop3d-ssl', ssl);
  writeSettings(configuration, 'pop3d', { ...pop3d, ...pop3 });
}

/** Starts the programs and waits until their ports answer. @throws {Error} with the log when they do not. */
export async function startOurs(options: OurOptions): Promise<OurServers> {
  // The next one is for morePorts.
  const port = await freePortBase([0, 1]);
  const tlsPort = await freePort();
  const configuration = await makeConfiguration({ ...options, port, tlsPort });
  const pop3Ports = options.pop3 === undefined ? undefined : ([await freePort(), await freePort()] as const);
  if (pop3Ports !== undefined) addPop3Settings(options, { configuration, ports: pop3Ports });
  const logFile = join(options.directory, 'log');
  const log = (): string => readFileSync(logFile, 'utf8');
  const start = (program: string): ChildProcess => {
    const output = openSync(logFile, 'a');
    const child = spawn(join(programs, program), [], {
      cwd: '/',
      env: { PATH: searchPath, TZ: 'UTC', COURIER_CONFDIR: configuration },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    return child;
  };
  const authdaemond = start('authdaemond');
  const imapd = start('imapd');
  const pop3d = pop3Ports === undefined ? undefined : start('pop3d');
  const stop = async (): Promise<void> => {
    await end(imapd);
    if (pop3d !== undefined) await end(pop3d);
    await end(authdaemond);
  };
  try {
    const socket = join(options.directory, 'run', 'authdaemon', 'socket');
    await waitUntil(`${socket} is there`, () => existsSync(socket) || authdaemond.exitCode !== null);
    for (const each of [port, tlsPort, ...(pop3Ports ?? [])]) await waitForPort(each, options.address);
  } catch (error) {
    await stop();
    throw new Error(`our programs did not start:\n${log()}`, { cause: error });
  }
  const roots = (): number[] =>
    [imapd, authdaemond, pop3d].map((child) => child?.pid).filter((pid) => pid !== undefined);
  const pop3 = pop3Ports && pop3d && { port: pop3Ports[0], tlsPort: pop3Ports[1], pop3d };
  return {
    port,
    tlsPort,
    configuration,
    log,
    roots,
    imapd,
    authdaemond,
    stop,
    ...(pop3 === undefined ? {} : { pop3 }),
  };
}

/** Ends a program and sees to it that none of its processes is left. */
async function end(program: ChildProcess): Promise<void> {
  if (program.pid === undefined || program.exitCode !== null || program.signalCode !== null) return;
  const family = processTree([program.pid]);
  const gone = new Promise((resolve) => program.once('close', resolve));
  program.kill('SIGTERM');
  const timer = setTimeout(() => program.kill('SIGKILL'), STOP_SECONDS * 1000);
  await gone;
  clearTimeout(timer);
  await waitUntil('all processes of the program have ended', () => family.every((pid) => !isAlive(pid)), STOP_SECONDS);
}

/** Whether a process is there and not only waiting to be collected. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
