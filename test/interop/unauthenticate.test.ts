/**
 * UNAUTHENTICATE on the installed programs: one connection, one account after the other, with TLS and without. Where the
 * tests run as root, the accounts are of different Unix users.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { ConnectionGone, type ImapClient, openClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { mustRun, processesCalled, processTree, waitUntil } from '../support/processes.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';

const scratch = scratchDirectory('unauthenticate');
let ours: OurServers;

const isRoot = process.geteuid?.() === 0;

/** ann is another Unix user than bob, where that can be. */
function account(name: string, maildir: string, number: number): OurUser {
  const home = join(scratch.path, 'mail', name);
  mkdirSync(home, { recursive: true });
  copyMaildir(maildir, join(home, 'Maildir'));
  giveToMailUser(home);
  if (!isRoot) return { name, home };
  const uid = mailIds().uid + number;
  const give = (path: string): void => {
    chownSync(path, uid, mailIds().gid);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) give(join(path, entry.name));
      else chownSync(join(path, entry.name), uid, mailIds().gid);
    }
  };
  give(home);
  return { name, home, uid };
}

before(async () => {
  chmodSync(scratch.path, 0o755);
  const users = [account('bob', 'one-unread', 0), account('ann', 'three-messages', 1)];
  const settings = { IMAP_LOGIN_DELAY: '1', MAXPERACCOUNT: '1', MAXBEFORELOGIN: '5' };
  ours = await startOurs({ directory: join(scratch.path, 'ours'), users, settings });
});

after(async () => {
  await ours.stop();
  scratch.remove();
});

// MAXPERACCOUNT is 1, and an account counts until the supervisor has heard that its session is over: later than the client.
beforeEach(() => waitUntil('nobody is there', async () => (await connections()) === 0));

/** A connection that has been greeted. */
async function greeted(isTls: boolean): Promise<ImapClient> {
  return await openClient(isTls ? ours.tlsPort : ours.port, isTls);
}

/** How many messages an account of a connection has. */
async function messages(client: ImapClient, name: string): Promise<string> {
  const login = await client.must(`LOGIN ${name} ${PASSWORD}`);
  assert.match(login.text, /^\[CAPABILITY .* UNAUTHENTICATE[ \]]/);
  const { untagged } = await client.must('SELECT INBOX');
  return untagged.find((line) => line.endsWith(' EXISTS')) ?? '';
}

/** How many connections count. */
async function connections(): Promise<number> {
  const control = [join(programs, 'imapd'), '--control', 'status'];
  const status = await mustRun(control, { environment: { COURIER_CONFDIR: ours.configuration } });
  return Number(/, (\d+) connections/.exec(status)?.[1] ?? -1);
}

/** The processes that have mail of somebody. */
function workers(): number[] {
  return processesCalled('mail worker for', ours.roots());
}

/** Open descriptors of all our processes. */
function descriptors(): number {
  const open = (pid: number): number => {
    try {
      return readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      return 0;
    }
  };
  return processTree(ours.roots()).reduce((sum, pid) => sum + open(pid), 0);
}

for (const isTls of [false, true]) {
  const how = isTls ? 'with TLS' : 'in plaintext';

  test(`UNAUTHENTICATE, ${how}: the next account has its own mail, and nothing of what was is left`, async () => {
    const client = await greeted(isTls);
    const words = (await client.must('CAPABILITY')).untagged;
    assert.doesNotMatch(words.join(), /UNAUTHENTICATE/);
    assert.equal(await messages(client, 'bob'), '* 1 EXISTS');
    assert.equal((await client.must('UNAUTHENTICATE')).untagged.length, 0);
    assert.equal((await client.send('SELECT INBOX')).status, 'BAD');
    assert.equal((await client.send('UNAUTHENTICATE')).status, 'BAD');
    assert.deepEqual((await client.must('CAPABILITY')).untagged, words);
    assert.equal(await messages(client, 'ann'), '* 3 EXISTS');
    await client.must('UNAUTHENTICATE');
    assert.equal(await messages(client, 'bob'), '* 1 EXISTS');
    await client.must('LOGOUT');
    client.close();
  });

  test(`UNAUTHENTICATE, ${how}: what is sent behind it is for the next session, and comes once`, async () => {
    const client = await greeted(isTls);
    client.raw(`a1 LOGIN bob ${PASSWORD}\r\na2 UNAUTHENTICATE\r\na3 NOOP\r\na4 LOGIN ann ${PASSWORD}\r\n`);
    client.raw(`a5 STATUS INBOX (MESSAGES)\r\na6 UNAUTHENTICATE\r\na7 LOGIN bob ${PASSWORD}\r\n`);
    client.raw('a8 STATUS INBOX (MESSAGES)\r\na9 LOGOUT\r\n');
    const answers: string[] = [];
    while (!answers.at(-1)?.startsWith('a9 ')) answers.push(await client.response());
    const told = answers.map((line) => line.replace(/\[CAPABILITY [^\]]*\] /, ''));
    assert.deepEqual(
      told.filter((line) => /^a\d|STATUS/.test(line)).map((line) => line.replace(/ completed\.?$/i, '')),
      [
        'a1 OK LOGIN Ok.',
        'a2 OK UNAUTHENTICATE',
        'a3 OK NOOP',
        'a4 OK LOGIN Ok.',
        '* STATUS "INBOX" (MESSAGES 3)',
        'a5 OK STATUS',
        'a6 OK UNAUTHENTICATE',
        'a7 OK LOGIN Ok.',
        '* STATUS "INBOX" (MESSAGES 1)',
        'a8 OK STATUS',
        'a9 OK LOGOUT',
      ],
    );
    client.close();
  });

  test(`UNAUTHENTICATE, ${how}: of much that is sent behind it nothing is lost`, async () => {
    const client = await greeted(isTls);
    await messages(client, 'bob');
    const count = 20_000;
    const commands = Array.from({ length: count }, (_, index) => `n${index} NOOP\r\n`);
    client.raw(`a UNAUTHENTICATE\r\nb LOGIN ann ${PASSWORD}\r\n${commands.join('')}`);
    assert.match(await client.response(), /^a OK /);
    assert.match(await client.response(), /^b OK /);
    for (let index = 0; index < count; index += 1) {
      assert.equal(await client.response(), `n${index} OK NOOP completed`);
    }
    await client.must('LOGOUT');
    client.close();
  });

  test(`UNAUTHENTICATE, ${how}: after 200 rounds there is no descriptor more, and each session has its line`, async () => {
    const logouts = (): number => ours.log().match(/LOGOUT, user=/g)?.length ?? 0;
    const logoutsBefore = logouts();
    const logBefore = ours.log().length;
    const client = await greeted(isTls);
    for (const name of ['bob', 'ann']) {
      await messages(client, name);
      await client.must('UNAUTHENTICATE');
    }
    const before = descriptors();
    for (let round = 0; round < 200; round += 1) {
      const name = round % 2 === 0 ? 'bob' : 'ann';
      assert.equal(await messages(client, name), name === 'bob' ? '* 1 EXISTS' : '* 3 EXISTS');
      await client.must('UNAUTHENTICATE');
    }
    await waitUntil('no descriptor is left', () => descriptors() <= before);
    assert.doesNotMatch(ours.log().slice(logBefore), /MaxListeners|bug|died/);
    await client.must('LOGOUT');
    client.close();
    await waitUntil('the connection is over', async () => (await connections()) === 0);
    // What the connection says before a login is no session.
    assert.equal(logouts(), logoutsBefore + 202);
  });

  test(`UNAUTHENTICATE, ${how}: a client that goes in between leaves nothing behind`, async () => {
    const rounds = [
      'a LOGIN bob P\r\n',
      'a LOGIN bob P\r\nb UNAUTHENTICATE\r\n',
      'a LOGIN bob P\r\nb UNAUTHENTICATE\r\nc LOGIN ann P\r\n',
      'a LOGIN bob P\r\nb UNAUTHENTICATE\r\nc LOG',
    ];
    // MAXBEFORELOGIN is 5: none of them may go on being counted.
    const comeAndGo = async (): Promise<void> => {
      for (const [index, round] of rounds.entries()) {
        for (const waits of [0, 1, 2]) {
          const client = await greeted(isTls);
          client.raw(round.replaceAll(' P', ` ${PASSWORD}`));
          for (let answer = 0; answer < Math.min(waits, index); answer += 1) await client.response();
          client.close();
        }
      }
      await waitUntil('nobody is there', async () => (await connections()) === 0);
    };
    // Whoever asks authdaemond for several at once keeps what he needed for it, and a spare worker may just begin.
    let before = 0;
    await waitUntil('nobody leaves a descriptor behind', async () => {
      await comeAndGo();
      const isLeft = descriptors() > before;
      before = descriptors();
      return !isLeft;
    });
    const client = await greeted(isTls);
    assert.equal(await messages(client, 'bob'), '* 1 EXISTS');
    await client.must('LOGOUT');
    client.close();
  });

  test(`UNAUTHENTICATE, ${how}: a wrong password between two logins is logged and answered late`, async () => {
    const client = await greeted(isTls);
    await messages(client, 'bob');
    await client.must('UNAUTHENTICATE');
    const failures = ours.log().match(/LOGIN FAILED, user=ann, ip=\[/g)?.length ?? 0;
    const from = performance.now();
    assert.equal((await client.send('LOGIN ann wrong')).status, 'NO');
    assert.ok(performance.now() - from >= 990, 'IMAP_LOGIN_DELAY is one second');
    const logged = (): number => ours.log().match(/LOGIN FAILED, user=ann, ip=\[/g)?.length ?? 0;
    await waitUntil('the log tells it', () => logged() > failures);
    assert.equal(logged(), failures + 1);
    assert.equal(await messages(client, 'ann'), '* 3 EXISTS');
    await client.must('UNAUTHENTICATE');
    for (let mistake = 0; mistake < 3; mistake += 1) assert.equal((await client.send('NONSENSE')).status, 'BAD');
    assert.match(await client.response(), /^\* BYE /);
    client.close();
  });

  test(`UNAUTHENTICATE, ${how}: it is refused, and not announced, where a proxy has logged in`, async () => {
    const proxied = await greeted(isTls);
    await proxied.must('ID ("x-proxy-ttl" "4")');
    assert.doesNotMatch((await proxied.must(`LOGIN bob ${PASSWORD}`)).text, /UNAUTHENTICATE/);
    assert.doesNotMatch((await proxied.must('CAPABILITY')).untagged.join(), /UNAUTHENTICATE/);
    assert.equal((await proxied.send('UNAUTHENTICATE')).status, 'BAD');
    await proxied.must('LOGOUT');
    proxied.close();
  });

  test(`UNAUTHENTICATE, ${how}: it goes on while settings are read again, and when a mail worker dies`, async () => {
    const client = await greeted(isTls);
    assert.equal(await messages(client, 'bob'), '* 1 EXISTS');
    ours.imapd.kill('SIGHUP');
    await client.must('UNAUTHENTICATE');
    assert.equal(await messages(client, 'ann'), '* 3 EXISTS');
    await client.must('UNAUTHENTICATE');
    // A login process answers, to which the client comes when its account has ceased to count.
    await client.must('NOOP');
    const doomed = await greeted(isTls);
    await doomed.must(`LOGIN ann ${PASSWORD}`);
    for (const pid of workers()) process.kill(pid, 'SIGSTOP');
    doomed.raw('a UNAUTHENTICATE\r\n');
    for (const pid of workers()) process.kill(pid, 'SIGKILL');
    await assert.rejects(doomed.response(), /closed the connection|ECONNRESET/);
    doomed.close();
    await waitUntil('its session is over', async () => (await connections()) === 1);
    assert.equal(await messages(client, 'ann'), '* 3 EXISTS');
    await client.must('LOGOUT');
    client.close();
  });
}

test('UNAUTHENTICATE: a server that ends says goodbye to whoever has given his login back', async () => {
  const directory = join(scratch.path, 'ending');
  const users = [account('eve', 'one-unread', 0)];
  const ending = await startOurs({ directory, users });
  const clients: ImapClient[] = [];
  try {
    for (const isTls of [false, true]) {
      for (let round = 0; round < 5; round += 1) {
        const client = await openClient(isTls ? ending.tlsPort : ending.port, isTls);
        await client.must(`LOGIN eve ${PASSWORD}`);
        clients.push(client);
      }
    }
    const waiting = clients.filter((_, index) => index % 2 === 0);
    for (const client of waiting) await client.must('UNAUTHENTICATE');
    for (const client of clients.filter((each) => !waiting.includes(each))) client.raw('x UNAUTHENTICATE\r\n');
  } finally {
    await ending.stop();
  }
  for (const client of clients) {
    const said: string[] = [];
    await assert.rejects(async () => {
      for (;;) said.push(await client.response());
    }, ConnectionGone);
    assert.match(said.join('\n'), /^(x OK UNAUTHENTICATE completed(\n|$))?(\* BYE .*)?$/);
    assert.notEqual(said.length, 0);
    client.close();
  }
  assert.doesNotMatch(ending.log(), /bug|died/);
});

test('UNAUTHENTICATE: the time before login is for whoever has given his login back, too', async () => {
  const directory = join(scratch.path, 'late');
  const users = [account('eve', 'one-unread', 0)];
  const late = await startOurs({ directory, users, settings: { IMAP_LOGIN_TIMEOUT: '5' } });
  try {
    const stay = async (isTls: boolean): Promise<void> => {
      const client = await openClient(isTls ? late.tlsPort : late.port, isTls);
      for (let round = 0; round < 2; round += 1) {
        await client.must(`LOGIN eve ${PASSWORD}`);
        await new Promise((resolve) => setTimeout(resolve, 5_500));
        await client.must('UNAUTHENTICATE');
      }
      assert.equal(await client.response(), '* BYE Disconnected for inactivity: login took too long.');
      await assert.rejects(client.response(), ConnectionGone);
      client.close();
    };
    await Promise.all([false, true].map(stay));
  } finally {
    await late.stop();
  }
});

test('UNAUTHENTICATE: it can be switched off', async () => {
  const directory = join(scratch.path, 'off');
  const users = [account('eve', 'one-unread', 0)];
  const off = await startOurs({ directory, users, settings: { IMAP_UNAUTHENTICATE: '0' } });
  try {
    const client = await openClient(off.tlsPort, true);
    assert.doesNotMatch((await client.must(`LOGIN eve ${PASSWORD}`)).text, /UNAUTHENTICATE/);
    assert.equal((await client.send('UNAUTHENTICATE')).status, 'BAD');
    client.close();
  } finally {
    await off.stop();
  }
});
