/**
 * Whatever is done to a maildir, in whatever order, the sum of the lines of `maildirsize` is what the files amount to, and
 * never more than the limit.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MaildirError } from '../../maildir/errors.js';
import { ALL_FLAGS, DELETED, DRAFT, SEEN } from '../../maildir/flags.js';
import type { Maildir } from '../../maildir/maildir.js';
import { append, makeMaildir, openStore, scratchDirectory } from './scratch.js';

const FOLDERS = ['INBOX', 'INBOX.Trash', 'INBOX.Trash.Old', 'INBOX.Work'];
const LIMIT_OCTETS = 400;
const LIMIT_MESSAGES = 9;

const folder = fc.constantFrom(...FOLDERS);
const pick = fc.nat(20);
const flags = fc.constantFrom(0, SEEN, DELETED, DELETED | DRAFT);
const within = fc.constantFrom(undefined, { flags: ALL_FLAGS & ~DELETED, keywords: true });

const step = fc.oneof(
  fc.record({ act: fc.constant('append' as const), folder, flags }),
  fc.record({
    act: fc.constant('store' as const),
    folder,
    pick,
    flags,
    operation: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
  }),
  fc.record({ act: fc.constant('copy' as const), folder, pick, to: folder, within }),
  fc.record({ act: fc.constant('move' as const), folder, pick, to: folder, within }),
  fc.record({ act: fc.constant('remove' as const), folder, pick }),
  fc.record({ act: fc.constant('deliver' as const), octets: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ act: fc.constant('rename' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Another program delivers, and writes its line, if there is room. */
function deliverAsOthers(path: string, octets: number, number: number): void {
  const [usedOctets, usedMessages] = figure(path);
  if (usedOctets + octets > LIMIT_OCTETS || usedMessages + 1 > LIMIT_MESSAGES) return;
  writeFileSync(join(path, 'new', `17000000${number}.other.mx,S=${octets}`), 'x'.repeat(octets));
  const line = `${String(octets).padStart(12)} ${'1'.padStart(12)}\n`;
  writeFileSync(join(path, 'maildirsize'), line, { flag: 'a' });
}

function figure(path: string): [number, number] {
  const [, ...lines] = readFileSync(join(path, 'maildirsize'), 'latin1').trimEnd().split('\n');
  const sum = (column: number): number =>
    lines.reduce((total, line) => total + Number(line.trim().split(/ +/)[column]), 0);
  return [sum(0), sum(1)];
}

function truth(path: string): [number, number] {
  const folders = readdirSync(path).filter((name) => name.startsWith('.') && name !== '.Trash');
  const names = ['', ...folders].flatMap((name) =>
    ['new', 'cur'].flatMap((place) => readdirSync(join(path, name, place))),
  );
  const counting = names.filter((name) => !/:2,\w*T/.test(name));
  return [counting.reduce((total, name) => total + Number(/,S=(\d+)/.exec(name)?.[1]), 0), counting.length];
}

async function run(maildir: Maildir, one: Step, number: number): Promise<void> {
  if (one.act === 'deliver') return deliverAsOthers(maildir.path, one.octets, number);
  if (one.act === 'rename') {
    await maildir.renameFolder('INBOX.Work', 'INBOX.Work2');
    return maildir.renameFolder('INBOX.Work2', 'INBOX.Work');
  }
  const source = maildir.folder(one.folder);
  if (one.act === 'append') return void (await append(source, `m${number}`, one.flags));
  await source.refresh();
  const { table } = source;
  if (table.count === 0) return;
  const uids = [table.uidAt(one.pick % table.count), table.uidAt((one.pick * 7) % table.count)];
  if (one.act === 'store') await source.changeFlags(uids, { operation: one.operation, flags: one.flags, keywords: [] });
  else if (one.act === 'remove') await source.removeMessages(uids);
  else if (one.act === 'copy') await source.copyTo(maildir.folder(one.to), uids, one.within);
  else if (one.to !== one.folder) await source.moveTo(maildir.folder(one.to), uids, one.within);
}

test('the figure is what the files amount to, after every step', async (t) => {
  const path = join(scratchDirectory(t), 'Maildir');
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
    rmSync(path, { recursive: true, force: true });
    makeMaildir(path);
    for (const name of FOLDERS.slice(1)) makeMaildir(join(path, name.slice('INBOX'.length)));
    writeFileSync(
      join(path, 'maildirsize'),
      `${LIMIT_OCTETS}S,${LIMIT_MESSAGES}C\n${'0'.padStart(12)} ${'0'.padStart(12)}\n`,
    );
    const store = openStore({ durable: false });
    const maildir = store.open(path);
    for (const [number, one] of steps.entries()) {
      try {
        await run(maildir, one, number);
      } catch (error) {
        if (!(error instanceof MaildirError && error.kind === 'over quota')) throw error;
      }
      const [octets, messages] = figure(path);
      assert.deepEqual([octets, messages], truth(path), `after step ${number}, ${JSON.stringify(one)}`);
      assert.ok(octets <= LIMIT_OCTETS && messages <= LIMIT_MESSAGES);
    }
    await store.close();
  });
  await fc.assert(property, { numRuns: 60 });
});
