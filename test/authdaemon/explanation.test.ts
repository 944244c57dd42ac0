/**
 * Explanations on the wire: written and read back, cut anywhere, and answers without one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Explanation, formatExplanation, readExplanation } from '../../authdaemon/explanation.js';

const EXPLANATION: Explanation = {
  steps: [
    { module: 'authuserdb', said: 'rejected', ms: 0.4, reason: 'unknown account' },
    { module: 'authmysql', said: 'account', ms: 3.1 },
  ],
  notes: ['its home /home/ann does not exist'],
};

test('what is written is read back, with the answer behind it', () => {
  const octets = Buffer.concat([formatExplanation(EXPLANATION), Buffer.from('UID=1\n.\n')]);

  assert.deepEqual(readExplanation(octets), {
    kind: 'read',
    explanation: EXPLANATION,
    rest: Buffer.from('UID=1\n.\n'),
  });
  for (let length = 8; length < octets.length - 8; length += 1) {
    assert.equal(readExplanation(octets.subarray(0, length)).kind, 'incomplete', String(length));
  }
});

test('an answer without one is all answer', () => {
  for (const text of ['FAIL\n', 'UID=1\n.\n', 'TEMPFAIL x\n', '# authuserdb\n']) {
    assert.deepEqual(readExplanation(Buffer.from(text)), { kind: 'read', rest: Buffer.from(text) });
  }
});

test('no reason, however made, adds a line of its own, and no octets make reading throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (reason, note) => {
      const steps = [{ module: 'a', said: 'rejected', ms: 1, reason: `x${reason}` }];
      const octets = formatExplanation({ steps, notes: [note] });
      const read = readExplanation(octets);
      assert.ok(read.kind === 'read');
      assert.deepEqual([read.explanation?.steps.length, read.explanation?.notes.length], [1, 1]);
      assert.equal(read.rest.length, 0);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (noise) => {
      readExplanation(Buffer.concat([Buffer.from('EXPLAIN '), noise]));
    }),
  );
});
