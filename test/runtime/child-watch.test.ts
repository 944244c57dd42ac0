/**
 * Which children are ended because they do not answer, with a clock and children of the test.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logTo } from '../../init/runtime/log/log.js';
import { ChildWatch, SpinWatch } from '../../init/runtime/service/child-watch.js';

const SECOND = 1_000;

/** A machine with a clock that is moved by hand. */
function machine() {
  const time = { now: 0 };
  const log: string[] = [];
  const child = (answers: () => boolean) => {
    const made = {
      title: 'toy: login process',
      pid: 7,
      heardAt: time.now,
      killed: 0,
      ping: () => {
        if (answers()) made.heardAt = time.now;
      },
      kill: () => {
        made.killed += 1;
      },
    };
    return made;
  };
  return { time, log, child, to: logTo((level, line) => log.push(`${level} ${line}`)) };
}

test('a child that does not answer for two looks is ended at the third; one that does, never', () => {
  const { time, log, child, to } = machine();
  const watch = new ChildWatch(30 * SECOND, to, () => time.now);
  const [good, hanging] = [child(() => true), child(() => false)];
  const looks: boolean[] = [];
  for (let look = 1; look <= 4; look += 1) {
    time.now += 30 * SECOND;
    looks.push(watch.look(hanging.killed > 0 ? [good] : [good, hanging]));
  }
  assert.deepEqual([good.killed, hanging.killed, looks], [0, 1, [true, true, true, true]]);
  assert.deepEqual(log, ['alert toy: login process (pid 7) has not answered for 90 seconds: it is ended']);

  const alone = child(() => false);
  time.now += 30 * SECOND;
  assert.equal(watch.look([alone]), true);
  for (const answered of [true, false]) {
    time.now += 30 * SECOND;
    assert.equal(watch.look([alone]), answered);
  }
  assert.equal(watch.look([]), false);
});

test('a supervisor that hung itself blames nobody', () => {
  const { time, child, to } = machine();
  const watch = new ChildWatch(30 * SECOND, to, () => time.now);
  const good = child(() => true);
  time.now += 600 * SECOND;

  assert.equal(watch.look([good]), true);
  assert.equal(good.killed, 0);
});

test('a mail worker is ended after five minutes on the processor without a word, and not while it waits', () => {
  const { time, log, child, to } = machine();
  const watch = new SpinWatch(to, () => time.now);
  const [spinning, working, waiting] = [child(() => false), child(() => true), child(() => false)];
  time.now += SECOND;
  for (let look = 0; look < 10; look += 1) {
    watch.look(look % 5 === 4 ? [spinning, working] : [spinning, working, waiting]);
    time.now += 30 * SECOND;
  }
  assert.equal(spinning.killed, 0);

  watch.look([spinning, working, waiting]);

  assert.deepEqual([spinning.killed, working.killed, waiting.killed], [1, 0, 0]);
  assert.match(log[0] ?? '', /\(pid 7\) has been busy for 5 minutes without an answer: it is ended$/);
});
