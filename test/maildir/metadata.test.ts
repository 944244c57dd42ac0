/** Annotations on the disk: limits, damage, and several who write at once. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Maildir } from '../../maildir/maildir.js';
import { SHARED } from '../../maildir/metadata.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { testStore } from '../support/test-store.js';

async function inMaildir(run: (maildir: Maildir, path: string) => Promise<void>): Promise<void> {
  const scratch = scratchDirectory('metadata');
  const path = join(scratch.path, 'Maildir');
  copyMaildir('three-messages', path);
  const store = testStore({ useLocks: true });
  try {
    await run(store.open(path), path);
  } finally {
    await store.close();
    scratch.remove();
  }
}

const note = (name: string, value?: string) => ({
  owner: SHARED,
  name,
  value: value === undefined ? undefined : Buffer.from(value),
});

test('annotations that many set at once are all kept, and the file goes with the last one', async () => {
  await inMaildir(async (maildir, path) => {
    const names = Array.from({ length: 20 }, (_, index) => `/shared/vendor/x/${index}`);
    await Promise.all(names.map((name) => maildir.metadata('INBOX').change([note(name, name)])));
    const found = maildir.metadata('INBOX').read();
    assert.deepEqual(found.map(({ name }) => name).sort(), [...names].sort());
    assert.ok(found.every(({ name, value }) => value.toString() === name));

    await maildir.metadata('INBOX').change(names.map((name) => note(name)));
    assert.equal(existsSync(join(path, 'angarium-metadata')), false);
  });
});

test('beyond the limit nothing is kept of a change, and all that was there stays', async () => {
  await inMaildir(async (maildir) => {
    const metadata = maildir.metadata('INBOX');
    await metadata.change([note('/shared/comment', 'kept')]);
    const many = Array.from({ length: 500 }, (_, index) => note(`/shared/vendor/x/${index}`, 'x'));
    await assert.rejects(metadata.change(many), /too many annotations/);
    assert.deepEqual(
      metadata.read().map(({ value }) => value.toString()),
      ['kept'],
    );
  });
});

test('lines that nobody understands are passed over', async () => {
  await inMaildir(async (maildir, path) => {
    const file = join(path, 'angarium-metadata');
    const good = `shared\t/shared/comment\t${Buffer.from('good').toString('base64')}\n`;
    writeFileSync(file, `garbage\n\u0000\u0001\t\t\n${good}user=bob\tno name\teA==\nshared\t/shared/x\t*not base64*\n`);
    const metadata = maildir.metadata('INBOX');
    assert.deepEqual(
      metadata.read().map(({ name }) => name),
      ['/shared/comment'],
    );
    await metadata.change([note('/shared/other', 'more')]);
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 3);
  });
});
