/**
 * FETCH where transcripts do not reach: sections against slices of the whole message, clients that do not read, files
 * that change while they are sent.
 */
import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { withMaildir, withSilentClient, writeMessages } from '../support/generated-maildir.js';
import type { ImapClient } from '../support/imap-client.js';

/** Messages of all kinds: LF and CRLF, without header, without body, without last line end, 8-bit, nested, broken. */
const corpus: readonly string[] = [
  'Subject: plain\n\nOne line.\n',
  'Subject: network line ends\r\n\r\nOne.\r\nTwo.\r\n',
  'Subject: mixed line ends\r\n\nOne.\r\nTwo.\nThree\rFour\n',
  'Subject: no last line end\n\nOne.\nTwo',
  'Subject: no body\n',
  '\nNo header.\n',
  'no header and no colon\nat all',
  'Subject: \xe4\xf6\xfc\nTo: \xff\n\n8-bit \x80\x00\n',
  `Subject: long line\n\n${'x'.repeat(100_000)}\nend\n`,
  `Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\nfirst\n--b\nContent-Type: text/html\n\nsecond\n--b--\npost\n`,
  `Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner body\n--b--\n`,
  `Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnever ended`,
  `Content-Type: multipart/mixed\n\nno boundary\n`,
  `Content-Type: message/rfc822\n\nContent-Type: multipart/digest; boundary="a b"\n\n--a b\n\nSubject: x\n\ny\n--a b--\n`,
  `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--\r\n`,
  '',
];

/** The wire form of a file, as the rule says it: each LF without a CR before it becomes CRLF. */
function onTheWire(file: string): string {
  return file.replace(/(?<!\r)\n/g, '\r\n');
}

/** The content of the literal or quoted string of the only item in an answer. */
function contentOf(untagged: readonly string[]): string {
  const [response = ''] = untagged;
  const literal = /\{(\d+)\}\r\n/.exec(response);
  assert.ok(literal !== null, `no literal in ${response.slice(0, 200)}`);
  const start = literal.index + literal[0].length;
  const content = response.slice(start, start + Number(literal[1]));
  assert.equal(response.slice(start + Number(literal[1])), ')');
  return content;
}

async function section(client: ImapClient, message: number, name: string): Promise<string> {
  return contentOf((await client.must(`FETCH ${message} (BODY.PEEK[${name}])`)).untagged);
}

const written = corpus.map((octets) => ({ octets: Buffer.from(octets, 'latin1') }));

test('C20: BODY[] is the file with CRLF, RFC822.SIZE its length, HEADER and TEXT its two halves', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, written),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      for (const [index, file] of corpus.entries()) {
        const message = index + 1;
        const whole = await section(client, message, '');
        const { untagged } = await client.must(`FETCH ${message} (RFC822.SIZE)`);

        assert.equal(whole, onTheWire(file), `message ${message}`);
        assert.deepEqual(untagged, [`* ${message} FETCH (RFC822.SIZE ${whole.length})`]);
        assert.equal((await section(client, message, 'HEADER')) + (await section(client, message, 'TEXT')), whole);
      }
    },
  );
});

test('C21: every piece of a section is that slice of it, and every part is found in BODY[]', async () => {
  const sections = ['', 'TEXT', 'HEADER', '1', '2', '1.1', '1.HEADER', '1.TEXT', '1.MIME', '2.MIME'];
  await withMaildir(
    (maildir) => writeMessages(maildir, written),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      const places = fc.record({
        message: fc.integer({ min: 1, max: corpus.length }),
        name: fc.constantFrom(...sections),
        offset: fc.oneof(fc.nat(40), fc.nat(110_000)),
        count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 })),
      });
      await fc.assert(
        fc.asyncProperty(places, async ({ message, name, offset, count }) => {
          const { untagged } = await client.must(`FETCH ${message} (BODY.PEEK[${name}])`);
          const whole = contentOf(untagged);
          const partial = await client.must(`FETCH ${message} (BODY.PEEK[${name}]<${offset}.${count}>)`);

          assert.equal(contentOf(partial.untagged), whole.slice(offset, offset + count));
          assert.ok((await section(client, message, '')).includes(whole) || name.endsWith('MIME') || whole === '\r\n');
        }),
        { numRuns: 300 },
      );
    },
  );
});

const LARGE_OCTETS = 50_000_000;

/** A message with a text and an attachment of 50 MB. */
function largeMessage(): Buffer {
  const head = 'Subject: large\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nShort text.\n--b\n\n';
  const line = `${'QUJD'.repeat(18)}\n`;
  return Buffer.from(`${head}${line.repeat(Math.ceil(LARGE_OCTETS / line.length))}--b--\n`);
}

/** Turns of the event loop: whatever the server can do without the client, it has done afterwards. */
async function letItWork(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('attacks 24: a server whose client does not read stops producing', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, [{ octets: largeMessage() }]),
    async ({ maildir }) => {
      await withSilentClient(maildir, async (client, logged) => {
        client.write('a SELECT INBOX\r\nb FETCH 1 (BODY.PEEK[] BODY.PEEK[] BODY.PEEK[])\r\n');
        await letItWork();
        const before = process.memoryUsage().rss;
        await letItWork();

        assert.ok(process.memoryUsage().rss - before < 20_000_000);
        assert.deepEqual(logged, []);
      });
    },
  );
});

test('a file that is cut while it is sent ends the connection and never gives a wrong count', async () => {
  const line = `${'x'.repeat(63)}\n`;
  let paths: string[] = [];
  await withMaildir(
    (maildir) => {
      paths = writeMessages(maildir, [{ octets: `Subject: a\n\n${line.repeat(100_000)}` }]);
    },
    async ({ maildir, client: other }) => {
      await withSilentClient(maildir, async (client, logged) => {
        client.write('a SELECT INBOX\r\nc FETCH 1 (BODY.PEEK[])\r\n');
        await letItWork();
        for (const path of paths) truncateSync(path, 1_000_000);
        let received = '';
        for await (const octets of client) received = (received + String(octets)).slice(-100);

        assert.ok(received.endsWith('x') || received.endsWith('\r\n'), received);
        assert.doesNotMatch(received, /c (OK|NO|BAD)/);
        assert.match(logged.join('\n'), /a literal of 6500014 octets was announced/);
      });
      await other.must('SELECT INBOX');
      assert.equal((await section(other, 1, '')).length, 1_015_626);
    },
  );
});
