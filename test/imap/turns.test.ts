/** Sessions with much to do take turns, and what comes for others is read between two of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextTurn } from '../../imapd/session/turns.js';

test('each gets its turn in the order of asking, one in each round of the event loop', async () => {
  const events: string[] = [];
  const session = async (name: string): Promise<void> => {
    for (let slice = 1; slice <= 3; slice += 1) {
      await nextTurn();
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
