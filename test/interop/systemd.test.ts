/**
 * The units of init/systemd in a real systemd: start, status, reload, crash, watchdog, ports that systemd opens, Debian's
 * unit names, the journal, and what the services may not do. Requirement K4.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConnectionGone, type ImapClient, loginClient, openClient, openConnection } from '../support/imap-client.js';
import { copyMaildir } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, waitUntil } from '../support/processes.js';
import { makeCertificate, writeAccounts, writeSettings } from '../support/start.js';
import { DEEDS, restrictionsOf } from '../support/systemd-deeds.js';
import { bootSystemd, type LabSite, type SystemdLab } from '../support/systemd-lab.js';

/** A server that is stopped must be found so soon, and one on a busy machine must not be. */
const WATCHDOG_SECONDS = 8;

const BYE = '* BYE Angarium server shut down by signal.';

let lab: SystemdLab;
let site: LabSite;
let port = 0;
let tlsPort = 0;
let popPort = 0;
let popTlsPort = 0;
const etc = (...path: readonly string[]): string => join(site.path, 'etc', ...path);

before(async () => {
  [port, tlsPort, popPort, popTlsPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  lab = await bootSystemd(async (place) => {
    site = place;
    writeImapd({});
    writeSettings(etc(), 'imapd-ssl', { SSLPORT: `127.0.0.1.${tlsPort}`, IMAPDSSLSTART: 'NO' });
    writeSettings(etc(), 'authdaemonrc', { authmodulelist: '"authuserdb"' });
    writeSettings(etc(), 'pop3d', { PORT: `127.0.0.1.${popPort}`, POP3DSTART: 'NO' });
    writeSettings(etc(), 'pop3d-ssl', { SSLPORT: `127.0.0.1.${popTlsPort}` });
    for (const name of ['imapd.pem', 'pop3d.pem']) await makeCertificate(etc(name));
    const home = join(site.path, 'bob');
    mkdirSync(home);
    copyMaildir('three-messages', join(home, 'Maildir'));
    giveToMailUser(home);
    await writeAccounts(etc(), [{ name: 'bob', home: '/mnt/site/bob' }]);
    site.unit('imapd.service.d/test.conf', `[Service]\nWatchdogSec=${WATCHDOG_SECONDS}\n`);
    const opened = (address: number): string => `[Socket]\nListenStream=\nListenStream=127.0.0.1:${address}\n`;
    site.unit('imapd.socket.d/test.conf', opened(port));
    site.unit('imapd-ssl.socket.d/test.conf', opened(tlsPort));
  });
});

after(async () => {
  await lab.stop();
});

function writeImapd(changes: Readonly<Record<string, string>>): void {
  writeSettings(etc(), 'imapd', { PORT: `127.0.0.1.${port}`, IMAP_LOGIN_DELAY: '0', MAXPERIP: '1000', ...changes });
}

const supervisor = async (): Promise<number> => Number(await lab.property('imapd', 'MainPID'));

/** Processes of imapd by their title, as the machine numbers them. */
async function children(title: string): Promise<number[]> {
  const { stdout } = await lab.run('pgrep', '-f', `^${title}`);
  return stdout.split('\n').filter(Boolean).map(Number);
}

const kill = (signal: string, pid: number | undefined) => lab.must('sh', '-c', `kill -${signal} ${pid}`);

async function isReady(): Promise<boolean> {
  return (await lab.run('/usr/lib/angarium/dist/bin/imapd', '--control', 'status')).stdout.startsWith('ready');
}

/** What a client hears until the connection closes. */
async function lastWords(client: ImapClient): Promise<string[]> {
  const heard: string[] = [];
  for (;;) {
    const response = await client.response().catch((error: unknown) => {
      if (error instanceof ConnectionGone || (error as NodeJS.ErrnoException).code === 'ECONNRESET') return undefined;
      throw error;
    });
    if (response === undefined) return heard;
    heard.push(response);
  }
}

interface JournalLine {
  readonly MESSAGE: string;
  readonly PRIORITY: string;
  readonly SYSLOG_FACILITY: string;
  readonly SYSLOG_IDENTIFIER: string;
}

async function journal(...filter: readonly string[]): Promise<JournalLine[]> {
  const text = await lab.must('journalctl', '-o', 'json', ...filter);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JournalLine);
}

test('K4: the service is started when its port answers, pulls authdaemond in, and tells how it is', async () => {
  await lab.must('systemctl', 'start', 'imapd');

  assert.equal(await lab.property('authdaemond', 'ActiveState'), 'active');
  assert.equal(await lab.property('authdaemond', 'StatusText'), 'answering in /run/courier/authdaemon');
  const directory = ['stat', '-c', '%a %U:%G', '/run/courier/authdaemon'];
  assert.equal(await lab.must(...directory), '750 courier:courier\n');
  const client = await loginClient(port, 'bob', PASSWORD, false);
  assert.ok((await client.must('SELECT INBOX')).untagged.includes('* 3 EXISTS'));
  assert.match(await lab.property('imapd', 'StatusText'), new RegExp(`^imapd on 127\\.0\\.0\\.1\\.${port}, `));
  await waitUntil('systemd hears of the connection', async () =>
    / 1 connections, 1 mail workers/.test(await lab.property('imapd', 'StatusText')),
  );
  await client.must('LOGOUT');
});

test('K4: a reload with wrong settings fails, tells all that is wrong, and changes nothing; a good one succeeds', async () => {
  writeImapd({ MAXDAEMONS: 'many', MAXPERIP: 'x' });
  const failed = await lab.run('systemctl', 'reload', 'imapd');
  assert.notEqual(failed.exitCode, 0);
  const told = (await journal('-t', 'imapd', '-p', 'err')).map((line) => line.MESSAGE);
  for (const name of ['MAXDAEMONS=many', 'MAXPERIP=x'])
    assert.ok(
      told.some((line) => line.includes(name)),
      name,
    );
  assert.equal(await lab.property('imapd', 'ActiveState'), 'active');
  assert.equal((await openClient(port, false)).constructor.name, 'ImapClient');

  writeImapd({ MAXPERIP: '1' });
  await lab.must('systemctl', 'reload', 'imapd');
  assert.equal(await lab.property('imapd', 'ActiveState'), 'active');
  writeImapd({});
  await lab.must('systemctl', 'reload', 'imapd');
  const authdaemond = readFileSync(etc('authdaemonrc'), 'utf8');
  writeFileSync(etc('authdaemonrc'), `${authdaemond}\nTEMPFAIL=sometimes\n`);
  assert.notEqual((await lab.run('systemctl', 'reload', 'authdaemond')).exitCode, 0);
  writeFileSync(etc('authdaemonrc'), authdaemond);
  await lab.must('systemctl', 'reload', 'authdaemond');
});

test('K4: what is killed starts again; when the supervisor is, every session is told', async () => {
  const [first, session, early] = [
    await supervisor(),
    await loginClient(port, 'bob', PASSWORD, false),
    await openClient(port, false),
  ];
  const [worker] = await children('imapd: mail worker');
  await kill('KILL', worker);
  assert.deepEqual(await lastWords(session), []);
  const [login] = await children('imapd: login process');
  await kill('KILL', login);
  await waitUntil(
    'the next login process is there',
    async () => !(await children('imapd: login')).includes(login ?? 0),
  );
  assert.equal(await supervisor(), first);
  const next = await loginClient(port, 'bob', PASSWORD, false);
  early.close();

  await kill('KILL', first);

  assert.deepEqual(await lastWords(next), [BYE]);
  await waitUntil('the next supervisor is ready', async () => (await supervisor()) !== first && (await isReady()));
  (await loginClient(port, 'bob', PASSWORD, false)).close();
  assert.ok(Number(await lab.property('imapd', 'NRestarts')) >= 1);

  await kill('KILL', Number(await lab.property('authdaemond', 'MainPID')));
  await waitUntil('authdaemond is there again', async () => {
    const client = await loginClient(port, 'bob', PASSWORD, false).catch(() => undefined);
    client?.close();
    return client !== undefined;
  });
  assert.equal(await lab.must('stat', '-c', '%a %U:%G', '/run/courier/authdaemon'), '750 courier:courier\n');
});

test('K4: a login process that hangs is ended, and systemd ends a supervisor that does', async () => {
  const first = await supervisor();
  const [hanging] = await children('imapd: login process');
  await kill('STOP', hanging);
  await waitUntil('it is replaced', async () => !(await children('imapd: login')).includes(hanging ?? 0), 30);
  assert.equal(await supervisor(), first);

  await kill('STOP', first);

  await waitUntil('systemd has started another', async () => (await supervisor()) !== first && (await isReady()), 60);
  (await loginClient(port, 'bob', PASSWORD, false)).close();
});

test("K4: Debian's unit names open and close their ports, also after a crash; what they mean is in their files", async () => {
  await assert.rejects(openClient(tlsPort, true));
  await lab.must('systemctl', 'start', 'courier-imap-ssl');
  const session = await loginClient(tlsPort, 'bob', PASSWORD);

  const first = await supervisor();
  await kill('KILL', first);
  assert.deepEqual(await lastWords(session), [BYE]);
  await waitUntil(
    'the port is open again',
    async () => {
      const client = await openClient(tlsPort, true).catch(() => undefined);
      client?.close();
      return client !== undefined;
    },
    30,
  );

  const going = await loginClient(tlsPort, 'bob', PASSWORD);
  await lab.must('systemctl', 'stop', 'courier-imap-ssl');
  await waitUntil('the port is closed', () =>
    openClient(tlsPort, true).then(
      () => false,
      () => true,
    ),
  );
  assert.equal((await going.must('NOOP')).status, 'OK');
  (await openClient(port, false)).close();
  await lab.must('systemctl', 'restart', 'courier-imap');
  (await openClient(port, false)).close();
  await lab.must('systemctl', 'stop', 'imapd');
  assert.deepEqual(await lastWords(going), [BYE]);
  assert.equal(await lab.property('courier-imap', 'ActiveState'), 'inactive');
});

test('K4: the units of pop3d are those of imapd', async () => {
  await lab.must('systemctl', 'start', 'pop3d');
  assert.match(
    await lab.property('pop3d', 'StatusText'),
    new RegExp(`^pop3d-ssl on 127\\.0\\.0\\.1\\.${popTlsPort}, `),
  );
  await lab.must('systemctl', 'start', 'courier-pop');
  const connection = await openConnection(popPort, false);
  assert.match(String(await connection.receive()), /^\+OK /);
  connection.close();
  await lab.must('systemctl', 'reload', 'courier-pop', 'pop3d');
  await lab.must('systemctl', 'stop', 'pop3d');
});

test('K4: ports that systemd has opened are used, and kept while the server starts again', async () => {
  await lab.must('systemctl', 'start', 'imapd.socket', 'imapd-ssl.socket');
  const client = await loginClient(port, 'bob', PASSWORD, false);
  (await loginClient(tlsPort, 'bob', PASSWORD)).close();
  assert.match(
    await lab.property('imapd', 'StatusText'),
    new RegExp(`imapd on 127\\.0\\.0\\.1\\.${port} \\(systemd\\)`),
  );
  const [worker] = await children('imapd: mail worker');
  const variables = await lab.must('cat', `/proc/${worker}/environ`);
  assert.doesNotMatch(variables, /LISTEN_|NOTIFY_SOCKET|WATCHDOG/);
  const listening = await lab.must('ss', '-Hltnp', `sport = :${port}`);
  assert.doesNotMatch(listening, new RegExp(`pid=${worker},`), 'a mail worker holds the port');

  const first = await supervisor();
  await kill('KILL', first);
  const waiting = openClient(port, false);

  assert.deepEqual(await lastWords(client), [BYE]);
  (await waiting).close();
  await lab.must('systemctl', 'stop', 'imapd.socket', 'imapd-ssl.socket', 'imapd');
});

test('L6: lines in the journal have the name, the facility and the priority of what they say', async () => {
  await lab.must('systemctl', 'start', 'imapd');
  const client = await openClient(port, false);
  await client.send('LOGIN bob wrong');
  client.close();
  const find = async (unit: string, text: RegExp) =>
    (await journal('-u', unit)).filter(({ MESSAGE }) => text.test(MESSAGE));
  await waitUntil('the failure is told', async () => (await find('imapd', /^LOGIN FAILED/)).length > 0);

  writeImapd({ MAXDAEMONS: 'none' });
  assert.notEqual((await lab.run('systemctl', 'restart', 'imapd')).exitCode, 0);
  for (const [text, priority] of [
    [/MAXDAEMONS=none is not a whole number/, '3'],
    [/^LOGIN FAILED, user=bob, ip=\[127\.0\.0\.1\]/, '6'],
    [/^settings not changed: .*MAXDAEMONS=many/, '3'],
    [/^imapd: login process \(pid \d+\) died: signal SIGKILL/, '1'],
    [/^imapd: login process \(pid \d+\) has not answered for \d+ seconds: it is ended$/, '1'],
  ] as const) {
    const [line] = await find('imapd', text);
    assert.deepEqual(
      [line?.SYSLOG_IDENTIFIER, line?.SYSLOG_FACILITY, line?.PRIORITY],
      ['imapd', '2', priority],
      `${text}`,
    );
  }
});

/** Does these deeds under the restrictions of a unit. @returns those that were possible. */
async function possibleDeeds(name: string, lines: string): Promise<string[]> {
  const unit = `[Service]\nType=oneshot\nExecStart=/bin/sh /mnt/site/deeds\nStandardOutput=file:/mnt/site/${name}.out\n`;
  writeFileSync(join(site.path, 'deeds'), DEEDS);
  writeFileSync(join(site.path, name), `${unit}${lines}`);
  await lab.must(
    'sh',
    '-c',
    `cp /mnt/site/${name} /run/systemd/system/${name}.service; touch /tmp/probe /dev/probe; mkdir -p /usr/lib/modules/probe`,
  );
  await lab.must('systemctl', 'daemon-reload');
  await lab.must('systemctl', 'start', name);
  const told = readFileSync(join(site.path, `${name}.out`), 'utf8')
    .trim()
    .split('\n');
  assert.equal(told.length, DEEDS.split('\n').filter((line) => line.startsWith('try ')).length, told.join('\n'));
  return told.filter((line) => line.endsWith(' possible')).map((line) => line.split(' ')[0] ?? '');
}

test('each restriction of the units keeps the service from something that it could do without', async () => {
  const names = [...DEEDS.matchAll(/^try (\w+)/gm)].map(([, name]) => name ?? '');

  assert.deepEqual(await possibleDeeds('unrestricted', ''), names);
  assert.deepEqual(await possibleDeeds('like-imapd', restrictionsOf('imapd.service')), ['writing']);
  // What a module of authdaemond runs is the site's.
  const left = ['PrivateTmp', 'PrivateDevices', 'RestrictNamespaces', 'RestrictAddressFamilies', 'SystemCallFilter'];
  assert.deepEqual(
    await possibleDeeds('like-authdaemond', restrictionsOf('authdaemond.service')),
    names.filter((name) => [...left, 'NoNewPrivileges', 'CapabilityBoundingSet', 'writing'].includes(name)),
  );

  await lab.must('systemctl', 'enable', 'authdaemond');
  assert.equal(await lab.must('systemctl', 'is-enabled', 'courier-authdaemon'), 'alias\n');
});
