/**
 * Addresses that may relay after a login: in time, in a file and in a real Redis, and places that do not work.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Redis } from 'ioredis';
import { logTo } from '../../init/runtime/log/log.js';
import { RelayAddresses, type RelayPlace } from '../../init/runtime/relay/relay-addresses.js';
import { RelayFile } from '../../init/runtime/relay/relay-file.js';
import { RelayRedis } from '../../init/runtime/relay/relay-redis.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { findProgram, freePort, waitForPort, waitUntil } from '../support/processes.js';

const directory = mkdtempSync(join(tmpdir(), 'relay-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const MINUTE = 60_000;

/** A file, and a promise of its last change. */
class WatchedFile extends RelayFile {
  done: Promise<void> = Promise.resolve();

  override write(all: ReadonlyMap<string, number>): Promise<void> {
    const change = super.write(all);
    this.done = change.catch(() => undefined);
    return change;
  }
}

/** A clock that a test turns; what is due has been done when the next is. */
function turnedClock(start: number, file?: WatchedFile) {
  const due = new Map<() => void, number>();
  let now = start;
  return {
    now: () => now,
    after(milliseconds: number, run: () => void): () => void {
      due.set(run, now + milliseconds);
      return () => due.delete(run);
    },
    async turn(milliseconds: number): Promise<void> {
      const end = now + milliseconds;
      for (;;) {
        const [next] = [...due].filter(([, at]) => at <= end).sort(([, one], [, other]) => one - other);
        if (next === undefined) break;
        now = Math.max(now, next[1]);
        due.delete(next[0]);
        next[0]();
        for (let turns = 0; turns < 3; turns += 1) {
          await new Promise((resolve) => setImmediate(resolve));
          await file?.done;
        }
      }
      now = end;
    },
  };
}

/** A place that notes what it is given. */
function notedPlace() {
  const writes: string[] = [];
  const place: RelayPlace = {
    name: 'PLACE',
    write: async (all) => void writes.push([...all.keys()].join(' ')),
    end: async () => void writes.push('end'),
  };
  return { writes, place };
}

function relay(
  places: readonly RelayPlace[],
  clock: ReturnType<typeof turnedClock> | typeof realClock,
  lifetimeMs: number,
) {
  const log: string[] = [];
  return { log, addresses: new RelayAddresses({ places, lifetimeMs, clock, log: logTo((_, line) => log.push(line)) }) };
}

test('logins are gathered, each address goes when its time is over, and one that logs in again has it anew', async () => {
  const clock = turnedClock(1_000_000);
  const { writes, place } = notedPlace();
  const { addresses } = relay([place], clock, 30 * MINUTE);
  await addresses.start();
  await clock.turn(10);
  for (const ip of ['192.0.2.7', '::ffff:192.0.2.8', '2001:DB8::1', 'fe80::1%eth0', 'nonsense', '192.0.2.7']) {
    addresses.note(ip);
  }
  await clock.turn(1000);
  assert.deepEqual(writes, ['', '192.0.2.8 2001:db8::1 192.0.2.7']);
  await clock.turn(10 * MINUTE);
  addresses.note('192.0.2.7');
  await clock.turn(21 * MINUTE);
  assert.equal(writes.at(-1), '192.0.2.7');
  await clock.turn(10 * MINUTE);
  assert.equal(writes.at(-1), '');
  addresses.note('192.0.2.7');
  await addresses.stop();
  addresses.note('192.0.2.9');
  await clock.turn(MINUTE);
  assert.equal(writes.at(-1), 'end');
});

test('the file is a table of type cidr, outlives a crash, and names nobody after the end', async () => {
  const path = join(directory, 'addresses');
  const start = Date.UTC(2026, 10, 21);
  const file = new WatchedFile('FILE', path);
  const clock = turnedClock(start, file);
  const first = relay([file], clock, 30 * MINUTE);
  await first.addresses.start();
  first.addresses.note('192.0.2.7');
  await clock.turn(10 * MINUTE);
  first.addresses.note('2001:db8::1');
  await clock.turn(MINUTE);
  const seconds = start / 1000 + 1800;
  const lines = (): string[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(lines(), [`192.0.2.7 ${seconds}`, `2001:db8::1 ${seconds + 600}`]);

  writeFileSync(path, `${readFileSync(path, 'utf8')}192.0.2.99 ${seconds + 999_999}\n192.0.2.98 12\nrubbish\n`);
  const second = relay([file], clock, 30 * MINUTE);
  await second.addresses.start();
  await clock.turn(20 * MINUTE);
  assert.deepEqual(lines(), [`2001:db8::1 ${seconds + 600}`]);
  await second.addresses.stop();
  assert.deepEqual(lines(), []);
  assert.deepEqual(readdirSync(directory), ['addresses']);
  assert.deepEqual(second.log, []);
});

test('a place that cannot be written costs a line a minute, and has everybody when it is back', async () => {
  const path = join(directory, 'none', 'addresses');
  const file = new WatchedFile('FILE', path);
  const clock = turnedClock(5_000_000, file);
  const { addresses, log } = relay([file], clock, 30 * MINUTE);
  await addresses.start();
  for (let minute = 0; minute < 3; minute += 1) {
    for (let login = 0; login < 5; login += 1) {
      addresses.note(`192.0.2.${login}`);
      await clock.turn(MINUTE / 5);
    }
  }
  assert.ok(log.length >= 3 && log.length <= 4, log.join('\n'));
  assert.match(log[0] ?? '', /FILE: ENOENT.*; who logs in now cannot send mail without a password$/);
  mkdirSync(join(directory, 'none'));
  await clock.turn(6000);
  assert.match(readFileSync(path, 'utf8'), /^192\.0\.2\.0 \d+$/m);
  await addresses.stop();
  rmSync(path);
  rmdirSync(join(directory, 'none'));
});

test('a real Redis has a key for each address, which expires there; one that went away gets them when it is back', async () => {
  const port = await freePort();
  let redis: ChildProcess;
  const start = async (): Promise<void> => {
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
    redis = spawn(findProgram('/usr/bin/redis-server'), options, { stdio: 'ignore' });
    await waitForPort(port);
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => redis.once('close', resolve));
    redis.kill('SIGKILL');
    await ended;
  };
  await start();
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => undefined);
  const place = new RelayRedis('REDIS', `redis://127.0.0.1:${port}`, realClock);
  const { addresses, log } = relay([place], realClock, 2000);
  try {
    await addresses.start();
    addresses.note('192.0.2.7');
    const key = 'angarium:relay:192.0.2.7';
    await waitUntil('the key is there', async () => (await client.exists(key)) === 1, 30);
    const left = await client.pttl(key);
    assert.ok(left > 0 && left <= 2000, `${left} ms are left`);
    await waitUntil('the key has expired', async () => (await client.exists(key)) === 0, 30);

    await stop();
    const late = relay([place], realClock, 10 * MINUTE);
    late.addresses.note('2001:db8::1');
    await waitUntil('the log tells of it', () => late.log.length === 1, 30);
    assert.match(late.log[0] ?? '', /^REDIS: .*; who logs in now cannot send mail/);
    await start();
    await waitUntil(
      'the address is there',
      async () => {
        const found = await client.exists('angarium:relay:2001:db8::1').catch(() => 0);
        return found === 1;
      },
      60,
    );
    assert.deepEqual(log, []);
    await late.addresses.stop();
  } finally {
    await addresses.stop();
    client.disconnect();
    await stop();
  }
});
