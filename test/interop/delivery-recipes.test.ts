/**
 * What the README tells administrators of Postfix, Exim and qmail to write, word by word, with real ones of the first two:
 * mail arrives, and what does not fit goes back.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { triedBlock } from '../support/documents.js';
import {
  type MailTransfer,
  type MailTransferOptions,
  sendMail,
  startExim,
  startPostfix,
} from '../support/mail-transfer.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { programs, searchPath } from '../support/paths.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { freePort, mustRun, waitUntil } from '../support/processes.js';

const QUOTA_OCTETS = 20_000;
const SECONDS = 30;

/** The lines of the README under a mark, for the places of this test. */
function readme(name: string, mail: string): string {
  const { uid } = mailIds();
  return triedBlock('README.md', name)
    .replaceAll('/srv/mail', mail)
    .replaceAll('/usr/bin/deliverquota', join(programs, 'deliverquota'))
    .replaceAll(/user ?= ?vmail/g, (words) => words.replace('vmail', nameOf(uid)))
    .replaceAll('group = vmail', `group = ${mailIds().gid}`)
    .replaceAll('quota = 1000M', `quota = ${QUOTA_OCTETS}`);
}

/** Postfix wants a name. */
function nameOf(uid: number): string {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.split(':')[2] === String(uid));
  assert.ok(line !== undefined, `uid ${uid} has no name`);
  return line.split(':')[0] ?? '';
}

function message(subject: string, octets = 100): string {
  return `From: ann@example.com\nTo: bob@example.com\nSubject: ${subject}\n\n${'A line.\n'.repeat(octets / 8)}`;
}

function newMail(maildir: string): string[] {
  const names = readdirSync(join(maildir, 'new'));
  return names.map((name) => readFileSync(join(maildir, 'new', name), 'utf8'));
}

interface Place {
  readonly scratch: Scratch;
  readonly mail: string;
  readonly maildir: string;
}

function makePlace(): Place {
  const scratch = scratchDirectory('recipes');
  const mail = join(scratch.path, 'mail');
  const home = join(mail, 'example.com', 'bob');
  mkdirSync(home, { recursive: true });
  const maildir = join(home, 'Maildir');
  copyMaildir('empty', maildir);
  return { scratch, mail, maildir };
}

/** Sends one that fits and one that does not, and looks at the maildir, its quota, and the owner of the mail. */
async function tryDelivery(
  start: (options: MailTransferOptions) => Promise<MailTransfer>,
  { mail, maildir, scratch }: Place,
  recipe: Partial<MailTransferOptions>,
): Promise<void> {
  giveToMailUser(mail);
  const directory = join(scratch.path, 'mta');
  mkdirSync(directory);
  const server = await start({ directory, mail, port: await freePort(), ...recipe });
  try {
    await sendMail(server.port, 'bob@example.com', [message('fits'), message('is too large', QUOTA_OCTETS * 2)]);
    await sendMail(server.port, 'bob@example.com', [message('fits, too')]);
    await waitUntil('two messages are there', () => newMail(maildir).length >= 2, SECONDS);
  } finally {
    await server.stop();
  }
  const mails = newMail(maildir);
  assert.deepEqual(mails.map((text) => /^Subject: (.*)$/m.exec(text)?.[1]).sort(), ['fits', 'fits, too']);
  const [head = '', ...sizes] = readFileSync(join(maildir, 'maildirsize'), 'utf8').trim().split('\n');
  assert.equal(Number.parseInt(head, 10), QUOTA_OCTETS);
  const used = sizes.reduce((sum, line) => sum + Number.parseInt(line, 10), 0);
  const files = readdirSync(join(maildir, 'new')).map((name) => statSync(join(maildir, 'new', name)));
  assert.equal(
    used,
    files.reduce((sum, { size }) => sum + size, 0),
  );
  assert.ok(files.every(({ uid }) => uid === mailIds().uid));
}

test('Postfix through deliverquota, as the README has it', { timeout: 300_000 }, async () => {
  const place = makePlace();
  try {
    await mustRun([join(programs, 'maildirmake'), '-q', `${QUOTA_OCTETS}S`, place.maildir]);
    const recipe = { services: readme('master\\.cf', place.mail), more: readme('main\\.cf', place.mail) };
    await tryDelivery(startPostfix, place, recipe);
  } finally {
    place.scratch.remove();
  }
});

test('Exim with its own quota, as the README has it', { timeout: 300_000 }, async () => {
  const place = makePlace();
  try {
    const routing = { routers: readme('exim router', place.mail), transports: readme('exim transport', place.mail) };
    await tryDelivery(startExim, place, { routing });
  } finally {
    place.scratch.remove();
  }
});

test('a line of .qmail, as qmail-local runs it', async () => {
  const place = makePlace();
  try {
    giveToMailUser(place.mail);
    const letter = join(place.scratch.path, 'letter');
    writeFileSync(letter, message('from qmail'));
    const [, command = ''] = /^\| (.*)$/.exec(readme('qmail', place.mail)) ?? [];
    await mustRun(['sh', '-c', `exec <"$1"; ${command}`, 'sh', letter], {
      ...mailIds(),
      directory: join(place.maildir, '..'),
      environment: { PATH: `${programs}:${searchPath}` },
    });
    assert.match(newMail(place.maildir).join(), /^Subject: from qmail$/m);
  } finally {
    place.scratch.remove();
  }
});
