/**
 * Message files that become other ones under their names, and what sessions say of them afterwards.
 */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SessionFixture, type TestClient } from '../../support/session-fixture.js';

const FIELDS = 'BODY.PEEK[HEADER.FIELDS (SUBJECT)]';
const ITEMS = `(RFC822.SIZE ENVELOPE BODYSTRUCTURE ${FIELDS})`;

function messageOf(subject: string, lines: number): string {
  return `Subject: ${subject}\nContent-Type: text/x-${subject}\n\n${'a line\n'.repeat(lines)}`;
}

/** What FETCH says, checked for telling one story. */
async function subjectsOf(client: TestClient, tag: string, items = ITEMS): Promise<(string | undefined)[]> {
  const told = await client.command(`${tag} FETCH 1:* ${items}`);
  return told
    .split(/^\* (?=\d+ FETCH)/m)
    .slice(1)
    .map((response) => {
      const [, subject = ''] = /ENVELOPE \(NIL "(\w+)"/.exec(response) ?? [];
      const [, lines = ''] = /NIL NIL "7bit" \d+ (\d+)/.exec(response) ?? [];
      const octets = messageOf(subject, Number(lines)).replaceAll('\n', '\r\n').length;
      assert.match(response, new RegExp(`RFC822.SIZE ${octets} `));
      assert.match(response, new RegExp(`BODYSTRUCTURE \\("text" "x-${subject}"`));
      assert.match(response, new RegExp(`\\nSubject: ${subject}\\n\\n`));
      return subject;
    });
}

/** A fixture with three messages, about which a session has learnt everything. */
async function learnt() {
  const fixture = new SessionFixture();
  const cur = join(fixture.maildir, 'cur');
  for (const [index, subject] of ['red', 'green', 'blue'].entries()) {
    const path = join(cur, `170000000${index}.M${index}.mx:2,`);
    writeFileSync(path, messageOf(subject, 3));
    utimesSync(path, 1_700_000_000, 1_700_000_000);
  }
  const client = fixture.client();
  await client.command('a SELECT INBOX');
  assert.deepEqual(await subjectsOf(client, 'b'), ['red', 'green', 'blue']);
  assert.match(await client.command('c SEARCH SUBJECT green'), /\* SEARCH 2\n/);
  assert.match(await client.command('d SORT (SUBJECT) UTF-8 ALL'), /\* SORT 3 2 1\n/);
  return { fixture, client, cur, file: (index: number) => join(cur, readdirSync(cur).sort()[index] ?? '') };
}

/** Moves another file over one, and lets the directory's time tell of it also within one tick of its clock. */
function replace(cur: string, path: string, content: string, modifiedSeconds: number): void {
  const beside = join(cur, '..', 'tmp', 'beside');
  writeFileSync(beside, content);
  utimesSync(beside, modifiedSeconds, modifiedSeconds);
  renameSync(beside, path);
  utimesSync(cur, 1_600_000_000, 1_600_000_000);
}

test('after mv put another file under the name of a message, all that is said is of the new one', async () => {
  const { fixture, client, cur, file } = await learnt();

  replace(cur, file(1), messageOf('pink', 5), 1_750_000_000);

  await client.command('e NOOP');
  assert.deepEqual(await subjectsOf(client, 'f'), ['red', 'pink', 'blue']);
  assert.match(await client.command('g SEARCH SUBJECT green'), /\* SEARCH\n/);
  assert.match(await client.command('h SORT (SUBJECT) UTF-8 ALL'), /\* SORT 3 2 1\n/);
  await fixture.close();
});

test('a restored file of the same length and an older date is told from the one before', async () => {
  const { fixture, client, cur, file } = await learnt();

  replace(cur, file(0), messageOf('tan', 3), 1_400_000_000);
  replace(cur, file(2), messageOf('gold', 3), 1_700_000_000);

  await client.command('e NOOP');
  assert.deepEqual(await subjectsOf(client, 'f'), ['tan', 'green', 'gold']);
  assert.match(await client.command('g SORT (SUBJECT) UTF-8 ALL'), /\* SORT 3 2 1\n/);
  assert.match(await client.command('h SEARCH SUBJECT gold'), /\* SEARCH 3\n/);
  await fixture.close();
});

test('a file that was written in place is another one as soon as somebody opens it, or something changes in cur', async () => {
  const { fixture, client, cur, file } = await learnt();
  writeFileSync(file(1), messageOf('purple', 9));
  writeFileSync(file(2), messageOf('orange', 7));

  await client.command('e FETCH 2 BODY.PEEK[]');
  assert.deepEqual((await subjectsOf(client, 'f')).slice(0, 2), ['red', 'purple']);

  utimesSync(cur, 1_600_000_000, 1_600_000_000);
  await client.command('g NOOP');
  assert.deepEqual(await subjectsOf(client, 'h'), ['red', 'purple', 'orange']);
  await fixture.close();
});
