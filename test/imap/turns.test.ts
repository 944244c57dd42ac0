/** Sessions with much to do take turns, and what comes for others is read between two of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextTurn } from '../../init/runtime/worker/turns.js';
import { SessionFixture } from '../support/session-fixture.js';

test('each gets its turn in the order of asking, one in each round of the event loop', async () => {
  const events: string[] = [];
  const session = async (name: string): Promise<void> => {
    for (let slice = 1; slice <= 3; slice += 1) {
      await nextTurn('bob');
      events.push(`${name}${slice}`);
    }
  };
  let over = false;
  const rounds = (async () => {
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve));
      if (events.at(-1) !== '|') events.push('|');
    }
  })();
  await Promise.all(['a', 'b', 'c'].map(session));
  over = true;
  await rounds;
  assert.deepEqual(
    events.filter((event) => event !== '|'),
    ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3'],
  );
  const together = events.filter((event, at) => event !== '|' && at > 0 && events[at - 1] !== '|');
  assert.deepEqual(together, []);
});

test('accounts take turns, however many sessions of one of them wait', async () => {
  const events: string[] = [];
  const session = async (account: string, name: string): Promise<void> => {
    for (let slice = 1; slice <= 2; slice += 1) {
      await nextTurn(account);
      events.push(`${name}${slice}`);
    }
  };
  const crowd = ['a', 'b', 'c'].map((name) => session('bob', name));
  await Promise.all([...crowd, session('alice', 'x'), session('carol', 'y')]);
  assert.deepEqual(events, ['a1', 'x1', 'y1', 'b1', 'x2', 'y2', 'c1', 'a2', 'b2', 'c2']);
});

test('a small command after a silence is answered at once, while many wait for their turns', async () => {
  const fixture = new SessionFixture('one-unread');
  try {
    const client = fixture.client();
    await client.command('a SELECT INBOX');
    fixture.clock.turn(60);
    let left = 1_000;
    const turns = Array.from({ length: left }, async () => {
      await nextTurn(fixture.maildir);
      left -= 1;
    });

    await client.command('b NOOP');

    assert.ok(left > 900, `${left} still wait`);
    await Promise.all(turns);
  } finally {
    await fixture.close();
  }
});
