/**
 * init/imapd.rc, init/imapd-ssl.rc and init/authdaemond, as an administrator uses them, from the checkout.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeNewCertificate } from '../../init/runtime/certificate-file.js';
import { checkoutRoot, programs } from '../support/paths.js';
import { eventually } from './toy.js';

interface Site {
  readonly directory: string;
  readonly port: number;
  readonly sslPort: number;
  run(script: string, word: string): { status: number | null; stdout: string; stderr: string };
}

/** A configuration directory of its own; everything that was started is stopped at the end. */
async function withSite(use: (site: Site) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'site-'));
  chmodSync(directory, 0o755);
  const [port, sslPort] = [await freePort(), await freePort()];
  const run = (script: string, word: string) => {
    const environment = { PATH: process.env['PATH'] ?? '', COURIER_CONFDIR: directory, ANGARIUM_PROGRAMS: programs };
    // Not through pipes: a daemon that keeps one open would hold this up for ever, and that is part of the test.
    return spawnSync(join(checkoutRoot, 'init', script), [word], {
      env: environment,
      encoding: 'utf8',
      timeout: 30_000,
    });
  };
  const state = join(directory, 'run');
  copySettings(directory, 'imapd', { PORT: `127.0.0.1.${port}`, PIDFILE: join(state, 'imapd.pid') });
  copySettings(directory, 'imapd-ssl', {
    SSLPORT: `127.0.0.1.${sslPort}`,
    SSLPIDFILE: join(state, 'imapd-ssl.pid'),
    TLS_CERTFILE: join(directory, 'imapd.pem'),
  });
  copySettings(directory, 'authdaemonrc', { authdaemonvar: join(directory, 'authdaemon') });
  writeNewCertificate(join(directory, 'imapd.pem'), ['localhost']);
  try {
    await use({ directory, port, sslPort, run });
  } finally {
    for (const script of ['imapd-ssl.rc', 'imapd.rc', 'authdaemond']) run(script, 'stop');
    rmSync(directory, { recursive: true, force: true });
  }
}

function copySettings(directory: string, name: string, changes: Readonly<Record<string, string>>): void {
  let text = readFileSync(join(checkoutRoot, 'etc', name), 'utf8');
  for (const [setting, value] of Object.entries(changes))
    text = text.replace(new RegExp(`^${setting}=.*$`, 'm'), `${setting}=${value}`);
  writeFileSync(join(directory, name), text);
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const silence = { status: 0, stdout: '', stderr: '' };

function outcome({ status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }) {
  return { status, stdout, stderr };
}

/** Processes that have this text in their environment or command line: nothing of a site may stay behind. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return ['environ', 'cmdline'].some((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(directory));
    } catch {
      return false;
    }
  });
}

test('K3: imapd.rc starts, starts again, tells its status, restarts, reloads and stops, without a word', async () => {
  await withSite(async ({ directory, port, run }) => {
    assert.equal(run('imapd.rc', 'status').status, 3);
    assert.deepEqual(outcome(run('imapd.rc', 'start')), silence);
    assert.equal(await answers(port), true);
    assert.deepEqual(outcome(run('imapd.rc', 'start')), silence);
    const [service, ...processes] = run('imapd.rc', 'status').stdout.trimEnd().split('\n');
    assert.match(service ?? '', new RegExp(`^ready pid=\\d+ imapd on 127\\.0\\.0\\.1\\.${port}, `));
    const delays = 'delay_p50_ms=[\\d.]+ delay_p99_ms=[\\d.]+ delay_max_ms=[\\d.]+';
    const login = new RegExp(`^login pid=\\d+ uid=\\d+ connections=0 memory_kb=\\d+ ${delays}$`);
    assert.ok(processes.length > 0);
    for (const line of processes) assert.match(line, login);
    assert.deepEqual(outcome(run('imapd.rc', 'reload')), silence);
    assert.deepEqual(outcome(run('imapd.rc', 'restart')), silence);
    assert.equal(await answers(port), true);

    assert.deepEqual(outcome(run('imapd.rc', 'stop')), silence);

    assert.equal(await answers(port), false);
    assert.deepEqual(processesOf(directory), []);
    assert.deepEqual(outcome(run('imapd.rc', 'stop')), silence);
    assert.deepEqual(
      readdirSync(join(directory, 'run')).filter((name) => !name.endsWith('.log')),
      [],
    );
  });
});

test('T1: the ports of imapd and imapd-ssl open and close on their own', async () => {
  await withSite(async ({ port, sslPort, run }) => {
    assert.deepEqual(outcome(run('imapd-ssl.rc', 'start')), silence);
    assert.deepEqual([await answers(port), await answers(sslPort)], [false, true]);
    assert.equal(run('imapd.rc', 'status').status, 3);
    assert.deepEqual(outcome(run('imapd.rc', 'start')), silence);
    assert.deepEqual([await answers(port), await answers(sslPort)], [true, true]);

    assert.deepEqual(outcome(run('imapd-ssl.rc', 'stop')), silence);

    await eventually(
      () => (existsSync('/proc') ? true : undefined),
      () => 'proc',
    );
    assert.deepEqual([await answers(port), await closed(sslPort)], [true, true]);
    assert.deepEqual(outcome(run('imapd.rc', 'stop')), silence);
    assert.equal(await answers(port), false);
  });
});

/** Login processes close their listeners one after the other. */
async function closed(port: number): Promise<boolean> {
  for (let round = 0; round < 100; round += 1) {
    if (!(await answers(port))) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

test('K1 and T9: what keeps it from starting is said, all of it, and nothing stays behind', async () => {
  await withSite(async ({ directory, run }) => {
    writeFileSync(
      join(directory, 'imapd'),
      `${readFileSync(join(directory, 'imapd'), 'utf8')}\nMAXDAEMONS=x\nMAXPERIP=y\n`,
    );
    const wrong = run('imapd.rc', 'start');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /imapd:\d+: MAXDAEMONS=x is not a whole number/);
    assert.match(wrong.stderr, /imapd:\d+: MAXPERIP=y is not a whole number/);

    copySettings(directory, 'imapd', { PORT: '127.0.0.1.0', PIDFILE: join(directory, 'run', 'imapd.pid') });
    rmSync(join(directory, 'imapd.pem'));
    const noCertificate = run('imapd-ssl.rc', 'start');
    assert.equal(noCertificate.status, 1);
    assert.match(noCertificate.stderr, /imapd\.pem does not exist; make it with mkimapdcert/);
    assert.deepEqual(processesOf(directory), []);
  });
});

test('with wrong settings, a restart leaves the running server alone, and it can be stopped', async () => {
  await withSite(async ({ directory, port, run }) => {
    run('authdaemond', 'start');
    run('imapd.rc', 'start');
    writeFileSync(join(directory, 'imapd'), `${readFileSync(join(directory, 'imapd'), 'utf8')}\nMAXDAEMONS=x\n`);
    writeFileSync(
      join(directory, 'authdaemonrc'),
      `${readFileSync(join(directory, 'authdaemonrc'), 'utf8')}\ndaemons=x\n`,
    );

    for (const word of ['restart', 'reload']) {
      const refused = run('imapd.rc', word);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /MAXDAEMONS=x is not a whole number/);
    }
    assert.equal(await answers(port), true);

    assert.deepEqual(outcome(run('imapd.rc', 'stop')), silence);
    assert.deepEqual(outcome(run('authdaemond', 'stop')), silence);
    assert.equal(await answers(port), false);
    assert.deepEqual(processesOf(directory), []);
  });
});

test('a daemon that dies is started again; when its keeper is killed it ends, and start works', async () => {
  await withSite(async ({ directory, port, run }) => {
    run('imapd.rc', 'start');
    const pid = () => Number(/^ready pid=(\d+)/.exec(run('imapd.rc', 'status').stdout)?.[1] ?? 0);
    const first = pid();
    process.kill(first, 'SIGKILL');
    await eventually(
      () => (pid() !== first && pid() !== 0 ? true : undefined),
      () => 'the next daemon',
    );
    assert.equal(await answers(port), true);

    process.kill(Number(readFileSync(join(directory, 'run', 'imapd.pid'), 'utf8')), 'SIGKILL');
    await eventually(
      () => (run('imapd.rc', 'status').status === 3 ? true : undefined),
      () => 'the end of the daemon',
    );

    assert.deepEqual(outcome(run('imapd.rc', 'start')), silence);
    assert.equal(await answers(port), true);
  });
});

test('K3: authdaemond starts and stops; start returns when its socket answers', async () => {
  await withSite(async ({ directory, run }) => {
    assert.deepEqual(outcome(run('authdaemond', 'start')), silence);
    assert.equal(existsSync(join(directory, 'authdaemon', 'socket')), true);
    assert.deepEqual(outcome(run('authdaemond', 'start')), silence);
    assert.equal(run('authdaemond', 'status').status, 0);
    assert.deepEqual(outcome(run('authdaemond', 'stop')), silence);
    assert.deepEqual(processesOf(directory), []);
    assert.equal(run('authdaemond', 'status').status, 3);
  });
});
