/** COMPRESS=DEFLATE with a client that has the real zlib: what transcripts, which are text, cannot show (RFC 4978). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import { waitUntil } from '../support/processes.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

/** The client's half, from the answer to COMPRESS on. */
class DeflatedClient {
  readonly #client: TestClient;
  readonly #deflate = createDeflateRaw();
  readonly #inflate = createInflateRaw();
  #received = '';
  #wake: () => void = () => {};

  constructor(client: TestClient) {
    this.#client = client;
    client.stream.removeAllListeners('data');
    client.stream.on('data', (octets: Buffer) => this.#inflate.write(octets));
    this.#deflate.on('data', (octets: Buffer) => void client.stream.write(octets));
    this.#inflate.on('data', (octets: Buffer) => {
      this.#received += octets.toString('latin1');
      this.#wake();
    });
  }

  async send(text: string): Promise<void> {
    this.#deflate.write(Buffer.from(text, 'latin1'));
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
  }

  /** Gives all that came, up to the end of the line that begins with `start`. */
  async line(start: string): Promise<string> {
    for (;;) {
      const found = new RegExp(`(^|\r\n)${start}.*\r\n`).exec(this.#received);
      if (found !== null) {
        const end = found.index + found[0].length;
        const taken = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return taken.replaceAll('\r\n', '\n');
      }
      if (this.#client.closed) throw new Error(`closed before ${start}: ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 50);
      });
    }
  }
}

async function withCompression(
  maildir: string,
  run: (client: DeflatedClient, parts: { fixture: SessionFixture; plain: TestClient }) => Promise<void>,
): Promise<void> {
  const fixture = new SessionFixture(maildir);
  try {
    const plain = fixture.client();
    assert.match(await plain.command('a CAPABILITY'), / COMPRESS=DEFLATE\b/);
    assert.equal(await plain.command('b COMPRESS deflate'), 'b OK DEFLATE active\n');
    await run(new DeflatedClient(plain), { fixture, plain });
  } finally {
    await fixture.close();
  }
}

test('commands and answers are compressed behind the OK', () =>
  withCompression('five-letters', async (client) => {
    await client.send('c SELECT INBOX\r\n');
    assert.match(await client.line('c OK'), /\* 5 EXISTS/);
    await client.send('d FETCH 1:* (BODY.PEEK[])\r\n');
    assert.match(await client.line('d OK'), /\* 5 FETCH \(BODY\[\] \{\d+\}/);
    await client.send('e LOGOUT\r\n');
    assert.match(await client.line('e OK'), /^\* BYE /);
  }));

test('a second COMPRESS is refused, and the first goes on', () =>
  withCompression('empty', async (client) => {
    await client.send('c COMPRESS DEFLATE\r\n');
    assert.equal(await client.line('c '), 'c NO [COMPRESSIONACTIVE] DEFLATE is active already.\n');
    await client.send('d CAPABILITY\r\n');
    assert.doesNotMatch(await client.line('d OK'), /COMPRESS/);
  }));

test('the compressing half is let go when it is idle, and a client notices nothing', () =>
  withCompression('five-letters', async (client, { fixture }) => {
    await client.send('c SELECT INBOX\r\n');
    await client.line('c OK');
    for (const tag of ['d', 'e', 'f']) {
      fixture.clock.turn(10);
      await client.send(`${tag} FETCH 1:* (FLAGS)\r\n`);
      assert.match(await client.line(`${tag} OK`), /\* 5 FETCH \(FLAGS \(.*\)\)/);
    }
  }));

test('literals and APPEND work when they are compressed, cut anywhere', () =>
  withCompression('empty', async (client) => {
    const message = 'Subject: test\r\n\r\nIt is compressed.\r\n';
    for (const octet of `c APPEND INBOX {${message.length}+}\r\n${message}\r\n`) await client.send(octet);
    assert.match(await client.line('c '), /^c OK \[APPENDUID /m);
    await client.send(`d APPEND INBOX {${message.length}}\r\n`);
    assert.equal(await client.line('\\+ '), '+ OK\n');
    await client.send(`${message}\r\n`);
    assert.match(await client.line('d '), /^d OK \[APPENDUID /m);
  }));

test('a line that inflates without end is refused like one that does not, and takes no memory', () =>
  withCompression('empty', async (client, { plain }) => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1_048_576, 'x'));
    const before = process.memoryUsage();
    plain.stream.write(bomb.subarray(0, bomb.length - 8));
    assert.match(await client.line('\\* BAD'), /too long/i);
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 16 * 1_048_576);
  }));

test('octets that are not compressed end the session', async () => {
  const fixture = new SessionFixture('empty');
  try {
    const client = fixture.client();
    await client.command('a COMPRESS DEFLATE');
    client.send('b NOOP\r\nthis is no block\r\n');
    await client.done;
    assert.match(fixture.log.at(-1) ?? '', /^info: DISCONNECTED, user=bob/);
  } finally {
    await fixture.close();
  }
});

test('a client that goes away while it is compressed leaves nothing behind', () =>
  withCompression('one-unread', async (client, { fixture, plain }) => {
    await client.send('c SELECT INBOX\r\nd IDLE\r\n');
    await client.line('\\+ ');
    plain.vanish();
    await plain.done;
    await waitUntil('no timer is left', () => fixture.clock.timers === 0);
    assert.match(fixture.log.at(-1) ?? '', /^info: DISCONNECTED, user=bob/);
  }));
