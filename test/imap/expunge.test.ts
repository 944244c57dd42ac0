/**
 * What EXPUNGE and CLOSE leave in the log when the administrator asks for it (IMAP_LOG_DELETIONS).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { withMaildir, withSilentClient, writeMessages } from '../support/generated-maildir.js';

const deleted = { octets: 'Subject: a\n\nb\n', flagLetters: 'T' };

/** What the session logs about messages while the client says these lines and logs out. */
async function expunged(words: string, settings: Readonly<Record<string, string>>): Promise<string[]> {
  const found: string[] = [];
  await withMaildir(
    (maildir) => writeMessages(maildir, [deleted, { octets: 'Subject: c\n\nd\n' }, deleted]),
    async ({ maildir }) => {
      const run = async (client: Duplex, logged: readonly string[]): Promise<void> => {
        client.resume();
        client.write(`a SELECT INBOX\r\n${words}\r\nz LOGOUT\r\n`);
        await once(client, 'end');
        found.push(...logged.filter((line) => line.startsWith('EXPUNGED')));
      };
      await withSilentClient(maildir, run, settings);
    },
  );
  return found;
}

test('each message that is removed is logged as Courier logs it', async () => {
  for (const words of ['b EXPUNGE', 'b CLOSE', 'b UID EXPUNGE 1:*']) {
    const lines = await expunged(words, { IMAP_LOG_DELETIONS: '1' });
    assert.equal(lines.length, 2, words);
    assert.match(
      lines[0] ?? '',
      /^EXPUNGED, user=bob, ip=\[::1\], port=\[1\], old_name=\.\/cur\/1600000001\.M000001\.mx/,
    );
  }
});

test('nothing is logged unless the administrator asks for it, and nothing that is only looked at', async () => {
  assert.deepEqual(await expunged('b EXPUNGE', {}), []);
  assert.deepEqual(await expunged('b UNSELECT', { IMAP_LOG_DELETIONS: '1' }), []);
});
