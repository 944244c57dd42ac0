/** Sessions: how they end, what they log, and that no client can make one hang, grow or fall. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SelectedMailbox } from '../../imapd/mailbox/selected-mailbox.js';
import { personalPlace } from '../../imapd/sharing/mailbox-place.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { usedMilliseconds } from '../support/processor-line.js';
import { SessionFixture } from '../support/session-fixture.js';

async function withFixture(maildir: string, run: (fixture: SessionFixture) => Promise<void>): Promise<void> {
  const fixture = new SessionFixture(maildir);
  try {
    await run(fixture);
  } finally {
    await fixture.close();
  }
}

const who = 'user=bob, ip=[192.0.2.7], port=[40112]';

describe('how a session ends, and its log line', () => {
  test('LOGOUT', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      fixture.clock.turn(3);
      client.send('a LOGOUT\r\n');

      const said = await client.untilClosed();

      assert.equal(said, '* BYE Angarium server shutting down\na OK LOGOUT completed\n');
      await client.done;
      const numbers = `headers=0, body=0, rcvd=10, sent=${said.length + 2}, time=3, starttls=1`;
      assert.deepEqual(fixture.log, [`info: LOGOUT, ${who}, ${numbers}`]);
    }));

  test('38: a client that vanishes in the middle of a literal, of IDLE, or between commands', () =>
    withFixture('one-unread', async (fixture) => {
      for (const sent of [
        '',
        'a SELECT INBOX\r\nb IDLE\r\n',
        'a LOGIN {100}\r\nabc',
        'a CREATE {100+}\r\nabc',
        'a APP',
      ]) {
        const client = fixture.client();
        client.send(sent);
        if (sent.includes('IDLE')) await client.until('+ entering idle mode\n');
        client.vanish();
        await client.done;
        assert.match(fixture.log.at(-1) ?? '', /^info: DISCONNECTED, user=bob, /);
        // The stream's last events may come after the session has noticed.
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(fixture.clock.timers, 0);
      }
      assert.equal(fixture.log.length, 5);
    }));

  test('a client that ends its side is answered first', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      client.stream.end('a NOOP\r\nb NOOP\r\n');

      assert.equal(await client.untilClosed(), 'a OK NOOP completed\nb OK NOOP completed\n');
    }));

  test('G4 C2: silence for longer than the administrator allows; a command starts the time anew', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client({ inactivitySeconds: 1800 });
      await client.command('a NOOP');
      fixture.clock.turn(1700);
      await client.command('b NOOP');
      fixture.clock.turn(1700);
      await client.command('c IDLE'.replace('IDLE', 'NOOP'));
      fixture.clock.turn(1801);

      assert.equal(await client.untilClosed(), '* BYE Disconnected for inactivity.\n');
      await client.done;
      assert.match(fixture.log[0] ?? '', /^info: TIMEOUT, user=bob, .* time=5201, starttls=1$/);
    }));

  test('31: silence in the middle of a literal is over sooner', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      client.send('a CREATE {100}\r\n');
      await client.until('+ OK\n');
      fixture.clock.turn(61);

      await client.untilClosed();
      await client.done;
      assert.match(fixture.log[0] ?? '', /^info: TIMEOUT, /);
    }));

  test('IDLE does not last for ever either', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client({ inactivitySeconds: 1800, idleHeartbeatSeconds: 0 });
      client.send('a IDLE\r\n');
      await client.until('+ entering idle mode\n');
      fixture.clock.turn(1801);

      assert.equal(await client.untilClosed(), '* BYE Disconnected for inactivity.\n');
    }));

  test('what IDLE tells the client does not make up for its silence', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client({ inactivitySeconds: 300, idleHeartbeatSeconds: 120 });
      client.send('a IDLE\r\n');
      await client.until('+ entering idle mode\n');
      for (let beat = 0; beat < 2; beat += 1) {
        fixture.clock.turn(120);
        await client.until('* OK Still here\n');
      }
      fixture.clock.turn(61);

      assert.equal(await client.untilClosed(), '* BYE Disconnected for inactivity.\n');
      await client.done;
      assert.equal(fixture.clock.timers, 0);
    }));

  test('DONE may come in pieces, and with commands around it', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      client.send('a IDLE\r\n');
      await client.until('+ entering idle mode\n');
      client.send('DO');
      await new Promise((resolve) => setImmediate(resolve));
      client.send('NE\r\nb IDLE\r\nDONE\r\nc NOOP\r\n');

      assert.equal(await client.until('a OK IDLE completed\n'), 'a OK IDLE completed\n');
      assert.equal(
        await client.until('c OK NOOP completed\n'),
        '+ entering idle mode\nb OK IDLE completed\nc OK NOOP completed\n',
      );
    }));

  test('91: IDLE gives signs of life', () =>
    withFixture('one-unread', async (fixture) => {
      const client = fixture.client({ idleHeartbeatSeconds: 120 });
      await client.command('a SELECT INBOX');
      client.send('b IDLE\r\n');
      await client.until('+ entering idle mode\n');
      fixture.clock.turn(120);
      await client.until('* OK Still here\n');
      fixture.clock.turn(120);
      await client.until('* OK Still here\n');
      client.send('DONE\r\n');

      assert.equal(await client.until('\n'), 'b OK IDLE completed\n');
      client.send('c LOGOUT\r\n');
      await client.done;
      assert.equal(fixture.clock.timers, 0);
    }));
});

describe('no client can make a session hang or grow', () => {
  test('23: 100,000 NOOPs in one write are answered in order, and others get their turn', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client({}, { clock: realClock });
      const other = fixture.client();
      const commands = Array.from({ length: 100_000 }, (_, number) => `n${number} NOOP\r\n`).join('');
      const expected = Array.from({ length: 100_000 }, (_, number) => `n${number} OK NOOP completed\n`).join('');
      client.send(`${commands}z LOGOUT\r\n`);
      await other.command('o1 NOOP');
      assert.doesNotMatch(client.received, /n99999 /);
      other.send('o2 LOGOUT\r\n');

      assert.ok((await client.untilClosed()).startsWith(expected));
    }));

  test('24: a client that reads nothing stops the server, not its memory', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      client.stream.pause();
      const before = process.memoryUsage().rss;
      const block = Buffer.from('a NOOP\r\n'.repeat(10_000));
      let refused = 0;
      for (let count = 0; count < 200; count += 1) {
        if (!client.stream.write(block)) refused += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }

      assert.ok(refused > 100);
      // What the test wrote and nobody took is 16 MB of the same block; the answers would be 56 MB.
      assert.ok(process.memoryUsage().rss - before < 50_000_000);
      client.vanish();
      await client.done;
    }));

  test('a line of three megabytes is refused, and the next command works', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      client.send(`a SUBSCRIBE ${'x'.repeat(3_000_000)}\r\nb NOOP\r\nc LOGOUT\r\n`);

      assert.match(await client.untilClosed(), /^a BAD .*\nb OK NOOP completed\n\* BYE/);
    }));

  test('52: a folder renamed away under a session', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.client();
      const other = fixture.client();
      await client.command('a CREATE INBOX.a.b');
      await other.command('a SELECT INBOX.a.b');
      await client.command('b CREATE INBOX.a');
      assert.match(await client.command('c RENAME INBOX.a INBOX.z'), /^c OK/);

      other.send('b NOOP\r\n');
      assert.match(await other.untilClosed(), /^\* BYE \[NONEXISTENT\] .*\nb OK/);
      client.send('d LOGOUT\r\n');
    }));

  test('C13: 10,000 folders are listed in less than a second', () =>
    withFixture('empty', async (fixture) => {
      const maildir = fixture.store.open(fixture.maildir);
      const names = Array.from({ length: 10_000 }, (_, number) => `INBOX.f${number % 100}.g${number}`);
      // Making so many directories takes longer than all other tests of this file together.
      maildir.listFolders = () => ['INBOX', ...names];
      const client = fixture.client({}, { maildir });
      await client.command('warm NOOP');

      const used = await usedMilliseconds(async () => {
        const answer = await client.command('a LIST "" *');
        assert.equal(answer.split('\n').length, 10_000 + 100 + 1 + 2);
      });

      assert.ok(used < 1000, `${used} ms`);
      client.send('b LOGOUT\r\n');
    }));
});

describe('the beginning of a session in the mail worker', () => {
  test('answers the login with capabilities, and logs it', () =>
    withFixture('empty', async (fixture) => {
      const client = fixture.arrive(fixture.server(), { unread: Buffer.from('a NOOP\r\nb LOGOUT\r\n') });

      assert.match(
        await client.untilClosed(),
        /^t OK \[CAPABILITY IMAP4rev1 [^\]]*\] LOGIN Ok\.\na OK NOOP completed\n\* BYE .*\nb OK/,
      );
      await client.done;
      assert.equal(fixture.log[0], `info: LOGIN, ${who}, protocol=IMAP`);
      assert.match(fixture.log[1] ?? '', /^info: LOGOUT, .* time=0$/);
    }));

  test('refuses before the login is good', () =>
    withFixture('empty', async (fixture) => {
      const account = (options: Record<string, string>) => ({ account: { ...fixture.account, options } });
      const missing = { account: { ...fixture.account, maildir: `${fixture.maildir}-missing` } };
      const others = { account: { ...fixture.account, uid: 4_242 } };
      const cases: readonly [Parameters<SessionFixture['arrive']>[1], RegExp][] = [
        [account({ disableimap: '1' }), /^t NO \[AUTHORIZATIONFAILED\] IMAP access disabled for this account\.$/m],
        [
          account({ disableinsecureimap: '1' }),
          /^t NO \[PRIVACYREQUIRED\] IMAP access disabled via insecure connection\.$/m,
        ],
        [missing, /^t NO \[UNAVAILABLE\] Mailbox is not available at this time\.$/m],
        [others, /^t NO \[UNAVAILABLE\] Account's mailbox directory is not owned by the correct uid or gid\.$/m],
      ];
      for (const [changes, expected] of cases) {
        const client = fixture.arrive(fixture.server({ sanityCheck: true }), changes);
        const said = await client.untilClosed();
        assert.match(said, expected);
        assert.doesNotMatch(said, /LOGIN Ok|Maildir/);
        await client.done;
      }
      const tls = fixture.arrive(fixture.server(), {
        ...account({ disableinsecureimap: '1', disableimap: '0' }),
        tls: true,
      });
      await tls.until('LOGIN Ok.\n');
      tls.send('a LOGOUT\r\n');
      await tls.done;
      assert.match(fixture.log.join('\n'), /error: LOGIN REFUSED, user=bob, ip=.*: not a maildir: .*-missing$/m);
    }));

  test('is locked by the sticky bit on the home directory', () =>
    withFixture('empty', async (fixture) => {
      chmodSync(fixture.account.home, 0o1755);
      const client = fixture.arrive(fixture.server());

      assert.match(await client.untilClosed(), /^\* BYE .*\+t bit.*\nt NO /);
      await client.done;
      assert.deepEqual(fixture.log, [`info: LOCKED, ${who}`]);
    }));

  test('ends with the server', () =>
    withFixture('empty', async (fixture) => {
      const server = fixture.server();
      const client = fixture.arrive(server);
      const idling = fixture.arrive(server);
      await client.until('LOGIN Ok.\n');
      await idling.until('LOGIN Ok.\n');
      idling.send('a IDLE\r\n');
      await idling.until('+ entering idle mode\n');
      await server.end();

      for (const each of [client, idling]) {
        assert.equal(await each.untilClosed(), '* BYE Angarium server shut down by signal.\n');
        await each.done;
      }
      assert.match(fixture.log.at(-1) ?? '', /^notice: Disconnected during shutdown by signal, user=bob, /);
    }));
});

test('G6 G7: two sessions over a real folder agree with it, whatever they and other programs do', async () => {
  const step = fc.record({
    what: fc.constantFrom('deliver', 'remove', 'flag', 'store', 'expunge', 'tell'),
    which: fc.nat(20),
    session: fc.nat(1),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await withFixture('five-letters', async (fixture) => {
        const folder = fixture.store.open(fixture.maildir).folder('INBOX');
        const sessions = [await open(folder), await open(folder)];
        let delivered = 0;
        for (const { what, which, session } of steps) {
          const view = sessions[session];
          if (view === undefined) continue;
          const cur = join(fixture.maildir, 'cur');
          const names = readdirSync(cur).sort();
          const name = names[which % Math.max(1, names.length)];
          const uid = folder.table.count === 0 ? 0 : folder.table.uidAt(which % folder.table.count);
          if (what === 'deliver') {
            delivered += 1;
            writeFileSync(join(fixture.maildir, 'new', `18000000${delivered + 10}.M1.mx`), 'Subject: a\n\na\n');
          } else if (what === 'remove' && name !== undefined) unlinkSync(join(cur, name));
          else if (what === 'flag' && name !== undefined) {
            const [unique, flags = ''] = name.split(':2,');
            const changed = flags.includes('F') ? flags.replace('F', '') : [...`${flags}F`].sort().join('');
            renameSync(join(cur, name), join(cur, `${unique}:2,${changed}`));
          } else if (what === 'store') await folder.changeFlags([uid], { operation: 'add', flags: 8, keywords: [] });
          else if (what === 'expunge') await folder.removeMessages([uid]);
          else {
            await folder.refresh();
            believe(view, view.mailbox.changes({ expunges: which % 3 !== 0 }));
          }
        }
        await folder.refresh();
        for (const view of sessions) {
          believe(view, view.mailbox.changes({ expunges: true }));
          const rows = Array.from({ length: folder.table.count }, (_, row) => row);
          const real = rows.map((row) => `${folder.table.uidAt(row)} ${folder.flagsAt(row)}`);
          assert.deepEqual(view.messages, real);
          view.mailbox.close();
        }
      });
    }),
    { numRuns: 40 },
  );
});

interface View {
  readonly mailbox: SelectedMailbox;
  /** UID and flags, as a client knows them. */
  messages: string[];
}

async function open(folder: Parameters<typeof SelectedMailbox.open>[0]): Promise<View> {
  const place = personalPlace(folder.maildir, folder.name);
  const view: View = {
    mailbox: await SelectedMailbox.open(folder, { readOnly: false, keywords: true, place }),
    messages: [],
  };
  learn(view, view.mailbox.count);
  return view;
}

/** EXPUNGE removes, EXISTS adds, and a FETCH of flags makes the client look at that message. */
function believe(view: View, updates: readonly Buffer[]): void {
  for (const line of Buffer.concat(updates).toString('latin1').split('\r\n')) {
    const [, number, what] = /^\* (\d+) (EXPUNGE|EXISTS|FETCH)/.exec(line) ?? [];
    if (what === 'EXPUNGE') view.messages.splice(Number(number) - 1, 1);
    else if (what === 'EXISTS') learn(view, Number(number));
    else if (what === 'FETCH') view.messages[Number(number) - 1] = look(view.mailbox, Number(number));
  }
  assert.equal(view.messages.length, view.mailbox.count);
}

function learn(view: View, count: number): void {
  for (let number = view.messages.length + 1; number <= count; number += 1)
    view.messages.push(look(view.mailbox, number));
}

function look(mailbox: SelectedMailbox, number: number): string {
  const uid = mailbox.uidOf(number);
  return `${uid} ${mailbox.flagsOf(uid)?.bits ?? 'gone'}`;
}
