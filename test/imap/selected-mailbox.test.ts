/**
 * SelectedMailbox over a folder in memory: whatever happens to the folder, a client that believes the responses is
 * right about it. The folder here keeps the rules of MessageTable and nothing else.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SelectedMailbox } from '../../imapd/mailbox/selected-mailbox.js';
import { personalPlace } from '../../imapd/sharing/mailbox-place.js';
import { SyntaxFailure } from '../../imapd/wire/failures.js';
import { DELETED, SEEN } from '../../maildir/flags.js';
import { ClientView } from '../support/client-view.js';
import { FolderInMemory } from '../support/folder-in-memory.js';

async function selected(folder: FolderInMemory, readOnly = false): Promise<SelectedMailbox> {
  const opened = folder.asFolder();
  const place = personalPlace(opened.maildir, opened.name);
  return SelectedMailbox.open(opened, { readOnly, keywords: true, place });
}

function text(updates: readonly Buffer[]): string {
  return Buffer.concat(updates).toString('latin1').replaceAll('\r\n', '\n');
}

describe('G7: what a session tells', () => {
  test('nothing, when nothing happened', async () => {
    const mailbox = await selected(new FolderInMemory(3));

    assert.deepEqual(mailbox.changes({ expunges: true }), []);
  });

  test('arrivals as EXISTS and RECENT', async () => {
    const folder = new FolderInMemory(2);
    const mailbox = await selected(folder);

    folder.arrive();

    assert.equal(text(mailbox.changes({ expunges: true })), '* 3 EXISTS\n* 3 RECENT\n');
    assert.equal(mailbox.count, 3);
  });

  test('C18: removals with numbers that shift as they go, then EXISTS', async () => {
    const folder = new FolderInMemory(5);
    const mailbox = await selected(folder);

    folder.remove([1, 2, 4]);

    const expected = '* 1 EXPUNGE\n* 1 EXPUNGE\n* 2 EXPUNGE\n* 2 EXISTS\n* 2 RECENT\n';
    assert.equal(text(mailbox.changes({ expunges: true })), expected);
    assert.equal(mailbox.uidOf(1), 3);
    assert.equal(mailbox.uidOf(2), 5);
  });

  test('removals later, and arrivals with them, while numbers are in use', async () => {
    const folder = new FolderInMemory(3);
    const mailbox = await selected(folder);

    folder.remove([2]);
    folder.arrive();
    folder.setFlags(3, SEEN);

    assert.equal(text(mailbox.changes({ expunges: false })), '* 3 FETCH (FLAGS (\\Seen \\Recent))\n');
    assert.equal(mailbox.count, 3);
    assert.equal(mailbox.flagsOf(2), undefined);
    assert.equal(text(mailbox.changes({ expunges: true })), '* 2 EXPUNGE\n* 3 EXISTS\n* 3 RECENT\n');
  });

  test('flags that changed, but not those that a command has told already', async () => {
    const folder = new FolderInMemory(3);
    const mailbox = await selected(folder);

    folder.setFlags(1, SEEN);
    mailbox.told(1);
    folder.setFlags(2, SEEN);
    mailbox.told(2);
    folder.setFlags(2, SEEN | DELETED);

    assert.equal(text(mailbox.changes({ expunges: true })), '* 2 FETCH (FLAGS (\\Deleted \\Seen \\Recent))\n');
    assert.deepEqual(mailbox.changes({ expunges: true }), []);
  });

  test('new keywords before the flags that use them', async () => {
    const folder = new FolderInMemory(1);
    const mailbox = await selected(folder);

    folder.setFlags(1, 0, ['$Junk']);

    assert.equal(
      text(mailbox.changes({ expunges: true })),
      '* FLAGS ($Junk \\Draft \\Answered \\Flagged \\Deleted \\Seen \\Recent)\n' +
        '* OK [PERMANENTFLAGS ($Junk \\* \\Draft \\Answered \\Flagged \\Deleted \\Seen)] Limited\n' +
        '* 1 FETCH (FLAGS (\\Recent $Junk))\n',
    );
  });

  test('a message that comes back in the middle as gone with all after it, and all of them as new', async () => {
    const folder = new FolderInMemory(4);
    const mailbox = await selected(folder);
    folder.remove([2]);
    mailbox.changes({ expunges: true });

    folder.comeBack(2);

    assert.equal(text(mailbox.changes({ expunges: true })), '* 2 EXPUNGE\n* 2 EXPUNGE\n* 4 EXISTS\n* 4 RECENT\n');
    assert.deepEqual(
      [1, 2, 3, 4].map((number) => Number(mailbox.uidOf(number))),
      [1, 2, 3, 4],
    );
  });
});

describe('C8: recent', () => {
  test('is told to one session only, and not used up by a read-only one', async () => {
    const folder = new FolderInMemory(2);
    const reader = await selected(folder, true);
    const first = await selected(folder);
    const second = await selected(folder);

    assert.deepEqual([reader.recentCount, first.recentCount, second.recentCount], [2, 2, 0]);
    folder.arrive();
    second.changes({ expunges: true });
    first.changes({ expunges: true });
    assert.deepEqual([first.recentCount, second.recentCount], [2, 1]);
    assert.equal(second.isRecent(3), true);
    assert.equal(first.isRecent(3), false);
  });
});

describe('C26: sets', () => {
  async function fiveWithGaps(): Promise<SelectedMailbox> {
    const folder = new FolderInMemory(9);
    folder.remove([1, 3, 5, 7]);
    return selected(folder); // UIDs 2 4 6 8 9
  }
  const uids = (mailbox: SelectedMailbox, set: Parameters<SelectedMailbox['pick']>[0], by: 'uid' | 'sequence number') =>
    [...mailbox.pick(set, by)].map(({ uid }) => Number(uid));

  test('of UIDs name what exists, each message once, in order, whatever the order of the set', async () => {
    const mailbox = await fiveWithGaps();

    assert.deepEqual(uids(mailbox, [{ first: 1, last: 4_294_967_295 }], 'uid'), [2, 4, 6, 8, 9]);
    assert.deepEqual(
      uids(
        mailbox,
        [
          { first: 9, last: 6 },
          { first: 8, last: 8 },
          { first: 2, last: 2 },
        ],
        'uid',
      ),
      [2, 6, 8, 9],
    );
    assert.deepEqual(uids(mailbox, [{ first: 3, last: 3 }], 'uid'), []);
    assert.deepEqual(uids(mailbox, [{ first: '*', last: '*' }], 'uid'), [9]);
    assert.deepEqual(uids(mailbox, [{ first: 100, last: '*' }], 'uid'), [9]);
  });

  test('of sequence numbers must exist, except where an asterisk ends a range', async () => {
    const mailbox = await fiveWithGaps();

    assert.deepEqual(uids(mailbox, [{ first: 2, last: 1 }], 'sequence number'), [2, 4]);
    assert.deepEqual(uids(mailbox, [{ first: '*', last: 4 }], 'sequence number'), [8, 9]);
    assert.deepEqual(uids(mailbox, [{ first: 6, last: '*' }], 'sequence number'), [9]);
    assert.throws(() => [...mailbox.pick([{ first: 6, last: 6 }], 'sequence number')], SyntaxFailure);
    assert.throws(() => [...mailbox.pick([{ first: 1, last: 6 }], 'sequence number')], SyntaxFailure);
  });

  test('of an empty mailbox name nothing when they end in an asterisk', async () => {
    const mailbox = await selected(new FolderInMemory(0));

    assert.deepEqual([...mailbox.pick([{ first: 1, last: '*' }], 'sequence number')], []);
    assert.deepEqual([...mailbox.pick([{ first: 1, last: '*' }], 'uid')], []);
    assert.throws(() => [...mailbox.pick([{ first: 1, last: 1 }], 'sequence number')], SyntaxFailure);
  });
});

test('G6 G7: a client that believes what it is told agrees with the folder, whatever two sessions and others do', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('arrive' as const) }),
    fc.record({
      what: fc.constant('remove' as const),
      uids: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 5 }),
    }),
    fc.record({ what: fc.constant('flags' as const), uid: fc.integer({ min: 1, max: 30 }), bits: fc.nat(31) }),
    fc.record({
      what: fc.constant('keyword' as const),
      uid: fc.integer({ min: 1, max: 30 }),
      keyword: fc.constantFrom('a', 'b', 'c'),
    }),
    fc.record({ what: fc.constant('back' as const), uid: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ what: fc.constant('tell' as const), session: fc.nat(1), expunges: fc.boolean() }),
    fc.record({
      what: fc.constant('store' as const),
      session: fc.nat(1),
      number: fc.integer({ min: 1, max: 30 }),
      bits: fc.nat(31),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(8), fc.array(step, { maxLength: 60 }), async (messages, steps) => {
      const folder = new FolderInMemory(messages);
      const sessions = await Promise.all([selected(folder), selected(folder)]);
      const clients = sessions.map((mailbox) => ClientView.of(mailbox));
      for (const each of steps) {
        if (each.what === 'arrive') folder.arrive();
        else if (each.what === 'remove') folder.remove(each.uids);
        else if (each.what === 'flags') folder.setFlags(each.uid, each.bits);
        else if (each.what === 'keyword') folder.setFlags(each.uid, 0, [each.keyword]);
        else if (each.what === 'back') folder.comeBack(each.uid);
        else {
          const [mailbox, client] = [sessions[each.session], clients[each.session]];
          if (mailbox === undefined || client === undefined) continue;
          if (each.what === 'tell') client.hear(mailbox.changes({ expunges: each.expunges }));
          else if (each.number <= mailbox.count) {
            const uid = mailbox.uidOf(each.number);
            folder.setFlags(uid, each.bits);
            client.hearFlags(each.number, mailbox.flagsOf(uid));
            mailbox.told(uid);
            client.hear(mailbox.changes({ expunges: false }));
          }
          client.agreesOnNumbers(mailbox);
        }
      }
      sessions.forEach((mailbox, index) => {
        clients[index]?.hear(mailbox.changes({ expunges: true }));
        clients[index]?.agreesWithFolder(mailbox, folder);
      });
    }),
    { numRuns: 500 },
  );
});
