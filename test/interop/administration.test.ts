/**
 * What an administrator asks a running server: who is there, kick, trace, figures, probe. The programs, the server and
 * promtool are the real ones.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { loginClient, openClient } from '../support/imap-client.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mailIds } from '../support/peer-targets.js';
import { type Finished, findProgram, freePort, mustRun, run, waitForPort, waitUntil } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

interface Scene {
  readonly ours: OurServers;
  readonly home: TestHome;
  readonly metricsPort: number;
  ask(words: readonly string[], input?: string): Promise<Finished>;
  page(): Promise<string>;
}

async function scene(t: TestContext, name: string): Promise<Scene> {
  const home = new TestHome(name, { maildir: 'three-messages' });
  t.after(() => home.remove());
  const metricsPort = await freePort();
  const settings = { METRICSPORT: String(metricsPort), IMAPDEBUGFILE: 'imaplog.dat' };
  const ours = await startOurs({ directory: home.beside('ours'), users: [home.user], settings });
  t.after(() => ours.stop());
  await waitForPort(metricsPort);
  const environment = { COURIER_CONFDIR: ours.configuration };
  return {
    ...{ ours, home, metricsPort },
    ask: (words, input = '') => run([join(programs, 'angarium'), ...words], { environment, input }),
    page: () => mustRun(['curl', '-sS', '--fail', `http://127.0.0.1:${metricsPort}/metrics`]),
  };
}

/** The value of a series; 0 where it is not told. */
function figure(page: string, series: string): number {
  const line = page.split('\n').find((each) => each.startsWith(`angarium_${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('L3: who shows each session, its folder, its octets and where it is from; kick ends one with BYE', async (t) => {
  const { ours, ask } = await scene(t, 'who');
  assert.deepEqual(await ask(['who']), { exitCode: 1, stdout: `${HEAD}\n`, stderr: '' });
  const inTls = await loginClient(ours.tlsPort, 'bob', PASSWORD);
  const plain = await openClient(ours.port, false);
  await plain.must(`LOGIN bob ${PASSWORD}`);
  await inTls.must('SELECT INBOX');

  const { stdout } = await ask(['who', '--json', '-u', 'bob', '--ip', '127.0.0.1']);
  const sessions = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const worker = sessions[0].pid;
  const told = sessions.map(({ user, protocol, tls, folder, service, ip, pid }) => ({
    user,
    protocol,
    tls,
    folder,
    service,
    ip,
    pid,
  }));
  const common = { user: 'bob', protocol: 'imap', service: 'imapd', ip: '127.0.0.1', pid: worker };
  assert.deepEqual(told, [
    { ...common, tls: true, folder: 'INBOX' },
    { ...common, tls: false, folder: undefined },
  ]);
  assert.ok(
    sessions.every(
      ({ seconds, idleSeconds, receivedOctets, sentOctets }) =>
        seconds >= 0 && idleSeconds >= 0 && receivedOctets >= 0 && sentOctets > 0,
    ),
  );
  assert.match((await ask(['who'])).stdout, /^USER .*\nbob +127\.0\.0\.1 +imap +yes +INBOX /);

  const kicked = await ask(['kick', '--session', String(sessions[0].session)]);
  assert.equal(kicked.exitCode, 0, kicked.stderr);
  assert.equal(await inTls.response(), '* BYE [ALERT] Disconnected by the administrator.');
  await plain.must('NOOP');
  assert.equal((await ask(['kick', '-u', 'nobody'])).exitCode, 1);
  assert.equal((await ask(['kick'])).exitCode, 64);
  assert.equal((await ask(['kick', '-u', 'bob'])).exitCode, 0);
  assert.match(await plain.response(), /^\* BYE /);
  await waitUntil('nobody is there', async () => (await ask(['who'])).exitCode === 1);
  assert.match(ours.log(), /KICKED, user=bob, sessions=1$/m);
});

const HEAD = 'USER  FROM  SERVICE  TLS  FOLDER  IDLE  TIME  IN  OUT  PID  SESSION';

test('L2: a session that has begun is traced when the file is there and somebody says so, without passwords', async (t) => {
  const { ours, ask, home } = await scene(t, 'trace');
  const file = join(home.maildir, 'imaplog.dat');
  const client = await openClient(ours.port, false);
  await client.must(`LOGIN bob ${PASSWORD}`);
  writeFileSync(file, '');
  chownSync(file, mailIds().uid, mailIds().gid);
  chmodSync(file, 0o600);

  assert.match((await ask(['trace', '-u', 'bob'])).stdout, /^traced: bob from 127\.0\.0\.1/);
  await client.must('NOOP');
  assert.equal((await client.send(`LOGIN bob ${PASSWORD}`)).status, 'BAD');
  await client.must('STATUS INBOX (MESSAGES)');
  const traced = readFileSync(file, 'utf8');
  assert.match(traced, /READ: t\d+ NOOP\n/);
  assert.match(traced, /READ: t\d+ LOGIN \(not shown\)\n/);
  assert.match(traced, /READ: t\d+ STATUS INBOX \(MESSAGES\)\n/);
  assert.doesNotMatch(traced, new RegExp(PASSWORD));
});

test('L8: the figures agree with what was done, promtool finds no fault, and no number goes back', async (t) => {
  const { ours, page, ask, metricsPort } = await scene(t, 'metrics');
  const before = await page();
  const [one, two] = [await loginClient(ours.tlsPort, 'bob', PASSWORD), await openClient(ours.port, false)];
  assert.equal((await two.send('LOGIN bob wrong')).status, 'NO');
  await two.must(`LOGIN bob ${PASSWORD}`);
  for (let count = 0; count < 5; count += 1) await two.must('NOOP');
  assert.equal((await two.send('SELECT Missing')).status, 'NO');
  await two.must('SELECT INBOX');
  assert.equal((await two.send('FETCH')).status, 'BAD');
  assert.equal((await two.send('NOSUCHCOMMAND')).status, 'BAD');
  await two.must('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await two.must('EXPUNGE');

  await waitUntil('the page is made anew', async () => figure(await page(), 'sessions{protocol="imap"}') === 2);
  const after = await page();
  const grown = (series: string): number => figure(after, series) - figure(before, series);
  assert.equal(grown('logins_total{method="login",result="ok"}'), 2);
  assert.equal(grown('logins_total{method="login",result="failed"}'), 1);
  assert.equal(grown('sessions_total{protocol="imap"}'), 2);
  assert.equal(grown('connections_total{service="imapd"}'), 1);
  assert.equal(grown('connections_total{service="imapd-ssl"}'), 1);
  assert.equal(grown('tls_handshakes_total{result="full"}'), 1);
  assert.equal(figure(after, 'connections'), 2);
  const command = (name: string, result: string) =>
    `commands_total{command="${name}",protocol="imap",result="${result}"}`;
  assert.equal(grown(command('NOOP', 'ok')), 5);
  assert.equal(grown(command('SELECT', 'ok')), 1);
  assert.equal(grown(command('SELECT', 'no')), 1);
  assert.equal(grown(command('FETCH', 'bad')), 1);
  assert.doesNotMatch(after, /NOSUCHCOMMAND/);
  assert.equal(grown('command_duration_seconds_count{command="NOOP",protocol="imap"}'), 5);
  assert.equal(grown('auth_duration_seconds_count'), 3);
  assert.equal(figure(after, 'authdaemond_up'), 1);
  assert.equal(grown('authdaemond_requests_total{kind="authenticate",result="yes"}'), 2);
  assert.equal(grown('authdaemond_requests_total{kind="authenticate",result="no"}'), 1);
  assert.equal(grown('authdaemond_module_duration_seconds_count{module="authuserdb"}'), 3);
  assert.ok(after.includes('angarium_authdaemond_lookups{module="authuserdb",state="waiting"} 0\n'));
  assert.equal(grown('messages_expunged_total'), 1);
  assert.equal(grown('bugs_total'), 0);
  assert.ok(figure(after, 'tls_certificate_expiry_timestamp_seconds') > Date.now() / 1000);
  assert.ok(figure(after, 'octets_total{direction="sent",protocol="imap"}') > 500);

  const promtool = findProgram('/usr/bin/promtool');
  assert.deepEqual(await run([promtool, 'check', 'metrics'], { input: after }), {
    exitCode: 0,
    stdout: '',
    stderr: '',
  });
  assert.equal((await ask(['stats'])).stdout.split('\n').filter((line) => line.startsWith('# HELP')).length > 20, true);
  for (const [path, status] of [
    ['/', '404'],
    ['/metrics/../etc/passwd', '404'],
    ['/metrics?x=1', '200'],
  ] as const) {
    const url = `http://127.0.0.1:${metricsPort}${path}`;
    assert.equal(await mustRun(['curl', '-s', '--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', url]), status);
  }

  // What a worker had told stays when it dies, and its sessions are gone.
  const { stdout } = await ask(['who', '--json']);
  process.kill(JSON.parse(stdout.split('\n')[0] ?? '').pid, 'SIGKILL');
  const died = 'processes_died_total{role="worker"}';
  await waitUntil('the death is told', async () => figure(await page(), died) === 1);
  const last = await page();
  assert.equal(figure(last, command('NOOP', 'ok')), figure(after, command('NOOP', 'ok')));
  assert.equal(figure(last, 'sessions{protocol="imap"}'), 0);
  one.close();
  two.close();
});

test('L3, L7, L8: pop3d answers the same questions', async (t) => {
  const home = new TestHome('pop3-administration', { maildir: 'three-messages' });
  t.after(() => home.remove());
  const port = await freePort();
  const ours = await startOurs({
    directory: home.beside('ours'),
    users: [home.user],
    pop3: { METRICSPORT: String(port) },
  });
  t.after(() => ours.stop());
  await waitForPort(port);
  const environment = { COURIER_CONFDIR: ours.configuration };
  const ask = (words: readonly string[], input = '') =>
    run([join(programs, 'angarium'), ...words], { environment, input });
  const socket = connect(ours.pop3?.port ?? 0, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  for (const command of ['', 'USER bob', `PASS ${PASSWORD}`, 'STAT', 'DELE 9']) {
    if (command !== '') socket.write(`${command}\r\n`);
    await lines.next();
  }

  const who = await ask(['who', '--json', '--service', 'pop3d']);
  const { user, protocol, tls, session } = JSON.parse(who.stdout);
  assert.deepEqual({ user, protocol, tls }, { user: 'bob', protocol: 'pop3', tls: false });
  const page = await mustRun(['curl', '-sS', '--fail', `http://127.0.0.1:${port}/metrics`]);
  assert.equal(figure(page, 'sessions{protocol="pop3"}'), 1);
  assert.equal(figure(page, 'commands_total{command="STAT",protocol="pop3",result="ok"}'), 1);
  assert.equal(figure(page, 'commands_total{command="DELE",protocol="pop3",result="err"}'), 1);
  const checked = await run([findProgram('/usr/bin/promtool'), 'check', 'metrics'], { input: page });
  assert.deepEqual(checked, { exitCode: 0, stdout: '', stderr: '' });

  assert.equal((await ask(['kick', '--service', 'pop3d', '--session', String(session)])).exitCode, 0);
  assert.match(String((await lines.next()).value), /^-ERR .*Disconnected by the administrator\.$/);
  socket.destroy();
  assert.match((await ask(['probe', 'pop3', '-u', 'bob'], `${PASSWORD}\n`)).stdout, /^pop3 \S+ OK ms=\d+\n$/);
  assert.equal(
    (await ask(['probe', 'pop3', '--tls', '--mechanism', 'PLAIN', '-u', 'bob'], `${PASSWORD}\n`)).exitCode,
    0,
  );
  assert.equal((await ask(['probe', 'pop3', '-u', 'bob'], 'wrong\n')).exitCode, 1);
});

test('L8: the alert rules are rules, and about figures that there are', async (t) => {
  const { page } = await scene(t, 'rules');
  const rules = new URL('../../../init/monitoring/angarium-alerts.yml', import.meta.url).pathname;
  assert.match(await mustRun([findProgram('/usr/bin/promtool'), 'check', 'rules', rules]), /SUCCESS: \d+ rules found/);
  const told = await page();
  const names = new Set(readFileSync(rules, 'utf8').match(/angarium_[a-z_]+/g));
  for (const name of names) assert.ok(told.includes(`# TYPE ${name.replace(/_bucket$/, '')} `), `${name} is told`);
});

test('L6, L7: probe logs in by each mechanism, shows no password, and says what is wrong by its exit code', async (t) => {
  const { ours, ask } = await scene(t, 'probe');
  const port = String(ours.port);
  assert.match((await ask(['probe', 'imap'])).stdout, new RegExp(`^imap 127\\.0\\.0\\.1:${port} OK ms=\\d+\n$`));
  assert.match((await ask(['probe', 'auth'])).stdout, /^auth \S+\/socket OK ms=\d+\n$/);
  for (const how of [[], ['--tls'], ['--mechanism', 'PLAIN'], ['--tls', '--mechanism', 'plain']]) {
    const { exitCode, stdout, stderr } = await ask(['probe', 'imap', '-v', '-u', 'bob', ...how], `${PASSWORD}\n`);
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stderr, /^= TLSv1\.3 /m);
    assert.match(stderr, /^> .*\(not shown\)$/m);
    assert.match(stderr, /^> p SELECT INBOX$/m);
    assert.doesNotMatch(stderr, new RegExp(`${PASSWORD}|${Buffer.from(PASSWORD).toString('base64').slice(0, 6)}`));
  }
  assert.equal((await ask(['probe', 'auth', '-u', 'bob'], `${PASSWORD}\n`)).exitCode, 0);
  assert.equal((await ask(['probe', 'auth', '-u', 'bob'], 'wrong\n')).exitCode, 1);
  const wrong = await ask(['probe', 'imap', '-u', 'bob'], 'wrong\n');
  assert.deepEqual([wrong.exitCode, wrong.stdout.includes('WRONG ANSWER: p NO [AUTHENTICATIONFAILED]')], [1, true]);
  const unknown = await ask(['probe', 'imap', '--tls', '--verify']);
  assert.deepEqual([unknown.exitCode, unknown.stdout.includes('NO ANSWER: self-signed certificate')], [2, true]);
  const nobody = await ask(['probe', 'imap', '--port', String(await freePort())]);
  assert.deepEqual([nobody.exitCode, nobody.stdout.includes('ECONNREFUSED')], [2, true]);
  // A server that accepts and says nothing.
  const silent = await ask(['probe', 'imap', '--timeout', '0.3', '--tls', '--port', port]);
  assert.deepEqual([silent.exitCode, silent.stdout.includes('NO ANSWER')], [2, true]);
  await ours.stop();
  assert.equal((await ask(['probe', 'auth'])).exitCode, 2);
  assert.equal((await ask(['who'])).exitCode, 3);
});
