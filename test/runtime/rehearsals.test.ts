/**
 * Rehearsals of mail workers: whose turn it is, in which moments, and that clients notice nothing of them.
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { noteWork } from '../../init/runtime/service/activity.js';
import { QuietMoments } from '../../init/runtime/worker/quiet-moments.js';
import { Rehearsals } from '../../init/runtime/worker/rehearsals.js';
import { withToy } from './toy.js';

const isRoot = process.getuid?.() === 0;
const LOGIN = `LOGIN bob${isRoot ? ':1001:1001' : ''} secret`;

test('one process at a time rehearses, the youngest first, and none that has ended', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const rehearsals = new Rehearsals();
  const begun: string[] = [];
  const [old, ended, young] = ['old', 'ended', 'young'].map((name) => () => void begun.push(name));
  assert.ok(old !== undefined && ended !== undefined && young !== undefined);

  for (const rehearser of [old, ended, young]) rehearsals.enter(rehearser);
  assert.deepEqual(begun, []);
  mock.timers.tick(1_000);
  assert.deepEqual(begun, ['young']);

  rehearsals.leave(ended);
  mock.timers.tick(30_000);
  assert.deepEqual(begun, ['young']);

  rehearsals.leave(young);
  mock.timers.tick(30_000);
  assert.deepEqual(begun, ['young', 'old']);
});

test('a process that is too busy to rehearse does not keep the others from it for ever', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const rehearsals = new Rehearsals();
  const begun: string[] = [];
  const other = () => void begun.push('other');
  const busy = () => void begun.push('busy');

  rehearsals.enter(other);
  rehearsals.enter(busy);
  mock.timers.tick(1_000);
  mock.timers.tick(600_000);
  assert.deepEqual(begun, ['busy', 'other']);
  // It comes to its end later, which is nobody's turn any more.
  rehearsals.leave(busy);
  rehearsals.leave(other);
  mock.timers.tick(600_000);
  assert.deepEqual(begun, ['busy', 'other']);
});

test('no moment is quiet while the process has something to do', async () => {
  let busy = true;
  const keepBusy = (): void => {
    const until = performance.now() + 2;
    while (performance.now() < until);
    if (busy) setImmediate(keepBusy);
  };
  keepBusy();
  let quiet = false;
  const moment = new QuietMoments().next().then(() => {
    quiet = true;
  });

  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(quiet, false);
  busy = false;
  await moment;
  assert.equal(quiet, true);
});

test('no moment is quiet in which a client asks something, and none soon after', async () => {
  const moments = new QuietMoments();
  await moments.next();
  // A piece of work during which two clients came.
  noteWork();
  noteWork();
  let quiet = false;
  const moment = moments.next().then(() => {
    quiet = true;
  });
  for (let count = 0; count < 10; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    noteWork();
    assert.equal(quiet, false);
  }
  await moment;
});

test('the spare worker rehearses before anybody has logged in, and becomes the first worker', async () => {
  await withToy(async (toy) => {
    const line = await toy.logged(/rehearsal of pid/);
    const [, pid, uid] = /pid (\d+) as uid (\d+)/.exec(line) ?? [];
    assert.equal(Number(uid), process.getuid?.());

    const client = await toy.client();
    await client.ask(LOGIN);
    const who = ((await client.ask('WHO')) ?? '').split(' ');
    assert.equal(who[4], pid);
    if (isRoot) assert.equal(who[1], '1001');
    assert.equal(toy.log.filter((each) => /rehearsal of pid/.test(each)).length, 1);
  });
});

test('a rehearsal that fails is a line in the log, and the worker serves', async () => {
  await withToy(
    async (toy) => {
      await toy.logged(/^ERR: bug in the rehearsal of a mail worker, which serves all the same: .*the curtain fell/);
      const client = await toy.client();
      assert.match((await client.ask(LOGIN)) ?? '', /^T OK bob/);
      assert.match((await client.ask('hello')) ?? '', /hello/);
    },
    { sessionSettings: { greeting: 'READY', rehearsal: 'fails' } },
  );
});

test('a rehearsal that goes on keeps no login and no client waiting, and ends with the service', async () => {
  await withToy(
    async (toy) => {
      await toy.logged(/rehearsal of pid/);
      for (let count = 0; count < 20; count += 1) {
        const client = await toy.client();
        assert.match((await client.ask(LOGIN)) ?? '', /^T OK bob/);
        assert.match((await client.ask('hello')) ?? '', /hello/);
        if (isRoot) assert.match((await client.ask('ROOT')) ?? '', /EPERM/);
        client.close();
      }
    },
    { sessionSettings: { greeting: 'READY', rehearsal: 'never ends' } },
  );
});
