/**
 * init/keeper: how soon it starts again what has died. Its clock and its sleep are programs of this test, so a minute
 * takes no time.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { run, waitUntil } from '../support/processes.js';

/** Each line of `lives` is how long the daemon lives and how it ends; it ends well when no line is left. */
const DAEMON = `read seconds code <lives || exit 0
sed -i 1d lives
echo $(($(cat now) + seconds)) >now
exit $code`;

interface Kept {
  readonly exitCode: number;
  /** Seconds that the keeper waited after each death. */
  readonly delays: readonly number[];
}

async function keep(lives: readonly (readonly [seconds: number, exitCode: number])[]): Promise<Kept> {
  const scratch = scratchDirectory('keeper');
  const file = (name: string): string => join(scratch.path, name);
  try {
    mkdirSync(file('bin'));
    const program = (name: string, text: string): void =>
      writeFileSync(join(file('bin'), name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    program('date', `cat '${file('now')}'`);
    program('sleep', `echo "$1" >>'${file('slept')}'`);
    program('daemon', DAEMON);
    writeFileSync(file('now'), '1000\n');
    writeFileSync(file('slept'), '');
    writeFileSync(file('lives'), lives.map((life) => `${life.join(' ')}\n`).join(''));
    const path = [file('bin'), '/usr/bin', '/bin'].join(delimiter);
    const command = ['/bin/sh', join(checkoutRoot, 'init', 'keeper'), file('pid'), 'daemon'];
    const { exitCode } = await run(command, { directory: scratch.path, environment: { PATH: path } });

    assert.ok(!existsSync(file('pid')), 'the pid file stays behind');
    const slept = readFileSync(file('slept'), 'utf8').split('\n').filter(Boolean);
    return { exitCode, delays: slept.map(Number) };
  } finally {
    scratch.remove();
  }
}

test('a daemon that keeps dying is started at once, then after a second, then later each time, up to a minute', async () => {
  const { exitCode, delays } = await keep(Array.from({ length: 13 }, () => [59, 137] as const));

  assert.deepEqual(delays, [0, 1, 1, 1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  assert.equal(exitCode, 0);
});

test('once it has run for a minute, its next death is the first again', async () => {
  const early = Array.from({ length: 7 }, () => [1, 70] as const);
  const { delays } = await keep([...early, [60, 70], [1, 70], [86_400, 70], [-10, 70]]);

  assert.deepEqual(delays, [0, 1, 1, 1, 1, 2, 4, 0, 1, 0, 1]);
});

test('wrong settings at the start end the keeper, and later they do not', async () => {
  assert.deepEqual(await keep([[1, 78]]), { exitCode: 78, delays: [] });
  assert.deepEqual(
    (
      await keep([
        [100, 70],
        [1, 78],
        [100, 78],
      ])
    ).delays,
    [0, 1, 0],
  );
});

test('a daemon gets more open files than its keeper was given, where that is allowed, and never fewer', async () => {
  const limitOf = async (before: string, command: string): Promise<number> =>
    Number((await run(['/bin/sh', '-c', `${before}; ${command}`])).stdout);
  // Not every root may: that is a capability of its own, which containers do not have.
  const allowed = await limitOf('ulimit -n 1000; ulimit -n 65536 2>/dev/null', 'ulimit -Hn');
  const usual = await limitOf(':', 'ulimit -Hn | sed s/unlimited/1000000/');
  for (const [before, least] of [
    ['ulimit -n 1000', allowed],
    [':', usual],
  ] as const) {
    const scratch = scratchDirectory('keeper');
    const [keeper, pid, limit] = [
      join(checkoutRoot, 'init', 'keeper'),
      join(scratch.path, 'pid'),
      join(scratch.path, 'limit'),
    ];
    const daemon = `ulimit -Hn | sed s/unlimited/1000000/ >${limit}`;
    await limitOf(before, `exec sh ${keeper} ${pid} sh -c '${daemon}'`);

    assert.ok(Number(readFileSync(limit, 'utf8')) >= least);
    scratch.remove();
  }
});

test('TERM ends daemon and keeper, while the daemon runs and while the keeper waits', async () => {
  for (const command of ['exec sleep 60', 'exit 1']) {
    const scratch = scratchDirectory('keeper');
    const keeper = join(checkoutRoot, 'init', 'keeper');
    const started = join(scratch.path, 'started');
    const daemon = ['sh', '-c', `echo >>'${started}'; ${command}`];
    const child = spawn('/bin/sh', [keeper, join(scratch.path, 'pid'), ...daemon], { cwd: '/', stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    // The second restart is a second away.
    const starts = command === 'exit 1' ? 2 : 1;
    await waitUntil('it runs', () => existsSync(started) && readFileSync(started, 'utf8').length >= starts);

    child.kill('SIGTERM');
    await ended;

    assert.equal(readFileSync(started, 'utf8').length, starts);
    assert.ok(!existsSync(join(scratch.path, 'pid')));
    scratch.remove();
  }
});
