/**
 * STORE where transcripts do not reach: too many keywords, keywords that are names of objects, many messages.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withMaildir, writeMessages } from '../support/generated-maildir.js';

const letter = { octets: 'Subject: a\n\nb\n' };

test('attacks 33: keywords are limited, and none of them is more than a word', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, [letter, letter]),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await client.must('STORE 1 +FLAGS (__proto__ constructor toString)');
      assert.deepEqual((await client.must('SEARCH KEYWORD constructor')).untagged, ['* SEARCH 1']);
      assert.deepEqual((await client.must('SEARCH KEYWORD hasOwnProperty')).untagged, ['* SEARCH']);

      const many = Array.from({ length: 10_000 }, (_, index) => `keyword${index}`).join(' ');
      assert.match((await client.send(`STORE 2 +FLAGS (${many})`)).text, /^\[LIMIT\]/);
      assert.notEqual((await client.send(`STORE 2 +FLAGS (${'k'.repeat(10_240)})`)).status, 'BAD');
      assert.deepEqual((await client.must('UID FETCH 1 (UID)')).untagged, ['* 1 FETCH (UID 1)']);
      assert.equal(({} as Record<string, unknown>)['keyword1'], undefined);
    },
  );
});

test('C25: STORE of a thousand messages tells each of them once and loses none', async () => {
  const messages = Array.from({ length: 1_000 }, () => letter);
  await withMaildir(
    (maildir) => writeMessages(maildir, messages),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      const { untagged } = await client.must('UID STORE 1:* FLAGS (\\Answered)');
      assert.equal(untagged.length, 1_000);
      assert.match(untagged[999] ?? '', /^\* 1000 FETCH \(UID 1000 FLAGS \(\\Answered/);
      assert.equal((await client.must('SEARCH UNANSWERED')).untagged[0], '* SEARCH');
    },
  );
});
