/**
 * init/imapd.rc, init/imapd-ssl.rc and init/authdaemond, as an administrator uses them, from the checkout.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { answers, closed, processesOf, SILENCE, withSite } from '../support/script-site.js';
import { eventually } from './toy.js';

test('K3: imapd.rc starts, starts again, tells its status, restarts, reloads and stops, without a word', async () => {
  await withSite(async ({ directory, ports: { imapd: port }, run }) => {
    assert.equal(run('imapd.rc', 'status').status, 3);
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    assert.equal(await answers(port), true);
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    const [service, ...processes] = run('imapd.rc', 'status').stdout.trimEnd().split('\n');
    assert.match(service ?? '', new RegExp(`^ready pid=\\d+ imapd on 127\\.0\\.0\\.1\\.${port}, `));
    const delays = 'delay_p50_ms=[\\d.]+ delay_p99_ms=[\\d.]+ delay_max_ms=[\\d.]+';
    const login = new RegExp(`^login pid=\\d+ uid=\\d+ connections=0 memory_kb=\\d+ ${delays}$`);
    assert.ok(processes.length > 0);
    for (const line of processes.filter((line) => !line.startsWith('certificate '))) assert.match(line, login);
    assert.deepEqual(run('imapd.rc', 'reload'), SILENCE);
    assert.deepEqual(run('imapd.rc', 'restart'), SILENCE);
    assert.equal(await answers(port), true);

    assert.deepEqual(run('imapd.rc', 'stop'), SILENCE);

    assert.equal(await answers(port), false);
    assert.deepEqual(processesOf(directory), []);
    assert.deepEqual(run('imapd.rc', 'stop'), SILENCE);
    assert.deepEqual(
      readdirSync(join(directory, 'run')).filter((name) => !name.endsWith('.log')),
      [],
    );
  });
});

test('T1: the ports of imapd and imapd-ssl open and close on their own', async () => {
  await withSite(async ({ ports: { imapd: port, 'imapd-ssl': sslPort }, run }) => {
    assert.deepEqual(run('imapd-ssl.rc', 'start'), SILENCE);
    assert.deepEqual([await answers(port), await answers(sslPort)], [false, true]);
    assert.equal(run('imapd.rc', 'status').status, 3);
    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    assert.deepEqual([await answers(port), await answers(sslPort)], [true, true]);

    assert.deepEqual(run('imapd-ssl.rc', 'stop'), SILENCE);

    assert.deepEqual([await answers(port), await closed(sslPort)], [true, true]);
    assert.deepEqual(run('imapd.rc', 'stop'), SILENCE);
    assert.equal(await answers(port), false);
  });
});

test('scripts that start or stop at the same moment do what they are told, one after the other', async () => {
  await withSite(async ({ directory, ports, begin }) => {
    const scripts = ['imapd.rc', 'imapd-ssl.rc', 'authdaemond', 'imapd.rc'];
    const told = async (word: string): Promise<void> => {
      const outcomes = await Promise.all(scripts.map((script) => begin(script, word)));
      for (const outcome of outcomes) assert.deepEqual(outcome, SILENCE);
    };
    for (let round = 0; round < 2; round += 1) {
      await told('start');
      assert.deepEqual([await answers(ports.imapd), await answers(ports['imapd-ssl'])], [true, true]);
      await told('stop');
      assert.deepEqual(processesOf(directory), []);
    }
  });
});

test('K1 and T9: what keeps it from starting is said, all of it, and nothing stays behind', async () => {
  await withSite(async ({ directory, run, write }) => {
    writeFileSync(
      join(directory, 'imapd'),
      `${readFileSync(join(directory, 'imapd'), 'utf8')}\nMAXDAEMONS=x\nMAXPERIP=y\n`,
    );
    const wrong = run('imapd.rc', 'start');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /imapd:\d+: MAXDAEMONS=x is not a whole number/);
    assert.match(wrong.stderr, /imapd:\d+: MAXPERIP=y is not a whole number/);

    write('imapd', {});
    rmSync(join(directory, 'imapd.pem'));
    const noCertificate = run('imapd-ssl.rc', 'start');
    assert.equal(noCertificate.status, 1);
    assert.match(noCertificate.stderr, /imapd\.pem does not exist; make it with mkimapdcert/);
    assert.deepEqual(processesOf(directory), []);
  });
});

test('with wrong settings, a restart leaves the running server alone, and it can be stopped', async () => {
  await withSite(async ({ directory, ports: { imapd: port }, run }) => {
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

    assert.deepEqual(run('imapd.rc', 'stop'), SILENCE);
    assert.deepEqual(run('authdaemond', 'stop'), SILENCE);
    assert.equal(await answers(port), false);
    assert.deepEqual(processesOf(directory), []);
  });
});

test('a daemon that dies is started again; when its keeper is killed it ends, and start works', async () => {
  await withSite(async ({ directory, ports: { imapd: port }, run }) => {
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

    assert.deepEqual(run('imapd.rc', 'start'), SILENCE);
    assert.equal(await answers(port), true);
  });
});

test('K3: authdaemond starts and stops; start returns when its socket answers', async () => {
  await withSite(async ({ directory, run }) => {
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);
    assert.equal(existsSync(join(directory, 'authdaemon', 'socket')), true);
    assert.deepEqual(run('authdaemond', 'start'), SILENCE);
    assert.equal(run('authdaemond', 'status').status, 0);
    assert.deepEqual(run('authdaemond', 'stop'), SILENCE);
    assert.deepEqual(processesOf(directory), []);
    assert.equal(run('authdaemond', 'status').status, 3);
  });
});
