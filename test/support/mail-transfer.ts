/**
 * Debian's Postfix and Exim, each with settings, queue and port of its own, delivering for example.com into maildirs.
 * Root only.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mailIds } from './peer-targets.js';
import { findProgram, mustRun, waitForPort } from './processes.js';

export interface MailTransfer {
  readonly name: string;
  readonly port: number;
  stop(): Promise<void>;
}

export interface MailTransferOptions {
  /** For settings, queue and log. Empty, and open to all up to the root. */
  readonly directory: string;
  /** Mail for bob@example.com goes to MAIL/bob/Maildir. */
  readonly mail: string;
  readonly port: number;
  /** For Postfix: whose mail goes everywhere, in place of this machine's; empty for nobody's. */
  readonly networks?: string;
  /**
   * More lines of main.cf, none of which stands there already: Postfix's log daemon writes a warning of that to itself, and
   * can wait for itself for ever. For Exim, the section of its authenticators.
   */
  readonly more?: string;
  /** For Postfix: more lines of master.cf. */
  readonly services?: string;
  /** For Exim: more lines of the transport that delivers. */
  readonly transport?: string;
  /** For Exim: in place of the router and the transport. */
  readonly routing?: { readonly routers: string; readonly transports: string };
  /** For Postfix: smtpd.conf of Cyrus SASL. */
  readonly sasl?: string;
}

export async function startPostfix(options: MailTransferOptions): Promise<MailTransfer> {
  const { directory, mail, port, networks, more, sasl, services } = options;
  const etc = join(directory, 'etc');
  for (const path of [etc, join(directory, 'queue'), join(directory, 'data')]) mkdirSync(path, { recursive: true });
  await mustRun(['chown', 'postfix', join(directory, 'data')]);
  const { uid, gid } = mailIds();
  const main = `
compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = ${networks ?? '127.0.0.0/8'}
smtpd_peername_lookup = no
maillog_file = ${directory}/log
maillog_file_prefixes = ${directory}
virtual_mailbox_domains = example.com
virtual_mailbox_base = ${mail}
virtual_mailbox_maps = static:bob/Maildir/
virtual_uid_maps = static:${uid}
virtual_gid_maps = static:${gid}
${more ?? ''}
`;
  writeFileSync(join(etc, 'main.cf'), main);
  // A port of ours, and no process in a jail.
  const master = readFileSync('/usr/share/postfix/master.cf.dist', 'utf8')
    .replace(/^smtp +inet/m, `127.0.0.1:${port} inet`)
    .replace(/^([\w.:-]+ +(?:inet|unix) +[n-] +-) +y/gm, '$1 n');
  writeFileSync(join(etc, 'master.cf'), `${master}\n${services ?? ''}\n`);
  if (sasl !== undefined) {
    mkdirSync(join(etc, 'sasl'));
    writeFileSync(join(etc, 'sasl', 'smtpd.conf'), sasl);
  }
  await mustRun(['postfix', '-c', etc, 'start']);
  const stop = async (): Promise<void> => {
    await mustRun(['postfix', '-c', etc, 'stop']);
  };
  try {
    await waitForPort(port);
  } catch (error) {
    await stop();
    throw new Error(`postfix does not answer: ${readFileSync(join(directory, 'log'), 'utf8')}`, { cause: error });
  }
  return { name: 'Postfix', port, stop };
}

/**
 * Exim keeps root only with settings whose path stands in /etc/exim4/trusted_configs, a place that is compiled in. It
 * runs in a mount namespace where /etc/exim4 is a directory of the test.
 */
export async function startExim(options: MailTransferOptions): Promise<MailTransfer> {
  const { directory, port } = options;
  const etc = join(directory, 'etc');
  for (const path of [etc, join(directory, 'spool'), join(directory, 'log')]) mkdirSync(path, { recursive: true });
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (what) => Number(await mustRun(['id', what, 'Debian-exim']))),
  );
  for (const path of ['spool', 'log']) chownSync(join(directory, path), uid ?? 0, gid ?? 0);
  const configuration = join(directory, 'exim.conf');
  writeFileSync(configuration, eximConfiguration(options), { mode: 0o644 });
  writeFileSync(join(etc, 'trusted_configs'), `${configuration}\n`);
  const exim = findProgram('/usr/sbin/exim4');
  const script = `mount --bind ${etc} /etc/exim4 && exec ${exim} -C ${configuration} -bdf`;
  const output = openSync(join(directory, 'output'), 'a');
  const child = spawn('/usr/bin/unshare', ['--mount', '/bin/sh', '-c', script], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const stop = (): Promise<void> => stopGroup(child);
  try {
    await waitForPort(port);
  } catch (error) {
    await stop();
    throw new Error(`exim does not answer: ${readFileSync(join(directory, 'output'), 'utf8')}`, { cause: error });
  }
  return { name: 'Exim', port, stop };
}

function eximConfiguration({ directory, mail, port, more, transport, routing }: MailTransferOptions): string {
  const { uid, gid } = mailIds();
  const routers = `virtual:
  driver = accept
  domains = example.com
  transport = maildir`;
  const transports = `maildir:
  driver = appendfile
  directory = ${mail}/\${lookup{$local_part}dsearch,filter=dir{${mail}}}/Maildir
  maildir_format
  user = ${uid}
  group = ${gid}
${transport ?? ''}`;
  return `
primary_hostname = mail.example.com
exim_path = ${findProgram('/usr/sbin/exim4')}
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
pid_file_path = ${directory}/spool/exim.pid
daemon_smtp_ports = ${port}
local_interfaces = 127.0.0.1
tls_advertise_hosts =
smtp_accept_queue_per_connection = 1000
acl_smtp_rcpt = acl_ok
acl_smtp_data = acl_ok
begin acl
acl_ok:
  accept
begin routers
${routing?.routers ?? routers}
begin transports
${routing?.transports ?? transports}
begin authenticators
${more ?? ''}
`;
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await gone;
}

/** Hands messages to a mail server, one after the other in one conversation. @throws {Error} at the first refusal. */
export async function sendMail(port: number, recipient: string, messages: Iterable<string>): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const say = async (text: string, wanted: string): Promise<void> => {
    if (text !== '') socket.write(`${text}\r\n`);
    for (;;) {
      const { value, done } = await answers.next();
      if (done === true) throw new Error('the mail server has closed');
      if (/^\d{3}-/.test(value)) continue;
      if (!value.startsWith(wanted)) throw new Error(`${text.slice(0, 40)}: ${value}`);
      return;
    }
  };
  await say('', '220');
  await say('EHLO client.example.com', '250');
  for (const message of messages) {
    await say('MAIL FROM:<ann@example.com>', '250');
    await say(`RCPT TO:<${recipient}>`, '250');
    await say('DATA', '354');
    await say(`${message.replaceAll('\n', '\r\n')}\r\n.`, '250');
  }
  await say('QUIT', '221');
  socket.destroy();
}
