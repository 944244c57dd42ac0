/**
 * The shared mailboxes of a site as Debian's Courier and as ours serve them: the same index, the same maildirs, which
 * Courier's own programs made, and the same answers, whoever of the two wrote the access lists.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ImapClient } from '../support/imap-client.js';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import { courierTarget, giveToMailUser } from '../support/peer-targets.js';
import type { MakeTarget } from '../support/transcript-target.js';

const COURIER_MAILDIRMAKE = '/usr/bin/maildirmake.courier';
const COURIER_MAILDIRACL = '/usr/bin/maildiracl';

/** Homes below a directory, made with Courier's programs. */
class Site {
  readonly path: string;
  readonly index: string;

  constructor(path: string) {
    this.path = path;
    this.index = join(path, 'index');
    for (const name of ['ann', 'bob', 'cat', 'dave', 'eve', 'owner.dot']) {
      mkdirSync(join(path, name));
      execFileSync(COURIER_MAILDIRMAKE, [this.maildir(name)]);
    }
    for (const folder of ['Sent', 'Work.Deep', 'Work.Other']) this.make('ann', folder);
    this.make('eve', 'Pub');
    this.make('cat', 'Secret');
    for (const number of [1, 2, 3]) {
      writeFileSync(
        join(this.maildir('ann'), 'new', `170000000${number}.M${number}.mx`),
        `Subject: ${number}\n\nhello\n`,
      );
    }
    this.share('ann', 'INBOX', 'user=bob', 'lr');
    this.share('ann', 'INBOX.Sent', 'user=bob', 'lrswite');
    this.share('ann', 'INBOX.Work.Deep', 'user=bob', 'lr');
    this.share('eve', 'INBOX.Pub', 'anyone', 'lr');
    this.share('owner.dot', 'INBOX', 'anyone', 'lr');
    this.share('dave', 'INBOX', 'group=team', 'lrs');
    this.share('cat', 'INBOX', 'user=bob', 'lr');
    this.share('cat', 'INBOX.Secret', '-user=bob', 'aceilrstwx');
    const line = (name: string, rest = ''): string => `${name}\t5000\t5000\t${join(path, name)}${rest}\n`;
    const top = [line('ann'), line('bob', '\tMaildir'), line('cat', '\t./Maildir'), line('dave', '\tMaildir\tmore')];
    const nobody = [line('ghost'), 'rubbish\n', '# comment\n', '\n'];
    writeFileSync(this.index, [...top, ...nobody, line('owner.dot'), 'grp\t*\tindexgrp\n'].join(''));
    writeFileSync(join(path, 'indexgrp'), line('eve'));
    writeFileSync(`${this.index}team`, line('dave'));
    giveToMailUser(path);
  }

  maildir(name: string): string {
    return join(this.path, name, 'Maildir');
  }

  make(name: string, folder: string): void {
    execFileSync(COURIER_MAILDIRMAKE, ['-f', folder, this.maildir(name)]);
  }

  share(name: string, folder: string, identifier: string, rights: string): void {
    execFileSync(COURIER_MAILDIRACL, ['-set', this.maildir(name), folder, identifier, rights]);
  }

  /** What a server answers to commands of one session, each on its own. */
  async ask(make: MakeTarget, commands: readonly string[], how: Asking = {}): Promise<Record<string, string[]>> {
    const { name = 'bob', options = {}, settings = {} } = how;
    const needs = { maildir: this.maildir('bob'), accounts: { [name]: this.maildir(name) }, users: { 1: name } };
    const places = { IMAP_SHAREDINDEXFILE: this.index, ...settings };
    const target = await make({ ...needs, settings: places, options });
    try {
      const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
      const answers: Record<string, string[]> = {};
      for (const command of commands) {
        const { status, untagged } = await client.send(command);
        answers[command] = [
          ...untagged.filter((line) => /^\* (LIST|LSUB|STATUS|NAMESPACE|\d+ EXISTS)/.test(line)).sort(),
          status,
        ];
      }
      client.close();
      return answers;
    } finally {
      await target.close();
    }
  }
}

interface Asking {
  readonly name?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A site for one test. */
function site(t: { after(run: () => void): void }): Site {
  const scratch = scratchDirectory('shared');
  t.after(() => scratch.remove());
  return new Site(scratch.path);
}

const looks = [
  'LIST "" "*"',
  'LIST "" "%"',
  'LIST "" "#shared.*"',
  'LIST "" "#shared.%"',
  'LIST "" "#shared.ann"',
  'LIST "" "#shared.ann.%"',
  'LIST "" "#shared.ann.Work"',
  'LIST "" "#shared.%.%"',
  'LIST "" "#shared.%.Sent"',
  'LIST "" "#shared.a*"',
  'LIST "" "#shared.grp*"',
  'LIST "" "#shared.grp.%"',
  'LIST "" "#shared.grp.eve.*"',
  'LIST "" "#shared.owner dot"',
  'LIST "" "#shared.bob*"',
  'LIST "" "#shared.cat*"',
  'LIST "" "#shared.nobody*"',
  'LIST "" "#SHARED.%"',
  'STATUS "#shared.ann" (MESSAGES UNSEEN)',
  'STATUS "#shared.ann.Sent" (MESSAGES UNSEEN)',
  'STATUS "#shared.ann.Work" (MESSAGES)',
  'STATUS "#shared.grp" (MESSAGES)',
  'STATUS "#shared.grp.eve" (MESSAGES)',
  'STATUS "#shared.grp.eve.Pub" (MESSAGES)',
  'STATUS "#shared.cat.Secret" (MESSAGES)',
  'STATUS "#shared.bob" (MESSAGES)',
  'STATUS "#shared.ghost" (MESSAGES)',
  'SELECT "#shared.ann"',
  'SELECT "#shared.dave"',
  'SELECT "#shared.nobody"',
  'EXAMINE "#shared.ann.Sent"',
];

test('LIST, STATUS and SELECT answer as Courier does, line by line', async (t) => {
  const place = site(t);

  const theirs = await place.ask(courierTarget, looks);
  const ours = await place.ask(memoryTarget, looks);

  assert.deepEqual(ours, theirs);
});

test('who is in a group sees what is shared with it', async (t) => {
  const place = site(t);
  const how = { options: { group: 'team' } };

  const theirs = await place.ask(courierTarget, looks, how);
  const ours = await place.ask(memoryTarget, looks, how);

  assert.deepEqual(ours, theirs);
  assert.deepEqual(ours['SELECT "#shared.dave"'], ['* 0 EXISTS', 'OK']);
});

test('the option sharedgroup names another index, and disableshared none', async (t) => {
  const place = site(t);
  for (const options of [{ sharedgroup: 'team', group: 'team' }, { sharedgroup: 'nobody' }, { disableshared: '1' }]) {
    const theirs = await place.ask(courierTarget, looks, { options });
    const ours = await place.ask(memoryTarget, looks, { options });

    assert.deepEqual(ours, theirs, JSON.stringify(options));
  }
});

test('with IMAP_SHAREDMUNGENAMES dots in names can be told from blanks', async (t) => {
  const place = site(t);
  const settings = { IMAP_SHAREDMUNGENAMES: '1' };
  const commands = [
    'LIST "" "#shared.%"',
    'STATUS "#shared.owner\\\\:dot" (MESSAGES)',
    'STATUS "#shared.owner dot" (MESSAGES)',
  ];

  const theirs = await place.ask(courierTarget, commands, { settings });
  const ours = await place.ask(memoryTarget, commands, { settings });

  assert.deepEqual(ours, theirs);
  assert.deepEqual(ours[commands[1] ?? ''], ['* STATUS "#shared.owner\\\\:dot" (MESSAGES 0)', 'OK']);
});

test('subscriptions are the same file for both', async (t) => {
  const place = site(t);
  const subscribe = ['SUBSCRIBE "#shared.ann"', 'SUBSCRIBE "#shared.ann.Work.Deep"', 'SUBSCRIBE "#shared.owner dot"'];
  const more = [
    'SUBSCRIBE "#shared.ann.Sent"',
    'UNSUBSCRIBE "#shared.owner dot"',
    'SUBSCRIBE "#shared"',
    'SUBSCRIBE "#other.x"',
  ];
  const questions = [
    'LSUB "" "*"',
    'LSUB "" "#shared.*"',
    'LSUB "" "#shared.%"',
    'LSUB "" "#*"',
    'LSUB "" "#shared.ann.%"',
  ];

  await place.ask(courierTarget, subscribe);
  assert.deepEqual(await place.ask(memoryTarget, questions), await place.ask(courierTarget, questions));
  const ours = await place.ask(memoryTarget, more);
  assert.deepEqual(Object.values(ours).flat(), ['OK', 'OK', 'NO', 'NO']);
  assert.deepEqual(await place.ask(memoryTarget, questions), await place.ask(courierTarget, questions));
});

test('what one server lets others do, the other one lets them do, too', async (t) => {
  const place = site(t);
  const seen = ['STATUS "#shared.ann" (MESSAGES)', 'LIST "" "#shared.ann*"', 'LIST "" "#shared.%"'];
  const see = async (): Promise<Record<string, string[]>> => {
    const theirs = await place.ask(courierTarget, seen, { name: 'eve' });
    assert.deepEqual(await place.ask(memoryTarget, seen, { name: 'eve' }), theirs);
    return theirs;
  };
  assert.deepEqual((await see())['STATUS "#shared.ann" (MESSAGES)'], ['NO']);

  await place.ask(courierTarget, ['SETACL INBOX eve lr'], { name: 'ann' });
  assert.deepEqual((await see())['STATUS "#shared.ann" (MESSAGES)'], ['* STATUS "#shared.ann" (MESSAGES 3)', 'OK']);

  await place.ask(memoryTarget, ['DELETEACL INBOX eve'], { name: 'ann' });
  assert.deepEqual((await see())['STATUS "#shared.ann" (MESSAGES)'], ['NO']);

  await place.ask(memoryTarget, ['SETACL INBOX.Sent eve lrc', 'CREATE INBOX.Sent.More'], { name: 'ann' });
  await see();
});
