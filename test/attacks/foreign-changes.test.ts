/**
 * What others do to a maildir under open sessions: numbers given anew, links and pipes, directories that vanish
 * (attacks 48, 57, 61; M14).
 */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { attacked } from './attacked.js';

/** Gives a folder another UIDVALIDITY, and its messages UIDs from 101 in the opposite order. */
function numberAnew(folder: string): void {
  const list = join(folder, 'courierimapuiddb');
  const [, ...lines] = readFileSync(list, 'utf8').trimEnd().split('\n');
  const names = lines.map((line) => line.slice(line.indexOf(' ') + 1)).reverse();
  const text = ['1 1999999999 200', ...names.map((name, index) => `${101 + index} ${name}`), ''].join('\n');
  writeFileSync(join(folder, 'tmp', 'list'), text);
  renameSync(join(folder, 'tmp', 'list'), list);
}

test('attack 57: sessions whose folder is given another UIDVALIDITY end with BYE, and show no wrong mail before', async () => {
  await attacked({}, async ({ ours, maildir, give }) => {
    const clients = [];
    for (let number = 0; number < 3; number += 1) {
      const client = await loginClient(ours.port, 'bob', PASSWORD, false);
      await client.must('SELECT INBOX');
      clients.push(client);
    }
    const [fetching, storing, idling] = clients;
    assert.ok(fetching !== undefined && storing !== undefined && idling !== undefined);
    const { untagged: before } = await fetching.must('UID FETCH 1:* BODY.PEEK[]');
    idling.raw('i IDLE\r\n');
    await idling.response();

    numberAnew(maildir('bob'));
    give('bob');

    // The first to notice, whoever it is, does so for all; what the others ask then is answered from what they know.
    const { untagged: after } = await fetching.must('UID FETCH 1:* BODY.PEEK[]');
    assert.deepEqual(after.slice(0, 3), before);
    assert.match(after[3] ?? '', /^\* BYE /);
    const stored = await storing.send('UID STORE 1 +FLAGS (\\Deleted)');
    assert.equal(stored.status, 'NO');
    assert.match(stored.untagged.join(), /\* BYE /);
    assert.match(await idling.response(), /^\* BYE /);

    const next = await loginClient(ours.port, 'bob', PASSWORD, false);
    const { untagged } = await next.must('SELECT INBOX');
    assert.ok(untagged.includes('* OK [UIDVALIDITY 1999999999] Ok'));
    const { untagged: flags } = await next.must('UID FETCH 101:103 FLAGS');
    assert.equal(flags.length, 3);
    assert.ok(flags.every((line) => !line.includes('Deleted')));
    const { untagged: bodies } = await next.must('UID FETCH 101 BODY.PEEK[]');
    assert.equal(bodies[0]?.split('\r\n').slice(1).join(), before[2]?.split('\r\n').slice(1).join());
    next.close();
  });
});
