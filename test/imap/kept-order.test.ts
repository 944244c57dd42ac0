/**
 * SORT again and again, while messages come, go, change their flags, and become other files: what a folder keeps of the
 * order must never be told when it is not true any more.
 */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

const FIRST_SECOND = 1_700_000_000;
const KEYS = ['SUBJECT', 'FROM', 'DATE', 'ARRIVAL', 'SIZE', 'REVERSE SUBJECT', 'FROM REVERSE DATE'] as const;

type Key = (typeof KEYS)[number];

/** What is done between two SORTs. */
interface Step {
  readonly what: 'deliver' | 'replace' | 'remove' | 'expunge' | 'flag' | 'nothing';
  /** Which message, and what it is like afterwards. */
  readonly pick: number;
  readonly sortBy: Key;
}

function textOf(number: number): string {
  const subject = ['apple', 'Re: pear', 'melon', 'fig', 'Apple'][number % 5] ?? '';
  const date = new Date((FIRST_SECOND + (number % 7) * 3_600) * 1000).toUTCString().replace('GMT', '+0000');
  const from = ['ann', 'bob', 'Cat'][number % 3] ?? '';
  const dated = number % 4 === 0 ? '' : `Date: ${date}\n`;
  return `From: <${from}@example.com>\n${dated}Subject: ${subject}\n\n${'x'.repeat(number % 6)}\n`;
}

/** A maildir in which every change is seen at the next look, whatever the clock of the file system. */
class ChangingMaildir {
  readonly cur: string;
  readonly #tmp: string;
  #changes = 0;

  constructor(maildir: string) {
    this.cur = join(maildir, 'cur');
    this.#tmp = join(maildir, 'tmp', 'other');
  }

  deliver(number: number): void {
    const name = `${FIRST_SECOND + this.#changes}.M${this.#changes}.mx:2,`;
    this.#put(join(this.cur, name), number, FIRST_SECOND + (number % 11) * 60);
  }

  /** Puts another text under a name, and says that it came when the one before came. */
  replace(pick: number, number: number): void {
    const path = this.#path(pick);
    if (path !== undefined) this.#put(path, number, statSync(path).mtimeMs / 1000);
  }

  remove(pick: number): void {
    const path = this.#path(pick);
    if (path !== undefined) unlinkSync(path);
    this.#touch();
  }

  #put(path: string, number: number, arrivedSeconds: number): void {
    writeFileSync(this.#tmp, textOf(number));
    utimesSync(this.#tmp, arrivedSeconds, arrivedSeconds);
    renameSync(this.#tmp, path);
    this.#touch();
  }

  #path(pick: number): string | undefined {
    const names = readdirSync(this.cur).sort();
    const name = names[pick % Math.max(names.length, 1)];
    return name === undefined ? undefined : join(this.cur, name);
  }

  #touch(): void {
    this.#changes += 1;
    utimesSync(this.cur, 1_500_000_000 + this.#changes, 1_500_000_000 + this.#changes);
  }
}

async function run(client: TestClient, maildir: ChangingMaildir, { what, pick }: Step): Promise<void> {
  const number = 1 + (pick % 3);
  if (what === 'deliver') maildir.deliver(pick);
  if (what === 'replace') maildir.replace(pick, pick * 3 + 1);
  if (what === 'remove') maildir.remove(pick);
  if (what === 'flag') await client.command(`f STORE ${number} +FLAGS (\\Flagged)`);
  if (what === 'expunge') {
    await client.command(`e STORE ${number} +FLAGS (\\Deleted)`);
    await client.command('f EXPUNGE');
  }
  await client.command('g NOOP');
}

/** What a session that has never heard of the folder says. */
async function sortedAnew(fixture: SessionFixture, command: string): Promise<string> {
  const other = new SessionFixture();
  try {
    const client = other.client({}, { maildir: other.store.open(fixture.maildir) });
    await client.command('a SELECT INBOX');
    return await client.command(command);
  } finally {
    await other.close();
  }
}

test('SORT says the same whether or not the folder was sorted before', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom('deliver', 'deliver', 'replace', 'remove', 'expunge', 'flag', 'nothing'),
    pick: fc.nat(10_000),
    sortBy: fc.constantFrom(...KEYS),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(80), fc.array(step, { minLength: 1, maxLength: 12 }), async (count, steps) => {
      const fixture = new SessionFixture();
      const maildir = new ChangingMaildir(fixture.maildir);
      for (let number = 0; number < count; number += 1) maildir.deliver(number * 7);
      const client = fixture.client();
      await client.command('a SELECT INBOX');
      for (const key of KEYS) await client.command(`b UID SORT (${key}) UTF-8 ALL`);

      for (const each of steps) {
        await run(client, maildir, each);
        const command = `c UID SORT (${each.sortBy}) UTF-8 ${each.pick % 3 === 0 ? 'UNFLAGGED' : 'ALL'}`;
        assert.equal(await client.command(command), await sortedAnew(fixture, command), command);
      }
      await fixture.close();
    }),
    { numRuns: 60 },
  );
});
