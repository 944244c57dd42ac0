/**
 * The mail of accounts that authaccounts renames and deletes: moved, named anew where others' mail names them (read back by
 * Courier's maildiracl), kept from strangers and links, and whole after the program was killed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseSource } from '../../authdaemon/userdb/source.js';
import { findProgram, mustRun } from '../support/processes.js';
import { authaccounts, makeMail, makeSite, own, results, subjectIn, VMAIL } from './accounts-site.js';
import { program, writeUserdb } from './support.js';

const fields = (home: string): string => `uid=${VMAIL}|gid=${VMAIL}|home=${home}`;

test('O12: a rename carries mail, quota, ACL entries, subscriptions and the index of shared maildirs', async () => {
  const { config, homes } = await makeSite();
  await writeUserdb(config, ['ann', 'bob'].map((name) => `${name}\t${fields(join(homes, name))}\n`).join(''));
  const [ann, bob] = [makeMail(join(homes, 'ann'), 'hers'), makeMail(join(homes, 'bob'), 'his')];
  writeFileSync(join(ann, 'maildirsize'), '1000000S\n          10            1\n');
  writeFileSync(join(ann, 'courierimapsubscribed'), 'INBOX.Sent\n');
  mkdirSync(join(bob, '.Work'));
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(bob, '.Work', part));
  mkdirSync(join(bob, 'courierimaphieracl'));
  writeFileSync(join(bob, 'courierimaphieracl', 'Old'), 'owner aceilrstwx\nuser=ann lr\n');
  writeFileSync(join(bob, 'courierimapsubscribed'), 'INBOX.Work\n#shared.team.ann.Lists\n#shared.team.annika\n');
  own(join(bob, '.Work'), ...['cur', 'new', 'tmp'].map((part) => join(bob, '.Work', part)));
  own(join(bob, 'courierimaphieracl'), join(bob, 'courierimaphieracl', 'Old'), join(bob, 'courierimapsubscribed'));
  const maildiracl = findProgram('/usr/bin/maildiracl');
  const asVmail = { uid: VMAIL, gid: VMAIL };
  await mustRun([maildiracl, '-set', bob, 'INBOX.Work', 'user=ann', 'lrs'], asVmail);
  await mustRun([maildiracl, '-set', bob, 'INBOX', '-user=ann', 'w'], asVmail);
  mkdirSync(join(config, 'shared'));
  writeFileSync(join(config, 'shared', 'index'), 'team\t*\tindex-team\n');
  const indexed = (name: string, home: string): string => `${name}\t${VMAIL}\t${VMAIL}\t${home}\t./Maildir\n`;
  const team = join(config, 'shared', 'index-team');
  writeFileSync(team, `# ours\n${indexed('ann', join(homes, 'ann'))}${indexed('bob', join(homes, 'bob'))}`);

  const input = `default home=${homes}/%n\nrename ann anna`;
  assert.deepEqual(await results(config, input), [`2: ann: renamed to anna; moved to ${homes}/anna`, 'exit 0']);

  const anna = join(homes, 'anna', 'Maildir');
  assert.equal(existsSync(join(homes, 'ann')), false);
  assert.equal(subjectIn(anna), 'Subject: hers');
  assert.equal(statSync(anna).uid, VMAIL);
  assert.match(readFileSync(join(anna, 'maildirsize'), 'utf8'), /^1000000S\n/);
  assert.match(await mustRun([maildiracl, '-list', bob, 'INBOX.Work'], asVmail), /^user=anna\tlrs$/m);
  assert.match(await mustRun([maildiracl, '-list', bob, 'INBOX'], asVmail), /^-user=anna\tw$/m);
  assert.match(readFileSync(join(bob, 'courierimaphieracl', 'Old'), 'utf8'), /^user=anna lr$/m);
  assert.equal(
    readFileSync(join(bob, 'courierimapsubscribed'), 'utf8'),
    'INBOX.Work\n#shared.team.anna.Lists\n#shared.team.annika\n',
  );
  assert.equal(statSync(join(bob, 'courierimapsubscribed')).uid, VMAIL);
  const expected = `# ours\n${indexed('anna', join(homes, 'anna'))}${indexed('bob', join(homes, 'bob'))}`;
  assert.equal(readFileSync(team, 'utf8'), expected);
  assert.deepEqual(readdirSync(join(bob, 'tmp')), []);
  assert.deepEqual(await results(config, input), ['2: ann: is anna already', 'exit 0']);
});

test('a place that is taken, shared with another account, a link, or not the user’s is refused, and all stays', async () => {
  const { config, homes } = await makeSite();
  const names = ['ann', 'bob', 'carl', 'dora', 'emil'];
  const lines = names.map((name) => `${name}\t${fields(join(homes, name))}\n`);
  await writeUserdb(config, `${lines.join('')}alias\t${fields(join(homes, 'carl'))}\n`);
  for (const name of ['ann', 'bob', 'carl', 'emil']) makeMail(join(homes, name), name);
  mkdirSync(join(homes, 'elsewhere'));
  symlinkSync(join(homes, 'elsewhere'), join(homes, 'dora'));
  mkdirSync(join(config, 'roots'));
  const before = readFileSync(join(config, 'userdb'), 'utf8');

  const input = [
    `rename ann an home=${homes}/bob`,
    `rename carl karl home=${homes}/karl`,
    `rename dora thea home=${homes}/thea`,
    `rename emil emily home=${config}/roots/emily`,
    `rename bob rob home=${homes}/bob/inside`,
    `rename bob rob home=/dev/shm/rob`,
    `create new uid=${VMAIL} gid=${VMAIL} home=${homes}/ann`,
    `delete carl`,
  ];
  assert.deepEqual(await results(config, input.join('\n'), '--with-mail'), [
    `1: ann: error: ${homes}/bob is another account’s`,
    `2: carl: error: ${homes}/carl is another account’s, too, and is not moved`,
    `3: dora: error: ${homes}/dora is no directory, and is not moved`,
    `4: emil: error: ${config}/roots/emily: the account’s user may not do that there`,
    `5: bob: error: ${homes}/bob/inside is inside ${homes}/bob`,
    `6: bob: error: /dev/shm/rob is on another file system than ${homes}/bob; move it by hand, and give the new home then`,
    `7: new: error: there is mail at ${homes}/ann/Maildir already; with --adopt-mail it becomes that of new`,
    `8: carl: error: ${homes}/carl/Maildir is another account’s, too`,
    'exit 1',
  ]);

  assert.equal(readFileSync(join(config, 'userdb'), 'utf8'), before);
  for (const name of ['ann', 'bob', 'carl', 'emil']) {
    assert.equal(subjectIn(join(homes, name, 'Maildir')), `Subject: ${name}`);
  }
  const adopted = await results(config, input[6] ?? '', '--adopt-mail');
  assert.deepEqual(adopted, ['1: new: created', 'exit 0']);
});

test('mail of a deleted account stays, is moved aside, or is removed; links in it lead nowhere', async () => {
  const { config, homes } = await makeSite();
  const names = ['keep', 'aside', 'remove', 'none', 'reader'];
  await writeUserdb(config, names.map((name) => `${name}\t${fields(join(homes, name))}\n`).join(''));
  const maildirs = names.filter((name) => name !== 'none').map((name) => makeMail(join(homes, name), name));
  const [keep = '', , remove = '', reader = ''] = maildirs;
  const outside = join(homes, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'x');
  writeFileSync(join(outside, 'courierimapacl'), 'user=remove l\n');
  own(outside, join(outside, 'precious'), join(outside, 'courierimapacl'));
  symlinkSync(outside, join(remove, '.Link'));
  symlinkSync(outside, join(reader, '.Link'));
  symlinkSync(join(outside, 'courierimapacl'), join(reader, 'courierimapacl'));
  mkdirSync(join(reader, '.Real'));
  mkdirSync(join(reader, '.Real', 'tmp'));
  writeFileSync(join(reader, '.Real', 'courierimapacl'), 'owner aceilrstwx\nuser=remove l\nuser=keep r\n');
  own(join(reader, '.Real'), join(reader, '.Real', 'tmp'), join(reader, '.Real', 'courierimapacl'));

  assert.deepEqual(await results(config, 'delete keep'), ['1: keep: deleted; its mail stays', 'exit 0']);
  assert.equal(subjectIn(keep), 'Subject: keep');
  const [aside = ''] = await results(config, 'delete aside', '--with-mail');
  const place =
    /^1: aside: deleted; its mail is (.*\/aside\/Maildir\.deleted-\d{8}T\d{6}Z) now$/.exec(aside)?.[1] ?? '';
  assert.equal(subjectIn(place), 'Subject: aside');
  assert.deepEqual(await results(config, 'delete remove\ndelete none', '--remove-mail'), [
    '1: remove: deleted; its mail was removed',
    '2: none: deleted; it had no mail',
    'exit 0',
  ]);

  assert.deepEqual(readdirSync(join(homes, 'remove')), []);
  assert.deepEqual(readdirSync(outside).sort(), ['courierimapacl', 'precious']);
  assert.equal(readFileSync(join(outside, 'courierimapacl'), 'utf8'), 'user=remove l\n');
  assert.equal(lstatSync(join(reader, 'courierimapacl')).isSymbolicLink(), true);
  const left = readFileSync(join(reader, '.Real', 'courierimapacl'), 'utf8');
  assert.equal(left, 'owner aceilrstwx\nuser=keep r\n');
});

/** Starts the program on a file, and kills it as soon as `when` is so; gives whether it was still there to be killed. */
async function killWhen(config: string, file: string, when: (output: string) => boolean): Promise<boolean> {
  const child = spawn(process.execPath, [program('authaccounts'), '--remove-mail', file], {
    env: { PATH: '/usr/bin:/bin', COURIER_CONFDIR: config },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  let isOver = false;
  child.stdout.on('data', (octets: Buffer) => {
    output += octets.toString();
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once('close', (_, signal) => {
      isOver = true;
      resolve(signal);
    });
  });
  while (!isOver && !when(output)) await delay(1);
  child.kill('SIGKILL');
  return (await ended) === 'SIGKILL';
}

test('O12: killed in the middle and run again, every account is where the file wants it, with its mail', async () => {
  const { config, homes } = await makeSite();
  const count = 120;
  const names = Array.from({ length: count }, (_, index) => `u${index}`);
  await writeUserdb(config, names.map((name) => `${name}\t${fields(join(homes, name))}\n`).join(''));
  for (const name of names) makeMail(join(homes, name), name);
  const reader = makeMail(join(homes, 'reader'), 'reader');
  writeFileSync(join(reader, 'courierimapacl'), names.map((name) => `user=${name} lr\n`).join(''));
  own(join(reader, 'courierimapacl'));
  const isDeleted = (index: number): boolean => index % 4 === 3;
  const lines = names.map((name, index) => (isDeleted(index) ? `delete ${name}` : `rename ${name} new-${name}`));
  const create = `create reader uid=${VMAIL} gid=${VMAIL} home=${homes}/reader`;
  const file = join(config, 'batch');
  writeFileSync(file, `default home=${homes}/%n\n${lines.join('\n')}\n`);
  await authaccounts(config, create, '--adopt-mail');

  const journal = join(config, 'authaccounts.journal');
  const isThere = (place: string) => (): boolean => existsSync(join(homes, place));
  const moments = [
    (): boolean => existsSync(journal),
    isThere('new-u10'),
    (): boolean => !existsSync(join(homes, 'u31', 'Maildir')),
    (output: string): boolean => output.includes('\n'),
    isThere('new-u101'),
  ];
  let kills = 0;
  for (const moment of moments) if (await killWhen(config, file, moment)) kills += 1;
  assert.ok(kills >= 3, `it was killed ${kills} times only`);
  const last = await authaccounts(config, readFileSync(file, 'utf8'), '--remove-mail');

  assert.equal(last.exitCode, 0, last.stdout + last.stderr);
  const { records } = parseSource(readFileSync(join(config, 'userdb'), 'utf8'));
  const wanted = names.filter((_, index) => !isDeleted(index)).map((name) => `new-${name}`);
  assert.deepEqual(records.map(({ name }) => name).sort(), [...wanted, 'reader'].sort());
  for (const name of wanted) {
    assert.equal(subjectIn(join(homes, name, 'Maildir')), `Subject: ${name.slice(4)}`);
    assert.match(records.find((record) => record.name === name)?.value ?? '', new RegExp(`home=${homes}/${name}$`));
  }
  const left = readdirSync(homes).filter((name) => /^u\d/.test(name));
  assert.deepEqual(
    left.filter((name) => readdirSync(join(homes, name)).length > 0),
    [],
  );
  assert.equal(left.length, count / 4);
  const acl = readFileSync(join(reader, 'courierimapacl'), 'utf8').split('\n').slice(0, -1);
  assert.deepEqual(
    acl,
    wanted.map((name) => `user=${name} lr`),
  );
  assert.equal(existsSync(journal), false);
});
