/**
 * Our list of sizes beside Courier's: both take over what the other left, give every message the same unique id and size,
 * and write the same file (P3, attacks 80). Two cases are ours alone: a file whose last line has no end is counted as it is
 * sent, and one with CRLF, too; Debian's Courier counts both wrong.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { courierPop3Target, giveToMailUser } from '../support/peer-targets.js';
import { testStore } from '../support/test-store.js';
import type { TargetConnection } from '../support/transcript-target.js';

const LIST = 'courierpop3dsizelist';
const scratches: Scratch[] = [];
after(() => {
  for (const scratch of scratches) scratch.remove();
});

/** A maildir of its own, empty or a copy. */
function maildirLike(other?: string): string {
  const scratch = scratchDirectory('pop3-courier');
  scratches.push(scratch);
  const maildir = join(scratch.path, 'Maildir');
  if (other !== undefined) cpSync(other, maildir, { recursive: true, preserveTimestamps: true });
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, name), { recursive: true });
  giveToMailUser(scratch.path);
  return maildir;
}

interface Told {
  readonly ids: readonly string[];
  readonly sizes: readonly string[];
}

/** What Courier's POP3 tells of a maildir. */
async function askCourier(maildir: string): Promise<Told> {
  const target = await courierPop3Target({ maildir, settings: {}, options: {} });
  try {
    const connection = await target.connect(1, { loggedIn: true, plain: true });
    const ids = await listing(connection, 'UIDL');
    const sizes = await listing(connection, 'LIST');
    connection.send(Buffer.from('QUIT\r\n'));
    while ((await connection.receive()) !== undefined);
    return { ids, sizes };
  } finally {
    await target.close();
  }
}

async function listing(connection: TargetConnection, command: string): Promise<string[]> {
  connection.send(Buffer.from(`${command}\r\n`));
  let said = '';
  while (!said.endsWith('\r\n.\r\n')) said += (await connection.receive())?.toString('latin1');
  return said.split('\r\n').slice(1, -2);
}

/** What ours would tell. */
async function askOurs(maildir: string): Promise<Told> {
  const store = testStore();
  const maildrop = await store.peek(maildir).maildrop();
  const numbers = Array.from({ length: maildrop.count }, (_, index) => index);
  const ids = numbers.map((index) => `${index + 1} ${maildrop.uniqueIdAt(index)}`);
  const sizes = numbers.map((index) => `${index + 1} ${maildrop.sizeOctetsAt(index)}`);
  await store.close();
  giveToMailUser(maildir);
  return { ids, sizes };
}

const listOf = (maildir: string): string => readFileSync(join(maildir, LIST), 'latin1');

const bodies = [
  'Subject: plain\n\nHello.\n',
  'Subject: dots\n\n.\n..\n',
  'Subject: K\u00e4se\n\nHello.\n',
  'Subject: body\n\nGr\u00fcn.\n',
  '\nNo header.\n',
  'Subject: only a header\n',
  `Subject: long\n\n${'x'.repeat(200_000)}\n`,
  `Subject: many\n\n${'line\n'.repeat(20_000)}`,
  `Subject: late\n${'X-Field: value\n'.repeat(9_000)}X-Last: \u00e4\n\nHello.\n`,
  'Subject: a\rb\n\nA CR\ralone.\n',
  '\n',
];

const names = [
  '1700000001.M1.mx',
  '999.M2.mx',
  '1700000003.M3P4.mx,S=33',
  '1700000002.a b.mx',
  'abc',
  '17',
  '1700000003.M3.mx',
];

/** Puts so many more messages into new or cur. */
function deliver(maildir: string, from: number, count: number): void {
  for (let number = from; number < from + count; number += 1) {
    const name = names[number] ?? `${1_700_000_100 + ((number * 7919) % 1000)}.M${number}.mx`;
    const isNew = number % 3 === 0;
    const path = isNew ? `new/${name}` : `cur/${name}:2,${number % 2 === 0 ? 'S' : ''}`;
    writeFileSync(join(maildir, path), bodies[number % bodies.length] ?? '');
  }
  giveToMailUser(maildir);
}

/** What happens to mail between two visits: it is removed, and it gets other flags. */
function disturb(maildir: string): void {
  const cur = join(maildir, 'cur');
  for (const [index, name] of readdirSync(cur).sort().entries()) {
    if (index % 5 === 1) rmSync(join(cur, name));
    else if (index % 5 === 2) renameSync(join(cur, name), join(cur, `${name.replace(/:.*/, '')}:2,FRS`));
  }
}

test('P3: a maildir that Courier served keeps its unique ids, sizes and list with us, and the other way round', async () => {
  const maildir = maildirLike();
  deliver(maildir, 0, 40);
  const first = await askCourier(maildir);
  const list = listOf(maildir);

  assert.deepEqual(await askOurs(maildir), first);
  assert.equal(listOf(maildir), list);

  for (const round of [1, 2, 3]) {
    disturb(maildir);
    deliver(maildir, round * 100, 12);
    const copy = maildirLike(maildir);
    const told = await askOurs(maildir);
    assert.deepEqual(await askCourier(copy), told);
    assert.equal(listOf(maildir), listOf(copy));
    assert.deepEqual(await askCourier(maildir), told);
    assert.equal(listOf(maildir), listOf(copy));
  }
});

test('P3: lists that others damaged are read as Courier reads them', async () => {
  const lines = ['1700000001.M1.mx:2, 24 7:77:0', '999.M2.mx:2,S 30 8:77:1'];
  const damages = [
    ['/3 40 77', '', ...lines],
    ['/3  40  77', ...lines, 'nonsense', '1700000002.a b.mx:2,S 10 x:1:0'],
    ['/3 40 77 more', ...lines.map((line) => `${line}:9`)],
    ['/2 40 77', ...lines.map((line) => line.replace(/:\d$/, ''))],
    ['/4 40 77', ...lines],
    ['/3 40 77\r', ...lines.map((line) => `${line}\r`)],
    ['/3 40 77', ...lines, '1700000002.gone:2, 1 39:77:0'],
  ];
  for (const damaged of damages) {
    const maildir = maildirLike();
    deliver(maildir, 1, 6);
    writeFileSync(join(maildir, LIST), `${damaged.join('\n')}\n`);
    giveToMailUser(maildir);
    const copy = maildirLike(maildir);

    assert.deepEqual(await askOurs(maildir), await askCourier(copy), damaged.join('\n'));
    assert.equal(listOf(maildir), listOf(copy));
  }
});
