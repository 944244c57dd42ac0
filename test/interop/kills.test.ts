/**
 * A client works while processes of the service are killed at random: nothing that was answered with OK is lost, no UID
 * is given twice, and the service comes back by itself.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ImapClient, loginClient } from '../support/imap-client.js';
import { type Change, MailModel, type ModelMailbox, type ModelMessage } from '../support/mail-model.js';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mailIds } from '../support/peer-targets.js';
import { isAlive } from '../support/start.js';
import { type ScriptedServers, startWithScripts } from '../support/start-scripts.js';

const COMMANDS = 1000;
/** On average, one process is killed in so many commands. */
const COMMANDS_PER_KILL = 20;
/** Then the service must answer a login again. */
const BACK_SECONDS = 30;
/** A keeper waits longer each time that what it keeps has died, so these are not killed more often. */
const KILLS_OF_KEPT = 2;
/** More messages than this are not added, so that looking at all of them stays quick. */
const MANY_MESSAGES = 60;
const MAILBOXES = ['INBOX', 'INBOX.Other'];
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', 'work'];

function pick<T>(list: readonly T[]): T {
  const chosen = list[randomInt(list.length)];
  assert.ok(chosen !== undefined);
  return chosen;
}

/** Something to do that the model can do as well. */
function chooseChange(model: MailModel, number: number): Change {
  const mailbox = pick(MAILBOXES);
  const uids = [...model.messagesIn(mailbox).keys()];
  const message: ModelMessage = { subject: `message ${number}`, flags: new Set([pick(FLAGS)]) };
  if (uids.length === 0) return { kind: 'append', mailbox, message };
  const uid = pick(uids);
  const target = MAILBOXES.find((name) => name !== mailbox) ?? mailbox;
  const many = model.messageCount > MANY_MESSAGES;
  const kinds = ['append', 'copy', 'move', 'flag', 'unflag', 'expunge'] as const;
  const kind = pick(many ? (['move', 'flag', 'expunge'] as const) : kinds);
  if (kind === 'append') return { kind, mailbox, message };
  if (kind === 'copy' || kind === 'move') return { kind, mailbox, uid, target };
  if (kind === 'expunge') return { kind, mailbox, uid };
  return { kind, mailbox, uid, flag: pick(FLAGS) };
}

/** Does it. @returns the new UID, if the server told one. @throws when the connection goes. */
async function carryOut(client: ImapClient, change: Change): Promise<number | undefined> {
  if (change.kind === 'append') {
    const { subject, flags } = change.message;
    const text = Buffer.from(`Subject: ${subject}\r\n\r\nText of ${subject}.\r\n`);
    const { text: said } = await client.must(`APPEND ${change.mailbox} (${[...flags].join(' ')})`, text);
    return Number(/APPENDUID \d+ (\d+)/.exec(said)?.[1]);
  }
  const { uid } = change;
  await client.must(`SELECT ${change.mailbox}`);
  if ('target' in change) {
    const { text, untagged } = await client.must(`UID ${change.kind.toUpperCase()} ${uid} ${change.target}`);
    return Number(/COPYUID \d+ \d+ (\d+)/.exec([text, ...untagged].join('\n'))?.[1]);
  }
  if (change.kind === 'expunge') {
    await client.must(`UID STORE ${uid} +FLAGS (\\Deleted)`);
    await client.must(`UID EXPUNGE ${uid}`);
  } else {
    await client.must(`UID STORE ${uid} ${change.kind === 'flag' ? '+' : '-'}FLAGS (${change.flag})`);
  }
  return undefined;
}

/** All that the server shows, compared with the model. */
async function compare(client: ImapClient, model: MailModel, open: Change | undefined): Promise<void> {
  const shown = new Map<string, ModelMailbox>();
  const validity = new Map<string, string>();
  for (const mailbox of MAILBOXES) {
    const { untagged } = await client.must(`EXAMINE ${mailbox}`);
    validity.set(mailbox, /UIDVALIDITY (\d+)/.exec(untagged.join('\n'))?.[1] ?? 'none');
    const messages: ModelMailbox = new Map();
    if (!untagged.includes('* 0 EXISTS')) {
      for (const response of (await client.must('FETCH 1:* (UID FLAGS BODY.PEEK[])')).untagged) {
        if (!response.includes(' FETCH (')) continue;
        const [uid, message] = shownMessage(response);
        messages.set(uid, message);
      }
    }
    shown.set(mailbox, messages);
  }
  model.compare(shown, validity, open);
}

function shownMessage(response: string): [number, ModelMessage] {
  const subject = /^Subject: (.*?)\r?$/m.exec(response)?.[1] ?? '?';
  assert.ok(response.includes(`Text of ${subject}.`), `not whole: ${response}`);
  const flags = (/FLAGS \(([^)]*)\)/.exec(response)?.[1] ?? '').split(' ');
  const kept = flags.filter((flag) => flag !== '' && flag !== '\\Recent');
  return [Number(/UID (\d+)/.exec(response)?.[1]), { subject, flags: new Set(kept) }];
}

/** Logs in, again and again until the service is there. */
async function comeBack(servers: ScriptedServers): Promise<ImapClient> {
  const until = performance.now() + BACK_SECONDS * 1000;
  for (;;) {
    const tls = randomInt(2) === 0;
    const trying = loginClient(tls ? servers.tlsPort : servers.port, 'bob', PASSWORD, tls);
    const client = await trying.catch((error: unknown) => error);
    if (!(client instanceof Error)) return client as ImapClient;
    if (performance.now() > until)
      throw new Error(`not back in ${BACK_SECONDS} s:\n${servers.log()}`, { cause: client });
    await delay(50);
  }
}

/** Kills one process of the service, some milliseconds from now. */
async function killSomething(servers: ScriptedServers, killed: Map<string, number>): Promise<void> {
  await delay(randomInt(8));
  const spared = (role: string): boolean =>
    (role === 'supervisor' || role === 'authdaemond') && (killed.get(role) ?? 0) >= KILLS_OF_KEPT;
  const victims = servers.victims().filter(([role]) => !spared(role));
  const [role, pid] = pick(victims.length > 0 ? victims : [['nothing', 0] as const]);
  if (pid === 0 || !isAlive(pid)) return;
  process.kill(pid, 'SIGKILL');
  killed.set(role, (killed.get(role) ?? 0) + 1);
}

async function work(servers: ScriptedServers, model: MailModel, killed: Map<string, number>): Promise<void> {
  let client = await comeBack(servers);
  await client.must('CREATE INBOX.Other');
  for (let number = 1; number <= COMMANDS; number += 1) {
    const change = chooseChange(model, number);
    const kill = randomInt(COMMANDS_PER_KILL) === 0 ? killSomething(servers, killed) : undefined;
    const newUid = await carryOut(client, change).catch((error: unknown) => new LostAnswer(error));
    await kill;
    if (!(newUid instanceof LostAnswer)) {
      model.confirmed(change, newUid);
      continue;
    }
    client.close();
    client = await comeBack(servers);
    await compare(client, model, change);
  }
  await compare(client, model, undefined);
  await client.must('LOGOUT');
}

/** The connection went before the answer came. */
class LostAnswer {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

test('processes are killed while a client works: what was acknowledged is there', {
  timeout: 400_000,
}, async (context) => {
  const scratch = scratchDirectory('kills');
  const home = join(scratch.path, 'bob');
  const maildir = join(home, 'Maildir');
  mkdirSync(home);
  copyMaildir('empty', maildir);
  if (process.getuid?.() === 0) giveTo(home, mailIds().uid, mailIds().gid);
  const directory = join(scratch.path, 'server');
  mkdirSync(directory);
  const servers = await startWithScripts({ directory, users: [{ name: 'bob', home }] });
  const model = new MailModel(MAILBOXES);
  const killed = new Map<string, number>();
  try {
    await work(servers, model, killed);
    context.diagnostic(`killed: ${[...killed].map(([role, count]) => `${count} ${role}`).join(', ')}`);

    const files = ['cur', 'new', '.Other/cur', '.Other/new'].flatMap((part) => readdirSync(join(maildir, part)));
    assert.equal(files.length, model.messageCount);
    assert.ok([...killed.values()].reduce((sum, count) => sum + count, 0) > COMMANDS / COMMANDS_PER_KILL / 3);
  } finally {
    await servers.stop();
    scratch.remove();
  }
});
