/**
 * A message that arrives in the middle of STATUS: the mod-sequence that the client is told covers it only if it is
 * counted, else a client that keeps the number would take it for known.
 */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { waitUntil } from '../support/processes.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

/** The real disk, where something happens before the operation of a number. */
function disturbed(): { fileSystem: FileSystem; before(operation: number, run: () => void): void; left(): number } {
  let left = Number.POSITIVE_INFINITY;
  let deed = (): void => undefined;
  const fileSystem = new Proxy(realFileSystem, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        left -= 1;
        if (left === 0) deed();
        return Reflect.apply(value, target, args);
      };
    },
  });
  return {
    fileSystem,
    left: () => left,
    before(operation, run) {
      left = operation;
      deed = run;
    },
  };
}

interface Told {
  readonly messages: number;
  readonly highest: number;
}

/** What STATUS says; the fixture's clock stands still, so nothing but the command looks. */
async function status(client: TestClient): Promise<Told> {
  const said = await client.command('s STATUS INBOX.Lists (MESSAGES HIGHESTMODSEQ)');
  const [, messages, highest] = /\(MESSAGES (\d+) HIGHESTMODSEQ (\d+)\)/.exec(said) ?? assert.fail(said);
  return { messages: Number(messages), highest: Number(highest) };
}

test('a mod-sequence in STATUS covers no message that STATUS does not count, whenever it arrives', async () => {
  const disk = disturbed();
  const fixture = new SessionFixture('three-messages', { fileSystem: disk.fileSystem });
  try {
    const client = fixture.client();
    await client.command('a CREATE INBOX.Lists');
    await client.command('b ENABLE CONDSTORE');
    const quiet = await status(client);
    assert.equal(quiet.messages, 0);

    const folder = join(fixture.maildir, '.Lists');
    let arrived = 0;
    let uncounted = 0;
    const arrive = (): void => {
      const name = `${1_700_000_100 + arrived}.M1.mx`;
      writeFileSync(join(folder, 'tmp', name), 'Subject: x\n\nx\n');
      renameSync(join(folder, 'tmp', name), join(folder, 'new', name));
      arrived += 1;
    };
    for (let operation = 1, reached = true; reached; operation += 1) {
      disk.before(operation, arrive);
      const meanwhile = await status(client);
      reached = disk.left() <= 0;
      disk.before(Number.POSITIVE_INFINITY, () => undefined);
      let afterwards = meanwhile;
      await waitUntil('STATUS counts all', async () => {
        afterwards = await status(client);
        return afterwards.messages === arrived;
      });
      if (meanwhile.messages === arrived) continue;
      uncounted += 1;
      assert.ok(meanwhile.highest < afterwards.highest, `arrived before operation ${operation}, never told`);
    }
    assert.ok(uncounted > 0, 'it arrived after everything was counted at least once');
  } finally {
    await fixture.close();
  }
});
