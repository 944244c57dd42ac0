/**
 * Programs of others on authdaemond's socket: Postfix, Exim, maildrop and Debian's Courier ask ours, and our imapd asks
 * Debian's. Everything is done with both daemons: what a caller makes of an answer must not depend on whose it is.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { type CourierPlaces, inCourierPlaces, startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import { loginClient, openClient } from '../support/imap-client.js';
import { type MailTransfer, startExim, startPostfix } from '../support/mail-transfer.js';
import { copyMaildir, type scratchDirectory as makeScratch, scratchDirectory } from '../support/maildir-fixture.js';
import { programs, searchPath } from '../support/paths.js';
import { PASSWORD, userdbLine } from '../support/peer-servers.js';
import { courierEnvironment, giveToMailUser } from '../support/peer-targets.js';
import { freePort, mustRun, run, waitForPort, waitUntil } from '../support/processes.js';
import { makeConfiguration } from '../support/start.js';

/** A place with mail for bob, settings, and a daemon that can be stopped and started. */
interface Site {
  readonly scratch: ReturnType<typeof makeScratch>;
  readonly mail: string;
  readonly places: CourierPlaces;
  readonly socketPath: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

type StartDaemon = (places: CourierPlaces) => Promise<() => Promise<void>>;

const daemons: Readonly<Record<string, StartDaemon>> = {
  ours: async (places) => {
    await mustRun([join(programs, 'makeuserdb')], { environment: { COURIER_CONFDIR: places.etc } });
    const child = spawn(join(programs, 'authdaemond'), [], {
      env: { PATH: searchPath, COURIER_CONFDIR: places.etc },
      stdio: 'ignore',
    });
    const socket = join(places.state, 'authdaemon', 'socket');
    await waitUntil('authdaemond answers', () => existsSync(socket) || child.exitCode !== null);
    return () => ended(child, child.pid);
  },
  'Debian’s Courier': async (places) => (await startCourierAuthdaemond(places)).stop,
};

function ended(child: ChildProcess, pid: number | undefined): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (pid !== undefined) process.kill(pid, 'SIGTERM');
  return gone;
}

async function idOf(user: string, what: '-u' | '-g'): Promise<number> {
  return Number(await mustRun(['id', what, user]));
}

/** Everybody in `group` may ask the daemon, and nobody else. */
async function makeSite(startDaemon: StartDaemon, group: string): Promise<Site> {
  const scratch = scratchDirectory('auth-callers');
  chmodSync(scratch.path, 0o755);
  const mail = join(scratch.path, 'mail');
  const home = join(mail, 'bob');
  mkdirSync(home, { recursive: true });
  copyMaildir('empty', join(home, 'Maildir'));
  giveToMailUser(mail);
  const places = { etc: join(scratch.path, 'courier'), state: join(scratch.path, 'run') };
  const directory = join(places.state, 'authdaemon');
  for (const path of [places.etc, directory]) mkdirSync(path, { recursive: true });
  chmodSync(directory, 0o750);
  chownSync(directory, 0, await idOf(group, '-g'));
  const settings = ['authmodulelist="authuserdb"', 'daemons=2', `authdaemonvar=${directory}`, 'DEFAULTOPTIONS=""'];
  writeFileSync(join(places.etc, 'authdaemonrc'), `${settings.join('\n')}\n`);
  const names = ['bob', 'bob@example.com'];
  writeFileSync(
    join(places.etc, 'userdb'),
    names.map((name) => userdbLine({ name, home }).replace('\n', `|mail=${home}/Maildir\n`)).join(''),
    { mode: 0o600 },
  );
  let stopDaemon: (() => Promise<void>) | undefined;
  const start = async (): Promise<void> => {
    stopDaemon = await startDaemon(places);
  };
  const stop = async (): Promise<void> => {
    await stopDaemon?.();
    stopDaemon = undefined;
  };
  return { scratch, mail, places, socketPath: join(directory, 'socket'), start, stop };
}

async function onSite(startDaemon: StartDaemon, group: string, use: (site: Site) => Promise<void>): Promise<void> {
  const site = await makeSite(startDaemon, group);
  try {
    await site.start();
    await use(site);
  } finally {
    await site.stop();
    site.scratch.remove();
  }
}

/** The first digit group of the answer to AUTH PLAIN: 235 yes, 535 no, 4xx later. */
async function smtpLogin(port: number, name: string, password: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await answers.next();
      if (done === true) throw new Error('the mail server has closed');
      if (!/^\d{3}-/.test(value)) return value;
    }
  };
  try {
    await answer();
    socket.write('EHLO client.example.com\r\n');
    await answer();
    socket.write(`AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString('base64')}\r\n`);
    return (await answer()).slice(0, 3);
  } finally {
    socket.destroy();
  }
}

async function checkSmtp(site: Site, { port }: MailTransfer, whenDown: RegExp): Promise<void> {
  assert.equal(await smtpLogin(port, 'bob@example.com', PASSWORD), '235');
  assert.equal(await smtpLogin(port, 'bob@example.com', 'wrong'), '535');
  assert.equal(await smtpLogin(port, 'nobody@example.com', PASSWORD), '535');
  await site.stop();
  assert.match(await smtpLogin(port, 'bob@example.com', PASSWORD), whenDown, 'while authdaemond is stopped');
  await site.start();
  assert.equal(await smtpLogin(port, 'bob@example.com', PASSWORD), '235', 'after it was started again');
}

async function postfix(site: Site): Promise<void> {
  const directory = join(site.scratch.path, 'postfix');
  mkdirSync(directory);
  const sasl = `pwcheck_method: authdaemond\nmech_list: PLAIN LOGIN\nauthdaemond_path: ${site.socketPath}\n`;
  const more = 'smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus';
  const transfer = await startPostfix({ directory, mail: site.mail, port: await freePort(), more, sasl });
  try {
    // Cyrus SASL has no way to say "later": a daemon that is down is a no, whoever's it is.
    await checkSmtp(site, transfer, /^[45]\d\d$/);
  } finally {
    await transfer.stop();
  }
}

/** As README and etc/authdaemonrc tell it: only an answer with an ADDRESS is a yes. */
function eximAuthenticator(socketPath: string): string {
  const request = 'exim\\nlogin\\n$auth2\\n$auth3\\n';
  const asked = `\${readsocket{${socketPath}}{AUTH \${strlen:${request}}\\n${request}}{5s}{ }}`;
  return `plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${extract{ADDRESS}{${asked}}{yes}{no}}
  server_set_id = $auth2
`;
}

async function exim(site: Site): Promise<void> {
  const directory = join(site.scratch.path, 'exim');
  mkdirSync(directory);
  const options = { directory, mail: site.mail, port: await freePort(), more: eximAuthenticator(site.socketPath) };
  const transfer = await startExim(options);
  try {
    await checkSmtp(site, transfer, /^435$/);
  } finally {
    await transfer.stop();
  }
}

async function maildrop(site: Site): Promise<void> {
  const deliver = (name: string) =>
    run(inCourierPlaces(site.places, `exec /usr/bin/maildrop -d ${name}`), {
      input: 'From: ann@example.com\nSubject: Hello\n\nA line.\n',
    });
  const maildir = join(site.mail, 'bob', 'Maildir');
  const before = readdirSync(join(maildir, 'new')).length;

  const { exitCode, stderr } = await deliver('bob');

  assert.equal(exitCode, 0, stderr);
  assert.equal(readdirSync(join(maildir, 'new')).length, before + 1);
  const unknown = await deliver('nobody-of-this-name');
  assert.equal(unknown.exitCode, 67, `EX_NOUSER: ${unknown.stderr}`);
  await site.stop();
  // It takes a socket that is not there for "no such user" (67), whoever's daemon is missing.
  const down = await deliver('bob');
  assert.notEqual(down.exitCode, 0, down.stderr);
}

/** Debian's Courier, its login programs asking the daemon of this site. */
async function courierServers(site: Site): Promise<void> {
  const [imapPort, pop3Port] = [await freePort(), await freePort()];
  const tcpd = '/usr/sbin/couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup';
  const lib = '/usr/lib/courier/courier';
  const script = `
${tcpd} ${pop3Port} ${lib}/courierpop3login ${lib}/courierpop3d Maildir &
exec ${tcpd} ${imapPort} ${lib}/imaplogin /usr/bin/imapd Maildir`;
  const [program = '', ...words] = inCourierPlaces(site.places, script);
  const environment = courierEnvironment({ IMAP_STARTTLS: 'NO', POP3AUTH: 'LOGIN PLAIN' });
  const child = spawn(program, words, {
    cwd: '/',
    env: { ...environment, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: 'ignore',
    detached: true,
  });
  try {
    await waitForPort(imapPort);
    await waitForPort(pop3Port);
    const client = await loginClient(imapPort, 'bob', PASSWORD, false);
    await client.must('SELECT INBOX');
    await client.must('LOGOUT');
    const pop3 = (password: string) =>
      run(['curl', '-sS', '--max-time', '10', '-u', `bob:${password}`, `pop3://127.0.0.1:${pop3Port}/`]);
    assert.equal((await pop3(PASSWORD)).exitCode, 0);
    // Courier answers a wrong password after five seconds.
    const [imapRefusal, pop3Refusal] = await Promise.allSettled([
      loginClient(imapPort, 'bob', 'wrong', false),
      pop3('wrong'),
    ]);
    assert.equal(imapRefusal.status, 'rejected');
    assert.equal(pop3Refusal.status === 'fulfilled' && pop3Refusal.value.exitCode, 67, 'curl: login denied');
  } finally {
    await ended(child, child.pid === undefined ? undefined : -child.pid);
  }
}

/** Our imapd, whose settings name the socket of this site's daemon. */
async function ourImapd(site: Site): Promise<void> {
  const directory = join(site.scratch.path, 'imapd');
  mkdirSync(directory);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const configuration = await makeConfiguration({ directory, users: [], port, tlsPort });
  writeFileSync(join(configuration, 'authdaemonrc'), `authdaemonvar=${join(site.places.state, 'authdaemon')}\n`);
  const child = spawn(join(programs, 'imapd'), [], {
    cwd: '/',
    env: { PATH: searchPath, COURIER_CONFDIR: configuration },
    stdio: 'ignore',
  });
  try {
    await waitForPort(port);
    const client = await loginClient(port, 'bob', PASSWORD, false);
    await client.must('SELECT INBOX');
    await client.must('LOGOUT');
    await assert.rejects(loginClient(port, 'bob', 'wrong', false), /AUTHENTICATIONFAILED/);
    await site.stop();
    const later = await openClient(port, false);
    later.raw(`a LOGIN bob ${PASSWORD}\r\n`);
    assert.match(await later.response(), /^\* BYE \[UNAVAILABLE\]/, 'while authdaemond is stopped');
    await site.start();
    await (await loginClient(port, 'bob', PASSWORD, false)).must('LOGOUT');
  } finally {
    await ended(child, child.pid);
  }
}

const callers: readonly {
  readonly name: string;
  readonly group: string;
  readonly use: (site: Site) => Promise<void>;
}[] = [
  { name: 'Postfix, through Cyrus SASL', group: 'postfix', use: postfix },
  { name: 'Exim, through readsocket', group: 'Debian-exim', use: exim },
  { name: 'maildrop -d', group: 'courier', use: maildrop },
  { name: 'Debian’s Courier imapd and pop3d', group: 'courier', use: courierServers },
  { name: 'our imapd', group: 'courier', use: ourImapd },
];

for (const [daemon, startDaemon] of Object.entries(daemons)) {
  for (const { name, group, use } of callers) {
    test(`${name} on authdaemond, ${daemon}`, { timeout: 300_000 }, () => onSite(startDaemon, group, use));
  }
}
