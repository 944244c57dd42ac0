/**
 * L4: the log says why somebody was not let in, and his client hears no more than it must. The whole chain runs:
 * authdaemond, imapd and pop3d, with one account for each reason.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ImapClient, openClient } from '../support/imap-client.js';
import { copyMaildir } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { run, waitUntil } from '../support/processes.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

/** What one of them hears, and what the log says; `HOME` stands for the home. */
interface Reason {
  readonly user: string;
  readonly password?: string;
  readonly hears: RegExp;
  readonly logged: string;
}

const neutral =
  /^(NO \[AUTHENTICATIONFAILED\] Login failed\.|NO \[UNAVAILABLE\] (Mailbox is not available|This account cannot be used))/;

const reasons: readonly Reason[] = [
  { user: 'nobody-here', hears: neutral, logged: 'not let in: service=imap, account=nobody-here.*unknown account' },
  {
    user: 'bob',
    password: 'wrong',
    hears: neutral,
    logged: 'not let in: service=imap, account=bob.*wrong password',
  },
  {
    user: 'closed',
    hears: /^NO \[AUTHORIZATIONFAILED\] IMAP access disabled for this account\.$/,
    logged: 'LOGIN REFUSED, user=closed, ip=\\[127.0.0.1\\], port=\\[\\d+\\]: the account has the option disableimap',
  },
  {
    user: 'tlsonly',
    hears: /^NO \[PRIVACYREQUIRED\] IMAP access disabled via insecure connection\.$/,
    logged: 'LOGIN REFUSED, user=tlsonly, .*: the account has the option disableinsecureimap',
  },
  { user: 'homeless', hears: neutral, logged: 'LOGIN REFUSED, user=homeless, .*: not a maildir: HOME/Maildir' },
  { user: 'locked-out', hears: neutral, logged: 'LOGIN REFUSED, user=locked-out, .*: not permitted: HOME.*EACCES' },
  {
    user: 'foreign',
    hears: /^NO \[UNAVAILABLE\] Account's mailbox directory is not owned by the correct uid or gid\.$/,
    logged: 'LOGIN REFUSED, user=foreign, .*not owned by the correct uid or gid: HOME/Maildir',
  },
  { user: 'root', hears: neutral, logged: 'LOGIN REFUSED, user=root, .*: the account has uid 0' },
];

const options: Readonly<Record<string, Partial<OurUser>>> = {
  closed: { options: 'disableimap=1' },
  tlsonly: { options: 'disableinsecureimap=1' },
  root: { uid: 0, gid: 0 },
};

function makeAccounts(home: TestHome): OurUser[] {
  return ['bob', ...reasons.map(({ user }) => user)]
    .filter((user, place, all) => user !== 'nobody-here' && all.indexOf(user) === place)
    .map((name) => {
      const place = home.beside(`home-${name}`);
      if (name !== 'homeless') {
        mkdirSync(place);
        copyMaildir('empty', join(place, 'Maildir'));
        giveToMailUser(place);
      }
      return { name, home: place, ...options[name] };
    });
}

async function answerTo(client: ImapClient, { user, password = PASSWORD }: Pick<Reason, 'user' | 'password'>) {
  const { status, text } = await client.send(`LOGIN ${user} ${password}`);
  return `${status} ${text}`;
}

async function logged(ours: OurServers, pattern: string): Promise<void> {
  await waitUntil(`the log has ${pattern}`, () => new RegExp(pattern, 'm').test(ours.log())).catch((error: unknown) => {
    throw new Error(ours.log(), { cause: error });
  });
}

test('L4: the log has the true reason of each refusal, and the client hears none that helps a stranger', async (t) => {
  const home = new TestHome('refusals');
  t.after(() => home.remove());
  const users = makeAccounts(home);
  const placeOf = (user: string): string => home.beside(`home-${user}`);
  chmodSync(join(placeOf('locked-out'), 'Maildir'), 0o700);
  chownSync(join(placeOf('locked-out'), 'Maildir'), 0, 0);
  chownSync(join(placeOf('foreign'), 'Maildir'), 5_999, 5_999);
  chmodSync(join(placeOf('foreign'), 'Maildir'), 0o755);
  const settings = { MAXPERACCOUNT: '1' };
  const ours = await startOurs({ directory: home.beside('ours'), users, settings, pop3: {} });
  t.after(() => ours.stop());

  for (const reason of reasons) {
    const client = await openClient(ours.port, false);
    const answer = await answerTo(client, reason);
    assert.match(answer, reason.hears, reason.user);
    assert.doesNotMatch(answer, /\/|\bE[A-Z]{4,}\b|unknown|uid 0/, 'no path, no errno, no reason');
    await logged(ours, reason.logged.replace('HOME', placeOf(reason.user)));
    client.close();
  }

  const [first, second] = [await openClient(ours.port, false), await openClient(ours.port, false)];
  assert.match(await answerTo(first, { user: 'bob' }), /^OK /);
  assert.match(await answerTo(second, { user: 'bob' }), /^NO \[\w+\] .*MAXPERACCOUNT/);
  await logged(ours, 'Maximum session limit reached for user=bob from 127\\.0\\.0\\.1$');
  second.close();

  // The same with POP3.
  const pop3 = await run(['curl', '-s', `pop3://127.0.0.1:${ours.pop3?.port}/`, '--user', `homeless:${PASSWORD}`]);
  assert.notEqual(pop3.exitCode, 0);
  await logged(
    ours,
    `pop3d\\[\\d+\\]: LOGIN REFUSED, user=homeless, .*: not a maildir: ${placeOf('homeless')}/Maildir`,
  );

  // Nobody can say whether a password is right.
  const ended = once(ours.authdaemond, 'close');
  ours.authdaemond.kill('SIGTERM');
  await ended;
  const third = await openClient(ours.port, false);
  third.raw(`t LOGIN homeless ${PASSWORD}\r\n`);
  assert.match(await third.response(), /^\* BYE \[UNAVAILABLE\] Temporary problem, please try again later$/);
  await logged(ours, 'authentication error: .*(ENOENT|socket)');
  third.close();
  first.close();
});

test('L10, attacks 61: an error of the disk is told with the file, the command and the user', async (t) => {
  const home = new TestHome('disk-errors', { maildir: 'three-messages' });
  t.after(() => home.remove());
  const ours = await startOurs({ directory: home.beside('ours'), users: [home.user], pop3: {} });
  t.after(() => ours.stop());
  const closed = join(home.maildir, 'cur', '1700000002.M2.mx:2,');
  chownSync(closed, 0, 0);
  chmodSync(closed, 0o600);
  const client = await openClient(ours.port, false);
  await client.must(`LOGIN bob ${PASSWORD}`);
  await client.must('SELECT INBOX');

  const answer = await client.send('FETCH 2 (BODY[])');
  assert.equal(answer.status, 'NO');
  assert.doesNotMatch(answer.text, /\/|EACCES/);
  await logged(ours, `FETCH: .*${closed.replace(/[.]/g, '\\.')}.*user=bob, ip=\\[127`);

  const list = await run(['curl', '-s', `pop3://127.0.0.1:${ours.pop3?.port}/`, '--user', `bob:${PASSWORD}`]);
  assert.equal(list.stdout.trim().split('\n').length, 2);
  await logged(ours, 'pop3d\\[\\d+\\]: A message is not shown, .*1700000002\\.M2\\.mx:2,: .*EACCES');
  client.close();
});
