/** URLAUTH where a transcript cannot go: who acts as the account, time that passes, and what is kept where. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

const URL = 'imap://bob@mail.example.com/INBOX/;UID=1/;SECTION=TEXT';

async function authorised(client: TestClient, access: string): Promise<string> {
  const answer = await client.command(`tag9 GENURLAUTH "${URL}${access}" INTERNAL`);
  const url = /\* GENURLAUTH "([^"]+)"/.exec(answer)?.[1];
  assert.ok(url !== undefined, answer);
  return url;
}

async function fetched(client: TestClient, url: string): Promise<string> {
  return (await client.command(`tag9 URLFETCH "${url}"`)).split('" ')[1] ?? '';
}

test('submit+ is for whoever acts as the account with the password of an administrator', async () => {
  const fixture = new SessionFixture('one-unread');
  try {
    const owner = fixture.client();
    const submit = await authorised(owner, ';URLAUTH=submit+bob');
    const other = await authorised(owner, ';URLAUTH=submit+ann');
    const server = fixture.server();
    const administrator = fixture.arrive(server, { administrator: 'submission' });
    await administrator.until('t OK');

    assert.match(await fetched(owner, submit), /^NIL/);
    assert.match(await fetched(administrator, submit), /^\{\d+\}/);
    assert.match(await fetched(administrator, other), /^NIL/);
  } finally {
    await fixture.close();
  }
});

test('a URL ends with its time, and with its key', async () => {
  const fixture = new SessionFixture('one-unread');
  try {
    const client = fixture.client();
    const soon = new Date(fixture.clock.now() + 60_000).toISOString();
    const url = await authorised(client, `;EXPIRE=${soon};URLAUTH=anonymous`);

    assert.match(await fetched(client, url), /^\{\d+\}/);
    fixture.clock.turn(61);
    assert.match(await fetched(client, url), /^NIL/);

    const lasting = await authorised(client, ';URLAUTH=anonymous');
    assert.match(await fetched(client, lasting), /^\{\d+\}/);
    writeFileSync(join(fixture.maildir, 'angarium-url-keys'), 'bob\t/key\tgarbage\n\0\n');
    assert.match(await fetched(client, lasting), /^NIL/);
    await client.command('tag9 RESETKEY INBOX');
    assert.ok(!existsSync(join(fixture.maildir, 'angarium-url-keys')));
  } finally {
    await fixture.close();
  }
});
