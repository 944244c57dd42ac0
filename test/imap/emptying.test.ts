/**
 * IMAP_EMPTYTRASH: what is removed after a login, and what is not. The clock is turned, because nobody can make a file old.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HandClock, SessionFixture } from '../support/session-fixture.js';

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('empty');
  t.after(() => fixture.close());
  for (const folder of ['.Trash', '.Spam', '.Trash.Old']) {
    for (const name of ['', 'cur', 'new', 'tmp']) mkdirSync(join(fixture.maildir, folder, name), { recursive: true });
  }
  const put = (path: string): void => writeFileSync(join(fixture.maildir, path), 'Subject: x\n\nx\n');
  const left = (folder: string): string[] =>
    ['new', 'cur'].flatMap((place) => readdirSync(join(fixture.maildir, folder, place))).sort();
  return { fixture, put, left };
}

/** The clock of the fixture begins in the past of the files, so it is set to the present first. */
function setClock(clock: HandClock, daysFromNow: number): void {
  clock.turn((Date.now() - clock.now()) / 1000 + daysFromNow * DAY_SECONDS);
}

/** Lets what was begun by a timer end. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const emptyTrash = [
  { folder: 'Trash', days: 7 },
  { folder: 'Spam', days: 30 },
];

test('messages leave the trash after so many days, and only there', async (t) => {
  const { fixture, put, left } = scene(t);
  for (const folder of ['.', '.Trash', '.Spam', '.Trash.Old'])
    for (const place of ['new/1.a', 'cur/1.b:2,S']) put(join(folder, place));
  const server = fixture.server({ emptyTrash, logDeletions: true });

  setClock(fixture.clock, 6.9);
  await fixture.arrive(server).until('t OK');
  fixture.clock.turn(2);
  await settle();
  assert.deepEqual(left('.Trash'), ['1.a', '1.b:2,S']);

  setClock(fixture.clock, 7.1);
  await fixture.arrive(server).until('t OK');
  fixture.clock.turn(2);
  await settle();
  assert.deepEqual(left('.Trash'), []);
  for (const folder of ['.', '.Spam', '.Trash.Old']) assert.deepEqual(left(folder), ['1.a', '1.b:2,S']);
  assert.deepEqual(
    fixture.log.filter((line) => line.includes('EMPTIED')),
    ['info: EMPTIED, user=bob, ip=[192.0.2.7], port=[40112], folder=INBOX.Trash, messages=2, days=7'],
  );
});

test('a login does not wait for it, and it is done once an hour', async (t) => {
  const { fixture, put, left } = scene(t);
  const server = fixture.server({ emptyTrash });
  put('.Trash/cur/1.a:2,');
  setClock(fixture.clock, 8);
  await fixture.arrive(server).until('t OK');
  assert.deepEqual(left('.Trash'), ['1.a:2,']);
  fixture.clock.turn(2);
  await settle();
  assert.deepEqual(left('.Trash'), []);

  put('.Trash/cur/1.b:2,');
  await fixture.arrive(server).until('t OK');
  fixture.clock.turn(2);
  await settle();
  assert.deepEqual(left('.Trash'), ['1.b:2,']);
  fixture.clock.turn(HOUR_SECONDS);
  await fixture.arrive(server).until('t OK');
  fixture.clock.turn(2);
  await settle();
  assert.deepEqual(left('.Trash'), []);
});

test('a session that looks at the folder is told, and the quota knows', async (t) => {
  const { fixture, put } = scene(t);
  put('.Spam/cur/1.a,S=14:2,');
  writeFileSync(join(fixture.maildir, 'maildirsize'), '1000S\n          14            1\n');
  setClock(fixture.clock, 0);
  const looking = fixture.client({}, { clock: new HandClock() });
  await looking.command('a1 SELECT INBOX.Spam');

  setClock(fixture.clock, 31);
  await fixture.arrive(fixture.server({ emptyTrash })).until('t OK');
  fixture.clock.turn(2);
  await settle();

  assert.match(await looking.command('a2 NOOP'), /^\* 1 EXPUNGE$/m);
  assert.equal(
    readFileSync(join(fixture.maildir, 'maildirsize'), 'latin1'),
    '1000S\n          14            1\n         -14           -1\n',
  );
});

test('nothing is removed where nothing is set, and a folder that is not there is no trouble', async (t) => {
  const { fixture, put, left } = scene(t);
  put('.Trash/cur/1.a:2,');
  setClock(fixture.clock, 900);
  for (const settings of [{}, { emptyTrash: [{ folder: 'Nowhere', days: 1 }] }]) {
    await fixture.arrive(fixture.server(settings)).until('t OK');
    fixture.clock.turn(2);
    await settle();
  }
  assert.deepEqual(left('.Trash'), ['1.a:2,']);
  assert.deepEqual(
    fixture.log.filter((line) => !line.includes('LOGIN')),
    [],
  );
});
