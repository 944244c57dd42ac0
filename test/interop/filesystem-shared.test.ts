/**
 * Folders that file permissions share (S2), as Debian's Courier and as ours serve them: a maildir of another uid, made
 * with Courier's maildirmake, and the same answers from both, to the same commands, in turns on the same files.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ImapClient } from '../support/imap-client.js';
import { giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { courierTarget, giveToMailUser, mailIds } from '../support/peer-targets.js';
import { preauthTarget } from '../support/preauth-target.js';
import type { MakeTarget } from '../support/transcript-target.js';

const COURIER_MAILDIRMAKE = '/usr/bin/maildirmake.courier';
const OUR_MAILDIRMAKE = join(programs, 'maildirmake');

/** The owner of the shared maildir. */
const PUBLISHER = 5001;

interface Lasting {
  after(run: () => void | Promise<void>): void;
}

/** bob, and a maildir of another uid that has folders for him. */
class Site {
  readonly home: string;
  readonly maildir: string;
  readonly shared: string;
  readonly #courierIsMaker: boolean;
  readonly #test: Lasting;

  constructor(test: Lasting, path: string, courierIsMaker: boolean) {
    assert.equal(process.getuid?.(), 0, 'this test needs root, to be two users');
    this.#courierIsMaker = courierIsMaker;
    this.#test = test;
    this.home = join(path, 'bob');
    this.maildir = join(this.home, 'Maildir');
    this.shared = join(path, 'pub', 'Maildir');
    mkdirSync(this.home);
    mkdirSync(join(path, 'pub'));
    this.make([this.maildir]);
    this.make(['-S', this.shared]);
    this.make(['-s', 'read', '-f', 'News', this.shared]);
    this.make(['-s', 'write', '-f', 'Board', this.shared]);
    this.make(['-s', 'write', '-f', 'Board.Sub', this.shared]);
    this.make(['-f', 'Private', this.shared]);
    for (const number of [1, 2]) {
      this.deliver(`.News/cur/170000000${number}.M${number}.mx:2,`);
      this.deliver(`.Board/cur/170000000${number}.M${number}.mx:2,S`);
    }
    this.make(['--add', `pub=${this.shared}`, this.maildir]);
    giveToMailUser(this.home);
    giveTo(join(path, 'pub'), PUBLISHER, PUBLISHER);
  }

  make(words: readonly string[]): void {
    execFileSync(this.#courierIsMaker ? COURIER_MAILDIRMAKE : OUR_MAILDIRMAKE, words, { stdio: 'pipe' });
  }

  deliver(place: string, old = true): void {
    const path = join(this.shared, place);
    writeFileSync(path, `Subject: ${place}\n\nhello\n`);
    chmodSync(path, 0o644);
    // Courier compares whole seconds, and looks again only at what is older.
    const directory = join(path, '..');
    const then = Date.now() / 1000 - (old ? 10 : 0);
    utimesSync(directory, then, then);
  }

  /** A session that ends with the test, however that ends. */
  async connect(make: MakeTarget): Promise<Connected> {
    const connected = await connect(make, this.maildir);
    this.#test.after(() => connected.close());
    return connected;
  }
}

interface Connected {
  ask(command: string): Promise<string[]>;
  close(): Promise<void>;
}

async function connect(make: MakeTarget, maildir: string): Promise<Connected> {
  const target = await make({ maildir, settings: {}, options: {} });
  const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
  return {
    async ask(command) {
      const literal = /^APPEND/.test(command) ? Buffer.from('Subject: x\r\n\r\nx\r\n') : undefined;
      const { status, untagged } = await client.send(command, literal);
      const told = untagged.filter((line) => /^\* (LIST|LSUB|STATUS|NAMESPACE|\d+ (EXISTS|FETCH|EXPUNGE))/.test(line));
      return [...told.map(withoutRecent).sort(), status];
    },
    async close() {
      client.close();
      await target.close();
    },
  };
}

/** Who counts as first to be told is not the point here. */
function withoutRecent(line: string): string {
  return line
    .replace(/ ?\\Recent/, '')
    .replace(/FLAGS \((.*)\)\)/, (_all, flags: string) => `FLAGS (${flags.trim().split(' ').sort().join(' ')}))`);
}

function site(t: Lasting, courierIsMaker = true): Site {
  const scratch = scratchDirectory('filesystem-shared');
  t.after(() => scratch.remove());
  return new Site(t, scratch.path, courierIsMaker);
}

const script = [
  'NAMESPACE',
  'LIST "" "*"',
  'LIST "" "%"',
  'LIST "" "shared"',
  'LIST "" "shared.*"',
  'LIST "" "shared.%"',
  'LIST "" "SHARED.pub.%"',
  'LIST "" "s*"',
  'LIST "" "shared.pub"',
  'LIST "shared" "*"',
  'LIST "shared." "%"',
  'LIST "" "*.Board"',
  'LSUB "" "*"',
  'STATUS "shared.pub.News" (MESSAGES UIDNEXT UNSEEN)',
  'LSUB "" "*"',
  'SUBSCRIBE "shared.pub.News"',
  'SUBSCRIBE "shared.nobody.x"',
  'SELECT "shared.pub.News"',
  'FETCH 1:* (UID FLAGS)',
  'CLOSE',
  'SELECT "shared.pub.Board"',
  'FETCH 1:* (UID FLAGS)',
  'STORE 1 +FLAGS (\\Flagged)',
  'COPY 2 "shared.pub.Board"',
  'NOOP',
  'STORE 2:3 +FLAGS (\\Deleted)',
  'EXPUNGE',
  'FETCH 1:* (UID FLAGS)',
  'COPY 1 "shared.pub.News"',
  'COPY 1 INBOX',
  'STATUS INBOX (MESSAGES)',
  'CREATE "shared.pub.Board.new"',
  'CREATE "shared.x"',
  'RENAME "shared.pub.Board" "shared.pub.B2"',
  'SELECT INBOX',
  'FETCH 1 (FLAGS)',
  'LSUB "" "*"',
  'LSUB "" "shared.%"',
  'DELETE "shared.pub.News"',
  'UNSUBSCRIBE "shared.pub.News"',
  'UNSUBSCRIBE "shared.pub.Board"',
  'LSUB "" "*"',
];

describe('S2: folders that file permissions share', () => {
  test('are served as Courier serves them', async (t) => {
    const answers: Record<string, string[]>[] = [];
    for (const make of [courierTarget, preauthTarget]) {
      const connected = await site(t).connect(make);
      const told: Record<string, string[]> = {};
      for (const [index, command] of script.entries()) {
        const answer = await connected.ask(command);
        // Courier tells of a copy into the selected mailbox with the next command.
        told[`${index} ${command}`] = /^(COPY|NOOP)/.test(command) ? answer.slice(-1) : answer;
      }
      await connected.close();
      answers.push(told);
    }

    assert.deepEqual(answers[1], answers[0]);
  });

  test('are the same folders for both, one after the other', async (t) => {
    const place = site(t, false);
    const look = async (make: MakeTarget): Promise<string[]> => {
      const connected = await place.connect(make);
      await connected.ask('SELECT shared.pub.Board');
      const seen = await connected.ask('FETCH 1:* (UID FLAGS BODY.PEEK[])');
      await connected.close();
      return seen;
    };
    const work = async (make: MakeTarget, commands: readonly string[]): Promise<void> => {
      const connected = await place.connect(make);
      await connected.ask('SELECT shared.pub.Board');
      for (const command of commands) assert.equal((await connected.ask(command)).at(-1), 'OK', command);
      await connected.close();
    };

    assert.deepEqual(await look(preauthTarget), await look(courierTarget));
    await work(courierTarget, [
      'STORE 1 +FLAGS (\\Seen \\Flagged)',
      'APPEND shared.pub.Board (\\Seen)',
      'COPY 2 INBOX',
    ]);
    assert.deepEqual(await look(preauthTarget), await look(courierTarget));
    await work(preauthTarget, ['STORE 2 +FLAGS (\\Answered)', 'COPY 1 shared.pub.Board', 'APPEND shared.pub.Board']);
    const ours = await look(preauthTarget);
    assert.deepEqual(ours, await look(courierTarget));
    assert.equal(ours.length, 6);
    await work(preauthTarget, ['STORE 3:5 +FLAGS (\\Deleted)', 'EXPUNGE']);
    assert.deepEqual(await look(courierTarget), await look(preauthTarget));
    assert.equal(readdirSync(join(place.shared, '.Board', 'cur')).length, 2);
  });

  test('show what their owner delivers and removes, to a session that has them selected', async (t) => {
    const place = site(t);
    const connected = await place.connect(preauthTarget);
    await connected.ask('SELECT shared.pub.News');

    place.deliver('.News/cur/1700000009.M9.mx:2,', false);
    assert.deepEqual(await connected.ask('NOOP'), ['* 3 EXISTS', 'OK']);
    execFileSync('/bin/mv', [
      join(place.shared, '.News/cur/1700000001.M1.mx:2,'),
      join(place.shared, '.News/cur/1700000001.M1.mx:2,FS'),
    ]);
    assert.match((await connected.ask('FETCH 1 (FLAGS BODY.PEEK[TEXT])'))[0] ?? '', /FLAGS \(\).*hello/s);
    execFileSync('/bin/rm', [join(place.shared, '.News/cur/1700000002.M2.mx:2,')]);
    assert.deepEqual(await connected.ask('NOOP'), ['* 2 EXISTS', '* 2 EXPUNGE', 'OK']);
    await connected.close();
  });

  test('give nobody what he may not read', async (t) => {
    const place = site(t);
    const connected = await place.connect(preauthTarget);
    for (const command of [
      'SELECT shared.pub.Private',
      'STATUS shared.pub.nothing (MESSAGES)',
      'SUBSCRIBE shared.pub.Private',
      'SELECT "shared.pub.Board/../Private"',
      'SELECT "shared.pub..Board"',
      'SELECT "shared.../etc"',
      'STATUS shared.pub (MESSAGES)',
      'APPEND shared.pub.News',
      'COPY 1 shared.pub.News',
    ]) {
      assert.notEqual((await connected.ask(command)).at(-1), 'OK', command);
    }
    assert.deepEqual(
      readdirSync(place.maildir).filter((name) => name.startsWith('shared')),
      ['shared-maildirs'],
    );
    await connected.close();
  });

  test('lead nowhere through links of their owner, or of the reader', async (t) => {
    const place = site(t);
    const secret = join(place.home, 'secret');
    writeFileSync(secret, 'Subject: secret\n\nsecret\n', { mode: 0o600 });
    giveTo(place.home, mailIds().uid, mailIds().gid);
    symlinkSync(secret, join(place.shared, '.News', 'cur', '1700000005.M5.mx:2,'));
    symlinkSync(place.maildir, join(place.shared, '.Link'));
    const first = await place.connect(preauthTarget);
    assert.equal((await first.ask('LIST "" "shared.pub.Link*"')).length, 1);
    await first.ask('SELECT shared.pub.News');
    const links = join(place.maildir, 'shared-folders', 'pub', 'News', 'cur');
    symlinkSync(secret, join(links, '1700000006.M6.mx:2,'));
    await first.close();

    const second = await place.connect(preauthTarget);
    assert.deepEqual(await second.ask('SELECT shared.pub.News'), ['* 2 EXISTS', 'OK']);
    const all = (await second.ask('FETCH 1:* (BODY.PEEK[])')).join();
    assert.doesNotMatch(all, /secret/);
    await second.close();
  });
});
