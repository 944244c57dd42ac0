/** Which mail workers without sessions end, and which one stays. */
import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import { IDLE_MS, MAX_STAYING_OCTETS, WorkerRetirement } from '../../init/runtime/worker/worker-retirement.js';
import { processTree } from '../support/processes.js';
import { withToy } from './toy.js';

/** Workers are names; each has `octets` in memory. */
function tryOut(t: TestContext, octets = 40 * 1_048_576) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const ended: string[] = [];
  const end = (worker: string) => void ended.push(worker);
  const retirement = new WorkerRetirement<string>({ end, memoryOctets: () => octets });
  const start = (worker: string, user: string) => {
    retirement.started(worker, user);
    retirement.serves(worker);
  };
  return { retirement, start, ended, pass: (ms: number) => mock.timers.tick(ms) };
}

test('where all mail is one user’s, further workers end after their minute, and the last one stays', (t) => {
  const { retirement, start, ended, pass } = tryOut(t);
  for (const worker of ['one', 'two', 'three']) start(worker, 'vmail');
  for (const worker of ['one', 'three', 'two']) retirement.idles(worker);
  pass(IDLE_MS - 1);
  assert.deepEqual(ended, []);
  pass(100 * IDLE_MS);
  assert.deepEqual(ended, ['one', 'three']);
});

test('the one that stays may have had sessions meanwhile, and need not be the oldest', (t) => {
  const { retirement, start, ended, pass } = tryOut(t);
  for (const worker of ['old', 'young']) start(worker, 'vmail');
  retirement.idles('old');
  retirement.idles('young');
  pass(IDLE_MS / 2);
  retirement.serves('young');
  pass(IDLE_MS);
  assert.deepEqual(ended, ['old']);
  retirement.idles('young');
  pass(10 * IDLE_MS);
  assert.deepEqual(ended, ['old']);
});

test('one that has grown large ends', (t) => {
  const { retirement, start, ended, pass } = tryOut(t, MAX_STAYING_OCTETS + 1);
  start('large', 'vmail');
  retirement.idles('large');
  pass(IDLE_MS);
  assert.deepEqual(ended, ['large']);
});

test('with several users none stays, and the first one’s that has stayed goes a minute after the second has come', (t) => {
  const { retirement, start, ended, pass } = tryOut(t);
  start('ann’s', '1001');
  retirement.idles('ann’s');
  pass(10 * IDLE_MS);
  assert.deepEqual(ended, []);
  start('bob’s', '1002');
  pass(IDLE_MS);
  assert.deepEqual(ended, ['ann’s']);
  retirement.idles('bob’s');
  pass(IDLE_MS);
  assert.deepEqual(ended, ['ann’s', 'bob’s']);
});

test('one that serves again is not ended for the rest that it had, and one that has died does not count', (t) => {
  const { retirement, start, ended, pass } = tryOut(t);
  for (const worker of ['one', 'two']) start(worker, 'vmail');
  retirement.idles('one');
  pass(IDLE_MS - 1);
  retirement.serves('one');
  pass(IDLE_MS);
  assert.deepEqual(ended, []);
  retirement.idles('one');
  retirement.gone('two');
  pass(10 * IDLE_MS);
  assert.deepEqual(ended, []);
  start('three', 'vmail');
  retirement.idles('three');
  pass(IDLE_MS);
  assert.deepEqual(ended, ['three']);
});

/** Longer than a worker is kept without sessions. */
const LONGER_MS = IDLE_MS + 2_000;

test('a worker that nobody has used for longer than a minute serves who comes back, and no other was started', async () => {
  await withToy(async (toy) => {
    const login = `LOGIN bob${process.getuid?.() === 0 ? ':1001:1001' : ''} secret`;
    const visit = async (): Promise<string | undefined> => {
      const client = await toy.client();
      await client.ask(login);
      const who = ((await client.ask('WHO')) ?? '').split(' ');
      client.close();
      return who[4];
    };
    await toy.logged(/rehearsal of pid/);
    const first = await visit();
    const processes = processTree([toy.pid]);
    await new Promise((resolve) => setTimeout(resolve, LONGER_MS));
    assert.deepEqual(processTree([toy.pid]), processes);
    assert.equal(await visit(), first);
  });
});
