/**
 * Real mail servers deliver into a maildir while four sessions look: each sees each message once, whole, and soon.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ImapClient, loginClient } from '../support/imap-client.js';
import {
  type MailTransfer,
  type MailTransferOptions,
  sendMail,
  startExim,
  startPostfix,
} from '../support/mail-transfer.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';

const BY_EACH = 150;
const BULK = 2000;
/** After the last file is in new/, every session knows it within this time. */
const SOON_SECONDS = 60;
const POLL_MILLISECONDS = 50;

/** A session that looks at INBOX until it is told to stop, and what it has seen. */
class Onlooker {
  /** UID of each message by subject. */
  readonly seen = new Map<string, number>();
  readonly faults: string[] = [];
  readonly #client: ImapClient;
  #exists = 0;
  #known = 0;
  #stopped = false;

  private constructor(client: ImapClient) {
    this.#client = client;
  }

  static async open(port: number, tls: boolean): Promise<Onlooker> {
    const onlooker = new Onlooker(await loginClient(port, 'bob', PASSWORD, tls));
    onlooker.#take((await onlooker.#client.must('SELECT INBOX')).untagged);
    return onlooker;
  }

  stop(): void {
    this.#stopped = true;
  }

  async poll(): Promise<void> {
    while (!this.#stopped) {
      this.#take((await this.#client.must('NOOP')).untagged);
      await this.#look();
      await delay(POLL_MILLISECONDS);
    }
    await this.#client.must('LOGOUT');
  }

  /** IDLE, ended by ourselves when something has come. A delivery wakes it up; so does the stop, which delivers. */
  async idle(): Promise<void> {
    while (!this.#stopped) {
      await this.#look();
      this.#client.raw('idle IDLE\r\n');
      for (let done = false; ; ) {
        const response = await this.#client.response();
        if (response.startsWith('idle ')) break;
        this.#take([response]);
        if (!done && (this.#exists > this.#known || this.#stopped)) {
          this.#client.raw('DONE\r\n');
          done = true;
        }
      }
    }
    await this.#client.must('LOGOUT');
  }

  #take(untagged: readonly string[]): void {
    for (const response of untagged) {
      const exists = /^\* (\d+) EXISTS$/.exec(response)?.[1];
      if (exists === undefined) continue;
      if (Number(exists) < this.#exists) this.faults.push(`EXISTS fell from ${this.#exists} to ${exists}`);
      this.#exists = Number(exists);
    }
  }

  async #look(): Promise<void> {
    while (this.#known < this.#exists) {
      const upTo = this.#exists;
      const items = '(UID RFC822.SIZE BODY.PEEK[])';
      const { untagged } = await this.#client.must(`FETCH ${this.#known + 1}:${upTo} ${items}`);
      this.#known = upTo;
      for (const response of untagged) if (response.includes(' FETCH (')) this.#note(response);
      this.#take(untagged);
    }
  }

  #note(response: string): void {
    const uid = Number(/UID (\d+)/.exec(response)?.[1]);
    const subject = /^Subject: (.*?)\r?$/m.exec(response)?.[1] ?? '?';
    const size = Number(/RFC822\.SIZE (\d+)/.exec(response)?.[1]);
    const literal = Number(/BODY\[\] \{(\d+)\}/.exec(response)?.[1]);
    if (this.seen.has(subject)) this.faults.push(`${subject} came twice`);
    if (size !== literal) this.faults.push(`${subject}: size ${size}, but ${literal} octets`);
    if (!response.includes(`The end of ${subject}.`)) this.faults.push(`${subject} is not whole`);
    this.seen.set(subject, uid);
  }
}

function message(subject: string): string {
  return `From: ann@example.com\nTo: bob@example.com\nSubject: ${subject}\n\n${'A line.\n'.repeat(50)}The end of ${subject}.\n`;
}

function* messages(by: string, count: number): Generator<string> {
  for (let number = 1; number <= count; number += 1) yield message(`${by} ${number}`);
}

/** As qmail-local does: tmp, then new, a name of time, pid and host. */
function deliverLikeQmail(maildir: string, first: number, count: number): void {
  const tmp = join(maildir, 'tmp');
  for (let number = first; number < first + count; number += 1) {
    writeFileSync(join(tmp, `${1_700_000_000 + number}.4711.mx`), message(`qmail ${number}`));
  }
  giveToMailUser(tmp);
  for (const name of readdirSync(tmp))
    if (name.includes('.4711.')) renameSync(join(tmp, name), join(maildir, 'new', name));
}

async function openOnlookers(port: number, tlsPort: number): Promise<Onlooker[]> {
  const doors = [
    [port, false],
    [tlsPort, true],
    [port, false],
    [tlsPort, true],
  ] as const;
  return Promise.all(doors.map(([door, tls]) => Onlooker.open(door, tls)));
}

test('M4: mail that Postfix, Exim and qmail deliver is seen once by each session, whole and soon', async () => {
  const scratch = scratchDirectory('deliveries');
  const mail = join(scratch.path, 'mail');
  const maildir = join(mail, 'bob', 'Maildir');
  mkdirSync(join(mail, 'bob'), { recursive: true });
  copyMaildir('empty', maildir);
  giveToMailUser(mail);
  const optionsFor = async (name: string): Promise<MailTransferOptions> => {
    const directory = join(scratch.path, name);
    mkdirSync(directory);
    return { directory, mail, port: await freePort() };
  };
  const { directory } = await optionsFor('ours');
  const ours = await startOurs({ directory, users: [{ name: 'bob', home: join(mail, 'bob') }] });
  const transfers: MailTransfer[] = [];
  try {
    transfers.push(await startPostfix(await optionsFor('postfix')), await startExim(await optionsFor('exim')));
    const onlookers = await openOnlookers(ours.port, ours.tlsPort);
    const looking = onlookers.map((onlooker, number) => (number < 2 ? onlooker.idle() : onlooker.poll()));

    await Promise.all(transfers.map(({ name, port }) => sendMail(port, 'bob@example.com', messages(name, BY_EACH))));
    deliverLikeQmail(maildir, 1, BULK);
    const total = BY_EACH * 2 + BULK;
    const files = (): number => ['new', 'cur'].reduce((sum, part) => sum + readdirSync(join(maildir, part)).length, 0);
    await waitUntil('all mail is delivered', () => files() === total, 60);
    const allSeen = (): boolean => onlookers.every(({ seen }) => seen.size === total);
    await waitUntil('all sessions have seen all', allSeen, SOON_SECONDS).catch((error: unknown) => {
      throw new Error(onlookers.map(({ seen }) => `${seen.size} of ${total}`).join(), { cause: error });
    });
    for (const onlooker of onlookers) onlooker.stop();
    deliverLikeQmail(maildir, BULK + 1, 1);
    await Promise.all(looking);

    for (const { faults, seen } of onlookers) {
      assert.deepEqual(faults, []);
      seen.delete(`qmail ${BULK + 1}`);
      assert.deepEqual([...seen].sort(), [...(onlookers[0]?.seen ?? [])].sort());
    }
    assert.ok(statSync(join(maildir, 'courierimapuiddb')).size > 0);
  } finally {
    for (const transfer of transfers) await transfer.stop();
    await ours.stop();
    scratch.remove();
  }
});
