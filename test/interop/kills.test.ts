/**
 * A client works while processes of the service are killed at random: nothing that was answered with OK is lost, no UID
 * is given twice, and the service comes back by itself.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ImapClient, loginClient } from '../support/imap-client.js';
import {
  type Change,
  isMailboxChange,
  type MailboxChange,
  MailModel,
  type ModelMailbox,
  type ModelMessage,
} from '../support/mail-model.js';
import { PASSWORD } from '../support/peer-servers.js';
import { isAlive } from '../support/start.js';
import { type ScriptedServers, startWithScripts } from '../support/start-scripts.js';
import { TestHome } from '../support/test-home.js';

const COMMANDS = 1_000;
/** On average, one process is killed in so many commands. */
const COMMANDS_PER_KILL = 15;
/** Then the service must answer a login again. */
const BACK_SECONDS = 60;
/** A keeper that has started the same daemon six times in a minute waits longer, so these are not killed more often. */
const MOST_KILLS_OF_KEPT = 6;
/** Of each kind of process. */
const FEWEST_KILLS = 5;
/** So often, a command creates, renames or deletes a mailbox. */
const COMMANDS_PER_MAILBOX_CHANGE = 8;
/** More messages than this are not added, so that looking at all of them stays quick. */
const MANY_MESSAGES = 60;
/** INBOX and these, of which some are there. */
const NAMES = ['Other', 'A', 'B', 'C', 'D', 'With space'].map((name) => `INBOX.${name}`);
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', 'work'];

function pick<T>(list: readonly T[]): T {
  const chosen = list[randomInt(list.length)];
  assert.ok(chosen !== undefined);
  return chosen;
}

/** Something to do that the model can do as well. */
function chooseChange(model: MailModel, number: number): Change {
  if (randomInt(COMMANDS_PER_MAILBOX_CHANGE) === 0) return chooseMailboxChange(model);
  const mailbox = pick(model.mailboxes);
  const uids = [...model.messagesIn(mailbox).keys()];
  const message: ModelMessage = { subject: `message ${number}`, flags: new Set([pick(FLAGS)]) };
  if (uids.length === 0) return { kind: 'append', mailbox, message };
  const uid = pick(uids);
  const target = pick(model.mailboxes.filter((name) => name !== mailbox));
  const many = model.messageCount > MANY_MESSAGES;
  const kinds = ['append', 'copy', 'move', 'flag', 'unflag', 'expunge'] as const;
  const kind = pick(many ? (['move', 'flag', 'expunge'] as const) : kinds);
  if (kind === 'append') return { kind, mailbox, message };
  if (kind === 'copy' || kind === 'move') return { kind, mailbox, uid, target };
  if (kind === 'expunge') return { kind, mailbox, uid };
  return { kind, mailbox, uid, flag: pick(FLAGS) };
}

/** Some names are taken and some are free, always. */
function chooseMailboxChange({ mailboxes }: MailModel): MailboxChange {
  const free = NAMES.filter((name) => !mailboxes.includes(name));
  const taken = NAMES.filter((name) => mailboxes.includes(name));
  const kinds = ['rename', free.length > 2 ? 'create' : 'rename', taken.length > 3 ? 'delete' : 'rename'] as const;
  const kind = pick(kinds);
  if (kind === 'create') return { kind, mailbox: pick(free) };
  if (kind === 'delete') return { kind, mailbox: pick(taken) };
  return { kind, mailbox: pick(taken), target: pick(free) };
}

/** Does it. @returns the new UID, if the server told one. @throws when the connection goes. */
async function carryOut(client: ImapClient, change: Change): Promise<number | undefined> {
  if (isMailboxChange(change)) {
    const target = change.kind === 'rename' ? ` "${change.target}"` : '';
    await client.must(`${change.kind.toUpperCase()} "${change.mailbox}"${target}`);
    return undefined;
  }
  if (change.kind === 'append') {
    const { subject, flags } = change.message;
    const text = Buffer.from(`Subject: ${subject}\r\n\r\nText of ${subject}.\r\n`);
    const { text: said } = await client.must(`APPEND "${change.mailbox}" (${[...flags].join(' ')})`, text);
    return Number(/APPENDUID \d+ (\d+)/.exec(said)?.[1]);
  }
  const { uid } = change;
  await client.must(`SELECT "${change.mailbox}"`);
  if ('target' in change) {
    const { text, untagged } = await client.must(`UID ${change.kind.toUpperCase()} ${uid} "${change.target}"`);
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

/** The names of all mailboxes. */
async function listMailboxes(client: ImapClient): Promise<string[]> {
  const { untagged } = await client.must('LIST "" "*"');
  const real = untagged.filter((line) => !/\\(Noselect|NonExistent)/i.test(line));
  return real.map((line) => /^\* LIST \([^)]*\) "\." "?([^"]*)"?$/.exec(line)?.[1] ?? `not a mailbox: ${line}`);
}

/** A command whose client has gone is over by then. */
const SETTLE_SECONDS = 20;

const NOBODY = ['nobody', 0] as const;

/** All that the server shows, compared with the model. */
async function compare(client: ImapClient, model: MailModel, open: Change | undefined): Promise<void> {
  const shown = new Map<string, ModelMailbox>();
  const validity = new Map<string, string>();
  for (const mailbox of await listMailboxes(client)) {
    const { untagged } = await client.must(`EXAMINE "${mailbox}"`);
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

/** A worker that outlived its client may still be busy with the command: what is seen of it in part is looked at again. */
async function compareSoon(client: ImapClient, model: MailModel, open: Change): Promise<void> {
  const until = performance.now() + SETTLE_SECONDS * 1000;
  for (;;) {
    try {
      await compare(client, model, open);
      return;
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || performance.now() > until) throw error;
      await delay(100);
    }
  }
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

/** Kills one process of the service, some milliseconds from now: of a kind that was killed least often. */
async function killSomething(servers: ScriptedServers, killed: Map<string, number>): Promise<void> {
  await delay(randomInt(8));
  const times = (role: string): number => killed.get(role) ?? 0;
  const spared = (role: string): boolean =>
    (role === 'supervisor' || role === 'authdaemond') && times(role) >= MOST_KILLS_OF_KEPT;
  const victims = servers.victims().filter(([role]) => !spared(role));
  const fewest = Math.min(...victims.map(([role]) => times(role)));
  const [role, pid] = pick(victims.length > 0 ? victims.filter(([each]) => times(each) === fewest) : [NOBODY]);
  if (pid === 0 || !isAlive(pid)) return;
  process.kill(pid, 'SIGKILL');
  killed.set(role, times(role) + 1);
}

async function work(servers: ScriptedServers, model: MailModel, killed: Map<string, number>): Promise<void> {
  let client = await comeBack(servers);
  for (const name of model.mailboxes) if (name !== 'INBOX') await client.must(`CREATE "${name}"`);
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
    await compareSoon(client, model, change);
  }
  await compare(client, model, undefined);
  await client.must('LOGOUT');
}

function messageFiles(maildir: string): string[] {
  const folders = readdirSync(maildir).filter((name) => name.startsWith('.'));
  const places = ['', ...folders].flatMap((folder) => [join(folder, 'cur'), join(folder, 'new')]);
  return places.flatMap((place) => readdirSync(join(maildir, place)));
}

/** The connection went before the answer came. */
class LostAnswer {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

test('processes are killed while a client works: what was acknowledged is there', {
  timeout: 580_000,
}, async (context) => {
  const home = new TestHome('kills');
  const servers = await startWithScripts({ directory: home.directory('server'), users: [home.user] });
  const model = new MailModel(['INBOX', ...NAMES.slice(0, 3)]);
  const killed = new Map<string, number>();
  try {
    await work(servers, model, killed);
    context.diagnostic(`killed: ${[...killed].map(([role, count]) => `${count} ${role}`).join(', ')}`);

    assert.equal(messageFiles(home.maildir).length, model.messageCount);
    for (const role of ['supervisor', 'authdaemond', 'login', 'worker']) {
      assert.ok((killed.get(role) ?? 0) >= FEWEST_KILLS, `${role} was hardly ever killed`);
    }
  } finally {
    await servers.stop();
    home.remove();
  }
});
