/**
 * IMAP_MOVE_EXPUNGE_TO_TRASH: what the log says, and what happens when the trash cannot be had.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SessionFixture } from '../support/session-fixture.js';

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('three-messages');
  t.after(() => fixture.close());
  const client = fixture.client({ expungeToTrash: true, logDeletions: true });
  const inCur = (folder: string): string[] => readdirSync(join(fixture.maildir, folder, 'cur'));
  return { fixture, client, inCur };
}

test('the log names the file in the trash, and later that it is gone', async (t) => {
  const { fixture, client, inCur } = scene(t);
  await client.command('a SELECT INBOX');
  await client.command('b STORE 2 +FLAGS.SILENT (\\Deleted)');
  assert.match(await client.command('c EXPUNGE'), /^\* 2 EXPUNGE$/m);
  const [name = ''] = inCur('.Trash');
  const [line = ''] = fixture.log.filter((each) => each.includes('EXPUNGED'));
  assert.match(
    line,
    /^info: EXPUNGED, user=bob, ip=\[192\.0\.2\.7\], port=\[40112\], old_name=\.\/cur\/\S+, new_name=\.\/\.Trash\/cur\/\S+$/,
  );
  assert.ok(name.startsWith(line.split('/').at(-1) ?? '?'), `${name} is what the log names`);

  await client.command('d SELECT INBOX.Trash');
  await client.command('e STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.command('f CLOSE');
  assert.deepEqual(inCur('.Trash'), []);
  assert.match(fixture.log.at(-1) ?? '', /EXPUNGED, .*old_name=\.\/\.Trash\/cur\/\S+$/);
});

test('a message stays where it is when the trash cannot be made', async (t) => {
  const { fixture, client, inCur } = scene(t);
  writeFileSync(join(fixture.maildir, '.Trash'), 'in the way');
  await client.command('a SELECT INBOX');
  const before = inCur('.').length;
  await client.command('b STORE 1:* +FLAGS.SILENT (\\Deleted)');
  assert.match(await client.command('c EXPUNGE'), /^c NO /m);
  assert.equal(inCur('.').length, before);
  assert.deepEqual(
    fixture.log.filter((line) => line.includes('EXPUNGED')),
    [],
  );
});

test('what goes to the trash no longer counts, and comes back as far as there is room', async (t) => {
  const { fixture, client, inCur } = scene(t);
  const sizes = join(fixture.maildir, 'maildirsize');
  const octets = inCur('.').map((name) => readFileSync(join(fixture.maildir, 'cur', name)).length);
  const all = octets.reduce((total, each) => total + each, 0);
  const change = (sign: string, size: number): string => `${`${sign}${size}`.padStart(12)} ${`${sign}1`.padStart(12)}`;
  writeFileSync(sizes, `${all}S\n${String(all).padStart(12)}            3\n`);
  const lines = (): string[] => readFileSync(sizes, 'latin1').trimEnd().split('\n').slice(2);

  await client.command('a SELECT INBOX');
  await client.command('b STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.command('c EXPUNGE');
  const [, size = '?'] = /,S=(\d+)/.exec(inCur('.Trash')[0] ?? '') ?? [];
  assert.deepEqual(lines(), [change('-', Number(size))], 'marking it is what freed room');

  await client.command('d SELECT INBOX.Trash');
  assert.match(await client.command('e COPY 1 INBOX'), /^e OK/m);
  assert.match(await client.command('f COPY 1 INBOX'), /^f NO \[OVERQUOTA\]/m);
});
