/** RFC 9585: a client that waits for long is told that its command goes on, with its tag, and not too often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionFixture } from '../support/session-fixture.js';

test('X21: a search that takes long tells how far it is, at most every ten seconds', async () => {
  const fixture = new SessionFixture('five-letters');
  try {
    let seconds = 0;
    // Each break of the search takes six seconds by the session's clock.
    const meanwhile = (): Promise<void> => {
      fixture.clock.turn(6);
      seconds += 6;
      return Promise.resolve();
    };
    const client = fixture.client({}, { meanwhile });
    await client.command('a1 SELECT INBOX');
    seconds = 0;

    const answer = await client.command('a2 SEARCH TEXT nobody-wrote-this');

    const told = [...answer.matchAll(/^\* OK \[INPROGRESS \("a2" (\d) 5\)\] \S.*$/gm)].map(([, done]) => Number(done));
    assert.ok(told.length > 0 && told.length <= seconds / 10, `${told.length} times in ${seconds} s`);
    assert.deepEqual(told, [...told].sort());
    assert.match(answer, /\n\* SEARCH\na2 OK /);
  } finally {
    await fixture.close();
  }
});
