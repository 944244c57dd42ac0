/**
 * L2: IMAPDEBUGFILE, the trace of one account's sessions.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SessionFixture } from '../support/session-fixture.js';

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('empty');
  t.after(() => fixture.close());
  const file = join(fixture.maildir, 'imaplog.dat');
  const server = fixture.server({ debugFile: 'imaplog.dat' });
  return { fixture, file, server, traced: (): string => readFileSync(file, 'latin1') };
}

const TIME = '2026-11-21T00:00:00\\.000Z';

test('L2: a session is traced where the file is, from login to logout', async (t) => {
  const { fixture, file, server, traced } = scene(t);
  const before = fixture.arrive(server);
  await before.until('LOGIN Ok.\n');
  writeFileSync(file, '');
  assert.match(await before.command('a0 NOOP'), /OK/);
  assert.equal(traced(), '', 'a session that had begun is not traced');

  const client = fixture.arrive(server);
  await client.until('LOGIN Ok.\n');
  await client.command('a1 NOOP');
  await client.command('a2 STATUS INBOX (MESSAGES)');
  assert.match(
    traced(),
    new RegExp(`^${TIME} READ: a1 NOOP\\n${TIME} WRITE: a1 OK NOOP completed\\n${TIME} READ: a2 STATUS`, 'm'),
  );
  assert.match(traced(), /WRITE: t OK .*LOGIN Ok\.$/m);

  rmSync(file);
  const after = fixture.arrive(server);
  await after.until('LOGIN Ok.\n');
  assert.equal(existsSync(file), false);
});

test('what follows UNAUTHENTICATE is not traced, and what is long is cut', async (t) => {
  const { fixture, file, server, traced } = scene(t);
  writeFileSync(file, '');
  const client = fixture.arrive(server);
  await client.until('LOGIN Ok.\n');
  const size = 200_000;
  client.send(`a APPEND INBOX {${size}+}\r\n${'x'.repeat(size)}\r\n`);
  await client.until('a OK');
  assert.ok(traced().length < size + 10_000);

  client.send('b UNAUTHENTICATE\r\nc LOGIN bob very-secret\r\n');
  await client.until('c ');
  assert.match(traced(), /READ: b UNAUTHENTICATE\n$/);
  assert.doesNotMatch(traced(), /very-secret/);
});

test('a file that cannot be written keeps nobody from his mail', async (t) => {
  const { fixture, file, server } = scene(t);
  mkdirSync(file);
  const client = fixture.arrive(server);
  await client.until('LOGIN Ok.\n');
  assert.match(await client.command('a NOOP'), /a OK/);
});

test('L2: a client that logs in once more leaves no password, however its octets come', async (t) => {
  for (const cut of [1, 3, 6, 8, 12, 16, 20]) {
    const { fixture, file, server, traced } = scene(t);
    writeFileSync(file, '');
    const client = fixture.arrive(server);
    await client.until('LOGIN Ok.\n');
    const text = 'a LOGIN bob very-secret\r\n';
    client.send(text.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.send(text.slice(cut));
    await client.until('a ');
    client.send('b LOGIN {3}\r\n');
    await client.until('+ ');
    client.send('bob {11}\r\n');
    await client.until('+ ');
    client.send('very-secret\r\n');
    await client.until('b ');
    await client.command('c NOOP');
    assert.doesNotMatch(traced(), /very|secret/, `cut at ${cut}`);
    assert.match(traced(), /READ: c NOOP/);
  }
});

test('L2: a trace begins for a session that is there when the administrator has the file looked for, and ends so', async (t) => {
  const { fixture, file, server, traced } = scene(t);
  const client = fixture.arrive(server);
  await client.until('LOGIN Ok.\n');
  assert.equal(server.lookForTraces({}).length, 0);
  writeFileSync(file, '');
  assert.equal(server.lookForTraces({ user: 'somebody else' }).length, 0);
  assert.equal(server.lookForTraces({ user: 'bob' }).length, 1);
  assert.equal(server.lookForTraces({}).length, 1, 'once more changes nothing');
  await client.command('a NOOP');
  assert.match(traced(), /READ: a NOOP/);
  rmSync(file);
  assert.equal(server.lookForTraces({}).length, 0);
  await client.command('b NOOP');
  assert.equal(existsSync(file), false);
});
