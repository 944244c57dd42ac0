/** Messages between our processes: those of one turn travel together, in their order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawHandle } from '../../init/runtime/system/raw-handles.js';
import { Outbox, unpacked } from '../../init/runtime/worker/outbox.js';

const handle: RawHandle = { fd: -1, readStop: () => 0, close: () => undefined };

/** What was sent, message by message, and with which of them a handle went. */
class Sending {
  readonly parcels: { readonly messages: readonly unknown[]; readonly withHandle: boolean }[] = [];
  readonly outbox = new Outbox((message, sentHandle, sent) => {
    this.parcels.push({ messages: unpacked(message), withHandle: sentHandle !== undefined });
    sent(null);
  });
}

test('messages of one turn of the event loop travel together', async () => {
  const { outbox, parcels } = new Sending();
  outbox.put({ kind: 'a' });
  outbox.put({ kind: 'b' });
  assert.deepEqual(parcels, []);

  await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(parcels, [{ messages: [{ kind: 'a' }, { kind: 'b' }], withHandle: false }]);
});

test('a message with a handle goes at once, as the last of those before it, and what follows comes behind', async () => {
  const { outbox, parcels } = new Sending();
  let sent = 0;
  outbox.put({ kind: 'a' });
  outbox.put({ kind: 'b' }, handle, () => {
    sent += 1;
  });
  outbox.put({ kind: 'c' });
  assert.equal(parcels.length, 1);

  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(parcels, [
    { messages: [{ kind: 'a' }, { kind: 'b' }], withHandle: true },
    { messages: [{ kind: 'c' }], withHandle: false },
  ]);
  assert.equal(sent, 1);
});
