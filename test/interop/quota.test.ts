/**
 * One quota for all: Debian's Courier, its deliverquota, Debian's maildrop and our programs work on one maildir, and each
 * tells the same figure, which is that of the files.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InstalledPrograms } from '../support/installed-target.js';
import { sendMail, startExim } from '../support/mail-transfer.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { courierTarget, giveToMailUser, mailIds } from '../support/peer-targets.js';
import { freePort, waitUntil } from '../support/processes.js';
import type { MakeTarget } from '../support/transcript-target.js';
import { removeWhenQuiet } from '../support/transcript-tests.js';
import { withServer } from '../support/visit.js';

const installed = new InstalledPrograms();
after(() => installed.close());

const SERVERS: readonly (readonly [string, MakeTarget])[] = [
  ["Debian's Courier", courierTarget],
  ['ours', installed.target],
];

interface Place {
  readonly home: Scratch;
  readonly maildir: string;
}

function placeWith(sizes: string): Place {
  const home = scratchDirectory('quota');
  const maildir = join(home.path, 'Maildir');
  copyMaildir('empty', maildir);
  writeFileSync(join(maildir, 'maildirsize'), sizes);
  giveToMailUser(home.path);
  return { home, maildir };
}

/** The sum of the lines of maildirsize. */
function figure(maildir: string): string {
  const [, ...lines] = readFileSync(join(maildir, 'maildirsize'), 'latin1').trimEnd().split('\n');
  const sum = (column: number): number =>
    lines.reduce((total, line) => total + Number(line.trim().split(/ +/)[column]), 0);
  return `${sum(0)} ${sum(1)}`;
}

/** What the files amount to, Trash and messages marked as deleted left out. */
function truth(maildir: string): string {
  const folders = readdirSync(maildir).filter((name) => name.startsWith('.') && name !== '.Trash');
  let [octets, messages] = [0, 0];
  for (const folder of ['', ...folders]) {
    for (const name of ['new', 'cur'].flatMap((place) => readdirSync(join(maildir, folder, place)))) {
      if (/:2,\w*T/.test(name)) continue;
      octets += Number(/,S=(\d+)/.exec(name)?.[1]);
      messages += 1;
    }
  }
  return `${octets} ${messages}`;
}

const text = (octets: number): Buffer => Buffer.from(`Subject: x\r\n\r\n${'x'.repeat(octets - 15)}\r\n`);

/** Commands after each of which the quota is asked for. */
const STEPS: readonly (readonly [string, Buffer?])[] = [
  ['CREATE INBOX.Trash'],
  ['CREATE INBOX.Work'],
  ['APPEND INBOX', text(1000)],
  ['APPEND INBOX (\\Deleted)', text(2000)],
  ['APPEND INBOX.Trash', text(2000)],
  ['SELECT INBOX'],
  ['COPY 1 INBOX.Work'],
  ['COPY 1:2 INBOX.Trash'],
  ['COPY 1 INBOX'],
  ['STORE 1 +FLAGS (\\Deleted)'],
  ['STORE 1 FLAGS (\\Seen)'],
  ['STORE 2 -FLAGS (\\Deleted)'],
  ['STORE 2 +FLAGS (\\Deleted \\Seen)'],
  ['EXPUNGE'],
  ['SELECT INBOX.Trash'],
  ['COPY 1 INBOX.Work'],
  ['SELECT INBOX'],
  ['DELETE INBOX.Work'],
  ['APPEND INBOX', text(9_000)],
];

test('Q4: quotas are told as Courier tells them, after everything that changes them', async () => {
  const told: string[][] = [];
  for (const [name, make] of SERVERS) {
    const { home, maildir } = placeWith('10000S,100C\n           0            0\n');
    try {
      const lines = await withServer(make, maildir, async (client) => {
        const answers: string[] = [];
        for (const [command, literal] of STEPS) {
          const { status } = await client.send(command, literal);
          // Courier takes the line end behind a literal that it refused for a command.
          const quota = await client.send('GETQUOTAROOT INBOX');
          const said = quota.untagged.filter((line) => /^\* QUOTA/.test(line));
          answers.push(`${command}: ${status}`, ...said, quota.text);
          assert.equal(figure(maildir), truth(maildir), `${name}, ${command}`);
        }
        return answers;
      });
      told.push(lines);
    } finally {
      await removeWhenQuiet(home);
    }
  }
  assert.deepEqual(told[1], told[0]);
});

/** Delivers a message of so many octets as the mail user, and must succeed. */
function deliverWith(command: readonly string[], { home }: Place, octets: number): void {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const [program = '', ...words] = command;
  const input = text(octets).toString().replaceAll('\r', '');
  const options = { cwd: home.path, input, encoding: 'utf8', env, ...mailIds() } as const;
  const { status, stdout, stderr } = spawnSync(program, words, options);
  assert.equal(status, 0, `${command.join(' ')}: ${stdout}${stderr}`);
}

test('Q2, Q8: three delivery agents and two servers keep one figure', async () => {
  const place = placeWith('1000000S,1000C\n           0            0\n');
  const { home, maildir } = place;
  try {
    const filter = join(home.path, 'filter');
    writeFileSync(filter, `to "${maildir}"\n`);
    giveToMailUser(home.path);
    chmodSync(filter, 0o600);
    const agents = [
      ['deliverquota.courier', maildir],
      ['maildrop', filter],
      [join(programs, 'deliverquota'), maildir],
    ];
    for (let round = 1; round <= 3; round += 1) {
      for (const agent of agents) {
        deliverWith(agent, place, 100 + round);
        assert.equal(figure(maildir), truth(maildir), agent.join(' '));
      }
      for (const [name, make] of SERVERS) {
        await withServer(make, maildir, async (client) => {
          await client.must('APPEND INBOX', text(500 + round));
          await client.must('SELECT INBOX');
          await client.must('STORE 1 +FLAGS (\\Deleted)');
          await client.must('EXPUNGE');
        });
        assert.equal(figure(maildir), truth(maildir), name);
      }
    }
    assert.match(figure(maildir), / 9$/);
  } finally {
    await removeWhenQuiet(home);
  }
});

const DAMAGE: Readonly<Record<string, string>> = {
  garbage: '20000S\n\u0000\u0001 what is this\n',
  'a negative sum': '20000S\n        -500           -9\n',
  'a line that was cut': '20000S\n       15000           50\n       15',
  'a huge file': `20000S\n${'           1            1\n'.repeat(400_000)}`,
  'a figure that is far too large': '20000S\n       19000           50\n         900            1\n',
};

for (const [name, sizes] of Object.entries(DAMAGE)) {
  test(`Q9: what we make of ${name} is right for others`, async () => {
    const place = placeWith('20000S\n           0            0\n');
    const { home, maildir } = place;
    try {
      deliverWith(['deliverquota.courier', maildir], place, 3000);
      writeFileSync(join(maildir, 'maildirsize'), sizes);
      await withServer(installed.target, maildir, (client) => client.must('APPEND INBOX', text(4000)));
      assert.equal(figure(maildir), truth(maildir));
      deliverWith(['deliverquota.courier', maildir], place, 5000);
      deliverWith([join(programs, 'deliverquota'), maildir], place, 600);
      assert.equal(figure(maildir), truth(maildir));
    } finally {
      await removeWhenQuiet(home);
    }
  });
}

test('Q2: Exim and we keep one figure', async () => {
  const place = placeWith('1000000S,1000C\n           0            0\n');
  const { home } = place;
  const bob = join(home.path, 'bob');
  mkdirSync(bob);
  renameSync(place.maildir, join(bob, 'Maildir'));
  giveToMailUser(bob);
  const maildir = join(bob, 'Maildir');
  const directory = join(home.path, 'exim');
  mkdirSync(directory);
  chmodSync(home.path, 0o755);
  const port = await freePort();
  const transport =
    '  quota = 1000000\n  quota_filecount = 1000\n  maildir_use_size_file\n  maildir_tag = ,S=$message_size';
  const exim = await startExim({ directory, mail: home.path, port, transport });
  try {
    for (let round = 1; round <= 3; round += 1) {
      await sendMail(port, 'bob@example.com', [`Subject: round ${round}\n\nhello`]);
      await waitUntil('Exim has delivered', () => readdirSync(join(maildir, 'new')).length === 1);
      await waitUntil(`the figure ${figure(maildir)} is ${truth(maildir)}`, () => figure(maildir) === truth(maildir));
      await withServer(installed.target, maildir, async (client) => {
        await client.must('APPEND INBOX', text(500 + round));
        await client.must('SELECT INBOX');
      });
      assert.equal(figure(maildir), truth(maildir));
      await waitUntil('what is new is in cur', () => readdirSync(join(maildir, 'new')).length === 0);
    }
    assert.match(figure(maildir), / 6$/);
  } finally {
    await exim.stop();
    await removeWhenQuiet(home);
  }
});
