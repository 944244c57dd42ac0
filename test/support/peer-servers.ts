/**
 * Debian's Courier and Debian's Dovecot as whole servers on a loopback port: listener, login, authentication. Root only.
 *
 * Courier's places are compiled in. It runs in a mount namespace of its own, where /etc/courier and /run/courier are
 * directories of the test: the machine's own stay as they are.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { courierEnvironment, mailIds } from './peer-targets.js';
import { processTree, waitForPort } from './processes.js';

/** The password of every account in tests. */
export const PASSWORD = 'secret';
/** More connections than any test or measurement opens. */
const MAX_CONNECTIONS = 2500;
/** Dovecot's 256 MB are not enough for mailboxes of 200,000. */
const MAX_PROCESS_MEMORY = '4 G';

export interface MailUser {
  readonly name: string;
  /** The maildir is HOME/Maildir. */
  readonly home: string;
}

export interface PeerServer {
  readonly name: string;
  readonly port: number;
  /** With TLS from the first octet. */
  readonly tlsPort?: number;
  /** The processes that all its others descend from. */
  readonly roots: readonly number[];
  stop(): Promise<void>;
}

export interface PeerOptions {
  /** For settings, sockets and logs. Empty. */
  readonly directory: string;
  readonly users: readonly MailUser[];
  readonly port: number;
  /** A port with TLS; with Dovecot also STARTTLS on the other one. Certificate and key in one file. */
  readonly tls?: { readonly port: number; readonly certificate: string };
  /** Dovecot has COMPRESS, which is off by default. */
  readonly compress?: boolean;
  /** Further settings of Dovecot. */
  readonly more?: string;
  /** Changed settings of Courier, and a port on which its pop3d listens, too. */
  readonly courier?: { readonly settings?: Readonly<Record<string, string>>; readonly pop3Port?: number };
}

/** Unsalted, so that measurements of logins measure the server. */
function passwordHash(): string {
  return `{SHA256}${createHash('sha256').update(PASSWORD).digest('base64')}`;
}

/** A line of Courier's userdb. */
export function userdbLine({ name, home }: MailUser, { uid, gid } = mailIds()): string {
  return `${name}\tuid=${uid}|gid=${gid}|home=${home}|shell=/bin/sh|systempw=${passwordHash()}\n`;
}

/** Courier with Debian's settings, more connections allowed. With TLS as its imapd-ssl script starts it. */
export async function startCourier({ directory, users, port, tls, courier = {} }: PeerOptions): Promise<PeerServer> {
  const etc = join(directory, 'etc');
  cpSync('/etc/courier', etc, { recursive: true });
  mkdirSync(join(directory, 'run', 'authdaemon'), { recursive: true });
  writeFileSync(join(etc, 'userdb'), users.map((user) => userdbLine(user)).join(''), { mode: 0o600 });
  const authdaemonrc = readFileSync(join(etc, 'authdaemonrc'), 'utf8');
  writeFileSync(join(etc, 'authdaemonrc'), authdaemonrc.replace(/^authmodulelist=.*/m, 'authmodulelist="authuserdb"'));
  const script = `
set -eu
mount --bind ${etc} /etc/courier
# Debian makes it when Courier is started for the first time.
mkdir -p /run/courier
mount --bind ${join(directory, 'run')} /run/courier
chown root:courier /etc/courier /run/courier && chmod 775 /run/courier
chown courier:courier /run/courier/authdaemon && chmod 750 /run/courier/authdaemon
/usr/sbin/makeuserdb
( set -a; . /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond ) &
[ -f /etc/courier/imapaccess.dat ] || /usr/sbin/makeimapaccess
listen() {
  exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=${MAX_CONNECTIONS} -maxperip=${MAX_CONNECTIONS} \\
    -access=/etc/courier/imapaccess.dat -nodnslookup -noidentlookup "$@" \\
    /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
}
${tls === undefined ? '' : courierTlsScript(tls)}
${courier.pop3Port === undefined ? '' : courierPop3Script(courier.pop3Port)}
listen ${port}`;
  const settings = { IMAP_STARTTLS: 'NO', ...courier.settings };
  const environment = { ...courierEnvironment(settings), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  const log = openSync(join(directory, 'log'), 'a');
  const child = spawn('/usr/bin/unshare', ['--mount', '/bin/sh', '-c', script], {
    cwd: '/',
    env: environment,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  return running('courier', child, { directory, port, tlsPort: tls?.port });
}

/** A second listener, each of whose connections goes through couriertls; it runs as the mail user and reads the key. */
function courierTlsScript({ port, certificate }: { readonly port: number; readonly certificate: string }): string {
  return `
cp ${certificate} /etc/courier/imapd.pem
chown courier:courier /etc/courier/imapd.pem && chmod 600 /etc/courier/imapd.pem
(
  set -a +u
  . /etc/courier/imapd-ssl
  TLS_CACHEFILE=/run/courier/tls-cache
  IMAP_TLS=1
  listen ${port} /usr/bin/couriertls -server -tcpd -user=courier
) &`;
}

/** Its POP3 listener. */
function courierPop3Script(port: number): string {
  const programs = '/usr/lib/courier/courier';
  return `
/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=${MAX_CONNECTIONS} -maxperip=${MAX_CONNECTIONS} \\
  -nodnslookup -noidentlookup ${port} ${programs}/courierpop3login ${programs}/courierpop3d Maildir &`;
}

/** Dovecot with its defaults, more connections allowed. */
export async function startDovecot(options: PeerOptions): Promise<PeerServer> {
  const { directory, users, port } = options;
  const { uid, gid } = mailIds();
  const passwords = join(directory, 'users');
  const lines = users.map(({ name, home }) => `${name}:${passwordHash()}:${uid}:${gid}::${home}::\n`);
  writeFileSync(passwords, lines.join(''));
  chmodSync(passwords, 0o644);
  const configuration = join(directory, 'dovecot.conf');
  writeFileSync(configuration, dovecotServerConfiguration(options, passwords));
  const log = openSync(join(directory, 'log'), 'a');
  const child = spawn('/usr/sbin/dovecot', ['-F', '-c', configuration], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  return running('dovecot', child, { directory, port, tlsPort: options.tls?.port });
}

function dovecotServerConfiguration(options: PeerOptions, passwords: string): string {
  const { directory, port, tls, compress } = options;
  const source = `driver = passwd-file\n  args = username_format=%u ${passwords}`;
  return `
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/dovecot.log
protocols = imap
listen = 127.0.0.1
${tls === undefined ? 'ssl = no' : `ssl = yes\nssl_cert = <${tls.certificate}\nssl_key = <${tls.certificate}`}
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
default_process_limit = ${MAX_CONNECTIONS}
default_client_limit = ${MAX_CONNECTIONS * 4}
default_vsz_limit = ${MAX_PROCESS_MEMORY}
mail_max_userip_connections = ${MAX_CONNECTIONS}
namespace inbox {
  inbox = yes
  prefix = INBOX.
  separator = .
}
passdb {
  ${source}
}
userdb {
  ${source}
}
${compress === true ? 'protocol imap {\n  mail_plugins = imap_zlib\n}' : ''}
service auth {
  client_limit = ${MAX_CONNECTIONS * 8}
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tls?.port ?? 0}
  }
}
service imap {
  process_limit = ${MAX_CONNECTIONS}
}
${options.more ?? ''}
`;
}

/** How long a peer may take to end by itself. */
const STOP_MILLISECONDS = 5000;

async function running(
  name: string,
  child: ChildProcess,
  {
    directory,
    port,
    tlsPort,
  }: { readonly directory: string; readonly port: number; readonly tlsPort: number | undefined },
): Promise<PeerServer> {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} cannot be started`);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    // Courier's second listener has a process group of its own.
    const family = processTree([pid]);
    signal([-pid, ...family], 'SIGTERM');
    const timer = setTimeout(() => signal([-pid], 'SIGKILL'), STOP_MILLISECONDS);
    await gone;
    clearTimeout(timer);
    signal([-pid, ...family], 'SIGKILL');
  };
  try {
    await waitForPort(port);
    if (tlsPort !== undefined) await waitForPort(tlsPort);
  } catch (error) {
    await stop();
    throw new Error(`${name} does not answer: ${readFileSync(join(directory, 'log'), 'utf8')}`, { cause: error });
  }
  return { name, port, ...(tlsPort === undefined ? {} : { tlsPort }), roots: [pid], stop };
}

/** To processes, and to the group (below zero) that was made for one server alone. Those that are gone do not matter. */
function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
