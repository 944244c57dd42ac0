/**
 * `npm start`: a whole mail service of one's own in var/, for any user, with an account to try it on.
 *
 * Makes var/ when it is not there (settings, certificate, account, mail), runs authdaemond, imapd and pop3d in the
 * foreground on 127.0.0.1, and tells how to connect. Ctrl-C ends everything; the mail stays for the next time.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askControl } from './runtime/service/control.js';
import { portOwner } from './runtime/system/port-owner.js';
import { isOpenToAll } from './runtime/system/reachable.js';
import { writeNewCertificate } from './runtime/tls/certificate-file.js';
import { makeSampleMaildir } from './sandbox-mail.js';
import { runCopy } from './sandbox-place.js';

const dist = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dist);
const home = join(root, 'var');
const settings = join(home, 'etc');
const mail = join(home, 'mail', 'demo');
const cache = join(home, 'cache');
const certificate = join(settings, 'imapd.pem');

/** A Unix socket's path has at most 107 octets. */
const MAX_RUN_DIRECTORY_OCTETS = 80;
const besideMail = join(home, 'run');
const run =
  Buffer.byteLength(besideMail) <= MAX_RUN_DIRECTORY_OCTETS
    ? besideMail
    : join(tmpdir(), `angarium-${process.getuid?.() ?? 0}`);

/** When root starts it from a checkout that root owns: no session may be root, and this uid owns nothing. */
const HARMLESS_UID = 10_143;

const START_MS = 20_000;

const portBase = Number(process.env['ANGARIUM_PORT_BASE'] ?? 1000);
const ports = { imap: portBase + 143, imaps: portBase + 993, pop3: portBase + 110, pop3s: portBase + 995 };
const children = new Map<string, ChildProcess>();
let ending = false;

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  end(1);
});

async function main(): Promise<void> {
  if (!Number.isInteger(portBase) || portBase < 1 || portBase > 64_000) {
    throw new Error(`ANGARIUM_PORT_BASE=${process.env['ANGARIUM_PORT_BASE']} is not a number from 1 to 64000.`);
  }
  if (process.getuid?.() === 0 && !isOpenToAll(root)) process.exit(await runCopy(root, dist));
  process.on('SIGINT', () => end(0));
  process.on('SIGTERM', () => end(0));
  process.on('SIGHUP', () => end(0));
  await requireFreePorts();
  const owner = demoOwner();
  makeSettings();
  makeAccount(owner);
  startProgram('authdaemond', []);
  await until('authdaemond', () => existsSync(join(run, 'authdaemon', 'socket')));
  for (const name of ['imapd', 'pop3d']) startProgram(name, ['--open', name, '--open', `${name}-ssl`]);
  for (const name of ['imapd', 'pop3d']) await until(name, () => isReady(name));
  process.stdout.write(howToConnect());
  process.stdout.write('Ready.\n');
}

async function isReady(name: string): Promise<boolean> {
  const status = await askControl(join(run, `${name}.control`), 'status').catch(() => '');
  return status.startsWith('ready');
}

async function requireFreePorts(): Promise<void> {
  for (const port of Object.values(ports)) {
    const trouble = await tryPort(port);
    if (trouble === undefined) continue;
    const owner = portOwner(port) ?? 'another program';
    const reason = trouble === 'EADDRINUSE' ? `is taken by ${owner}` : `cannot be opened (${trouble})`;
    const remedy = 'Choose others, for example: ANGARIUM_PORT_BASE=5000 npm start';
    throw new Error(`Port ${port} on 127.0.0.1 ${reason}. ${remedy}`);
  }
}

function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}

/** The account is us; for root it is the owner of the checkout, or nobody in particular. */
function demoOwner(): { uid: number; gid: number } {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const { uid, gid } = statSync(root);
  return uid === 0 ? { uid: HARMLESS_UID, gid: HARMLESS_UID } : { uid, gid };
}

/** The files of etc/, with the lines that say where things are. What is changed in var/etc by hand stays. */
function makeSettings(): void {
  for (const directory of [settings, run]) mkdirSync(directory, { recursive: true });
  // Whoever may enter it may ask for passwords.
  mkdirSync(join(run, 'authdaemon'), { recursive: true, mode: 0o700 });
  const changes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    imapd: { PORT: `127.0.0.1.${ports.imap}`, PIDFILE: join(run, 'imapd.pid'), IMAP_CACHEDIR: cache },
    'imapd-ssl': {
      SSLPORT: `127.0.0.1.${ports.imaps}`,
      SSLPIDFILE: join(run, 'imapd-ssl.pid'),
      TLS_CERTFILE: certificate,
    },
    pop3d: { PORT: `127.0.0.1.${ports.pop3}`, PIDFILE: join(run, 'pop3d.pid') },
    'pop3d-ssl': {
      SSLPORT: `127.0.0.1.${ports.pop3s}`,
      SSLPIDFILE: join(run, 'pop3d-ssl.pid'),
      TLS_CERTFILE: certificate,
    },
    authdaemonrc: { authmodulelist: 'authuserdb', authdaemonvar: join(run, 'authdaemon') },
  };
  for (const [name, lines] of Object.entries(changes)) {
    const target = join(settings, name);
    let text = readFileSync(existsSync(target) ? target : join(root, 'etc', name), 'utf8');
    for (const [setting, value] of Object.entries(lines)) {
      const line = `${setting}="${value}"`;
      const written = new RegExp(`^${setting}=.*$`, 'm');
      text = written.test(text) ? text.replace(written, () => line) : `${text}${line}\n`;
    }
    writeFileSync(target, text);
  }
  if (!existsSync(certificate)) writeNewCertificate(certificate, ['localhost', '127.0.0.1', '::1']);
}

function makeAccount({ uid, gid }: { uid: number; gid: number }): void {
  mkdirSync(mail, { recursive: true });
  makeSampleMaildir(join(mail, 'Maildir'));
  if (process.getuid?.() === 0) giveTo(mail, uid, gid);
  const userdb = join(settings, 'userdb');
  if (!existsSync(userdb)) {
    const password = runProgram('userdbpw', ['-md5'], 'demo\n').trim();
    const fields = [
      `uid=${uid}`,
      `gid=${gid}`,
      `home=${mail}`,
      `mail=${join(mail, 'Maildir')}`,
      `systempw=${password}`,
    ];
    runProgram('userdb', ['-f', userdb, 'demo', 'set', ...fields]);
    chmodSync(userdb, 0o600);
  }
  runProgram('makeuserdb', []);
}

function giveTo(path: string, uid: number, gid: number): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return;
  chownSync(path, uid, gid);
  if (!entry.isDirectory()) return;
  for (const name of readdirSync(path)) giveTo(join(path, name), uid, gid);
}

function environment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...rest } = process.env;
  return { ...rest, COURIER_CONFDIR: settings };
}

function runProgram(name: string, words: readonly string[], input = ''): string {
  const options = { env: environment(), input, encoding: 'utf8' as const, stdio: ['pipe', 'pipe', 'inherit'] as const };
  return execFileSync(process.execPath, [join(dist, 'bin', name), ...words], { ...options, stdio: [...options.stdio] });
}

function startProgram(name: string, words: readonly string[]): void {
  // In a process group of its own: Ctrl-C comes to this process only, which ends the others in order.
  const child = spawn(process.execPath, [join(dist, 'bin', name), ...words], {
    env: environment(),
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  children.set(name, child);
  child.once('exit', (code, signal) => {
    children.delete(name);
    if (!ending) {
      process.stderr.write(`${name} ended (${signal ?? `exit code ${code}`}).\n`);
      end(1);
    }
  });
}

async function until(name: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!(await isTrue())) {
    if (ending) return;
    if (Date.now() > deadline) throw new Error(`${name} did not come up within ${START_MS / 1000} seconds.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function end(exitCode: number): void {
  if (ending) return;
  ending = true;
  for (const child of children.values()) child.kill('SIGTERM');
  const check = setInterval(() => {
    if (children.size > 0) return;
    clearInterval(check);
    process.exit(exitCode);
  }, 20);
}

function howToConnect(): string {
  const { imap, imaps, pop3, pop3s } = ports;
  return `
An IMAP and a POP3 server run on this machine. Login name: demo   Password: demo

  127.0.0.1 port ${imap}   IMAP, with STARTTLS
  127.0.0.1 port ${imaps}   IMAP in TLS; the certificate is ${certificate}
  127.0.0.1 port ${pop3}   POP3, with STLS
  127.0.0.1 port ${pop3s}   POP3 in TLS

  curl --user demo:demo 'imap://127.0.0.1:${imap}/INBOX;UID=1'
  curl --cacert ${certificate} --user demo:demo imaps://localhost:${imaps}/
  mutt -f imap://demo:demo@127.0.0.1:${imap}/
  curl --user demo:demo pop3://127.0.0.1:${pop3}/1

Settings: ${settings}   Mail: ${join(mail, 'Maildir')}
Ctrl-C ends it; the mail stays.
`;
}
