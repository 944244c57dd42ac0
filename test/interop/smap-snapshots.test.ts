/** Snapshots of SMAP that Debian's Courier has written serve our clients, and ours serve Courier's. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import { courierTarget, giveToMailUser } from '../support/peer-targets.js';
import type { MakeTarget } from '../support/transcript-target.js';

/** Says commands one after the other, and gives what each was answered. */
async function say(make: MakeTarget, maildir: string, commands: readonly string[]): Promise<string[][]> {
  const target = await make({ maildir, settings: { SMAP_CAPABILITY: 'SMAP1' }, options: {} });
  try {
    const connection = await target.connect(1, { loggedIn: true, plain: false, smap: true });
    const answers: string[][] = [];
    let unread = '';
    for (const command of commands) {
      connection.send(Buffer.from(`${command}\n`));
      const lines: string[] = [];
      while (!/^(\+OK|-ERR)/.test(lines.at(-1) ?? '')) {
        const end = unread.indexOf('\n');
        if (end < 0) unread += (await connection.receive())?.toString('latin1') ?? '+OK gone\n';
        else {
          lines.push(unread.slice(0, end));
          unread = unread.slice(end + 1);
        }
      }
      answers.push(lines);
    }
    connection.close();
    return answers;
  } finally {
    await target.close();
  }
}

const servers: readonly (readonly [string, MakeTarget, string, MakeTarget])[] = [
  ['Courier', courierTarget, 'ours', memoryTarget],
  ['ours', memoryTarget, 'Courier', courierTarget],
];

for (const [writer, write, reader, read] of servers) {
  test(`a snapshot of ${writer} is understood by ${reader}`, async () => {
    const scratch = scratchDirectory('snapshots');
    try {
      const maildir = join(scratch.path, 'Maildir');
      copyMaildir('five-letters', maildir);
      const written = await say(write, maildir, ['SOPEN "" INBOX', 'STORE 2 KEYWORDS=Work', 'NOOP', 'LOGOUT']);
      const [, name = ''] = /^\* SNAPSHOT "(.+)"$/.exec(written[2]?.[0] ?? '') ?? [];
      assert.notEqual(name, '');
      giveToMailUser(scratch.path);

      const answers = await say(read, maildir, [`SOPEN ${name} INBOX`, 'STORE 1 +FLAGS=MARKED', `SOPEN ${name} INBOX`]);

      const known = `* SNAPSHOTEXISTS "${name}"`;
      assert.deepEqual(answers[0], [known, '+OK Folder updated']);
      assert.deepEqual(answers[2], [known, '* FETCH 1 FLAGS=MARKED,SEEN "KEYWORDS="', '+OK Folder updated']);
    } finally {
      scratch.remove();
    }
  });
}
