/** A session that looks while another is in the middle of a long STORE is told of the rest, too (attack 37, G6). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SelectedMailbox } from '../../imapd/mailbox/selected-mailbox.js';
import { personalPlace } from '../../imapd/sharing/mailbox-place.js';
import { FLAGGED } from '../../maildir/flags.js';
import { deliver, makeMaildir, openStore, scratchDirectory } from '../maildir/scratch.js';

test('attack 37: each change of a long STORE is told once, however often others look in between', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (let number = 0; number < 100; number += 1) deliver(path, `${1_700_000_000 + number}.M1.mx:2,`, `m${number}`);
  // A clock on which every look takes long, so that each message ends a slice.
  let now = Date.now();
  const store = openStore({
    now: () => {
      now += 20;
      return now;
    },
  });
  const folder = store.open(path).folder('INBOX');
  const place = personalPlace(folder.maildir, folder.name);
  const mailbox = await SelectedMailbox.open(folder, { readOnly: false, keywords: true, place });
  const uids = Array.from({ length: folder.table.count }, (_, row) => folder.table.uidAt(row));
  let over = false;
  const storing = folder.changeFlags(uids, { operation: 'add', flags: FLAGGED, keywords: [] }).finally(() => {
    over = true;
  });
  const told: string[] = [];
  let looks = 0;
  const look = (): void => {
    const lines = mailbox.changes({ expunges: true }).join('');
    if (lines !== '') looks += 1;
    told.push(...lines.split('\r\n').filter((line) => line !== ''));
  };
  while (!over) {
    await nextTurn();
    look();
  }
  await storing;
  look();
  assert.ok(looks > 5, `only ${looks} looks fell into the change`);
  assert.deepEqual(
    told.map((line) => Number(/^\* (\d+) FETCH \(FLAGS \(\\Flagged/.exec(line)?.[1])),
    uids,
  );
  mailbox.close();
  await store.close();
});
