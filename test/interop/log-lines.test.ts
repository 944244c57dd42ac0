/**
 * The lines of the log beside those of Debian's Courier: the same conversations with both, and the same lines, but for
 * ports, times, and octets of greetings. Home-made parsers and logcheck rules read them.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { copyMaildir } from '../support/maildir-fixture.js';
import { PASSWORD, startCourier } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, processText, processTree, waitForPort, waitUntil } from '../support/processes.js';
import { makeCertificate, startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

/** A server of either kind. */
interface Site {
  readonly imap: number;
  readonly imaps: number;
  readonly pop3: number;
  /** What it has logged so far, a line for each event. */
  lines(): string[];
  /** Ends the sessions that there are, by a signal to its processes. */
  endSessions(): void;
}

interface Ports {
  readonly port: number;
  readonly tls?: boolean;
}

/** Plays one conversation; each command waits for a line that matches. */
async function converse(
  { port, tls = false }: Ports,
  steps: readonly (readonly [string, RegExp])[],
  atTheEnd?: () => void,
): Promise<void> {
  const socket: Socket = tls ? connectTls({ port, rejectUnauthorized: false }) : connect(port, '127.0.0.1');
  let received = '';
  let wake = (): void => {};
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    received += text;
    wake();
  });
  socket.on('error', () => wake());
  for (const [command, answer] of steps) {
    if (command !== '') socket.write(`${command}\r\n`);
    while (!answer.test(received)) {
      if (socket.destroyed || socket.readableEnded) throw new Error(`closed before ${answer}: ${received}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    received = '';
  }
  if (atTheEnd !== undefined) {
    const closed = once(socket, 'close');
    atTheEnd();
    await closed;
  }
  socket.destroy();
}

/**
 * All but what differs: ports, seconds, octets (Courier counts those of the file for FETCH, we those that go out), names of
 * files (ours without flags); and the words that courierlogger takes off.
 */
function normalised(line: string): string {
  return (
    line
      .replace(/^(INFO|DEBUG): /, '')
      // Courier listens with a socket of IPv6 always, ours only where it listens on all addresses.
      .replace('ip=[::ffff:', 'ip=[')
      .replace(/port=\[\d+\]/g, 'port=[N]')
      .replace(/(rcvd|sent|time|headers|body)=\d+/g, '$1=N')
      .replace(/(old_name|filename)=.*$/, '$1=FILE')
      // Courier from 5.2.6 on has it in this line, too; Debian 12 has an older one.
      .replace(/^(LOGIN, .*), starttls=1$/, '$1')
  );
}

const GREETED = /^(\* OK|\+OK) /m;
const tagged = (tag: string, status = 'OK'): RegExp => new RegExp(`^${tag} ${status}\\b.*\\r\\n`, 'm');
const fine = /^\+OK.*\r\n/m;
const selectAll: readonly (readonly [string, RegExp])[] = [
  [`b LOGIN bob ${PASSWORD}`, tagged('b')],
  ['c SELECT INBOX', tagged('c')],
];

/** Conversations whose lines are compared, each with the number of lines that it leaves. */
const conversations: readonly (readonly [string, (site: Site) => Promise<void>])[] = [
  ['gone before login', ({ imap }) => converse({ port: imap }, [['', GREETED]])],
  ['LOGOUT before login', ({ imap }) => converse({ port: imap }, [['a LOGOUT', tagged('a')]])],
  [
    // Courier answers each of them after five seconds.
    'wrong passwords, all at once',
    async ({ imap, pop3 }) => {
      await Promise.all([
        converse({ port: imap }, [['a LOGIN bob wrong', tagged('a', 'NO')]]),
        converse({ port: imap }, [
          ['a AUTHENTICATE PLAIN', /^\+/m],
          ['AGJvYgB3cm9uZw==', tagged('a', 'NO')],
        ]),
        converse({ port: pop3 }, [
          ['', GREETED],
          ['USER bob', fine],
          ['PASS wrong', /^-ERR/m],
        ]),
      ]);
    },
  ],
  ['a login and LOGOUT', ({ imap }) => converse({ port: imap }, [...selectAll, ['d LOGOUT', tagged('d')]])],
  ['a login and no LOGOUT', ({ imap }) => converse({ port: imap }, selectAll)],
  [
    'a message is read',
    ({ imap }) =>
      converse({ port: imap }, [
        ...selectAll,
        ['d FETCH 1 (BODY.PEEK[])', tagged('d')],
        ['e FETCH 2 (BODY.PEEK[HEADER])', tagged('e')],
        ['f LOGOUT', tagged('f')],
      ]),
  ],
  [
    'a client says who it is',
    ({ imap }) =>
      converse({ port: imap }, [
        ...selectAll,
        ['d ID ("name" "mutt" "version" NIL)', tagged('d')],
        ['e LOGOUT', tagged('e')],
      ]),
  ],
  [
    'a message is removed',
    ({ imap }) =>
      converse({ port: imap }, [
        ...selectAll,
        ['d STORE 1 +FLAGS (\\Deleted)', tagged('d')],
        ['e EXPUNGE', tagged('e')],
        ['f LOGOUT', tagged('f')],
      ]),
  ],
  ['a login in TLS', ({ imaps }) => converse({ port: imaps, tls: true }, [...selectAll, ['d LOGOUT', tagged('d')]])],
  ['a locked account', ({ imap }) => converse({ port: imap }, [[`a LOGIN locked ${PASSWORD}`, /^\* BYE /m]])],
  [
    'POP3, QUIT before login',
    ({ pop3 }) =>
      converse({ port: pop3 }, [
        ['', GREETED],
        ['QUIT', fine],
      ]),
  ],
  [
    'POP3, a message is read and removed',
    ({ pop3 }) =>
      converse({ port: pop3 }, [
        ['', GREETED],
        ['USER bob', fine],
        [`PASS ${PASSWORD}`, fine],
        ['TOP 1 0', /\r\n\.\r\n/],
        ['RETR 2', /\r\n\.\r\n/],
        ['DELE 1', fine],
        ['QUIT', fine],
      ]),
  ],
  [
    'POP3, a login and no QUIT',
    ({ pop3 }) =>
      converse({ port: pop3 }, [
        ['', GREETED],
        ['USER bob', fine],
        [`PASS ${PASSWORD}`, fine],
      ]),
  ],
];

async function courierSite(
  t: TestContext,
  home: TestHome,
  users: readonly { name: string; home: string }[],
): Promise<Site> {
  const [imap, imaps, pop3] = [await freePort(), await freePort(), await freePort()];
  const directory = home.directory('courier');
  const certificate = home.beside('courier.pem');
  await makeCertificate(certificate);
  const settings = { IMAP_LOG_DELETIONS: '1', POP3_LOG_DELETIONS: '1', IMAP_ID_FIELDS: '0' };
  const courier = { settings, pop3Port: pop3 };
  const server = await startCourier({ directory, users, port: imap, tls: { port: imaps, certificate }, courier });
  t.after(() => server.stop());
  await waitForPort(pop3);
  // What couriertls says of a connection that ends without TLS's own goodbye is not compared.
  const lines = () =>
    readFileSync(`${directory}/log`, 'utf8')
      .split('\n')
      .filter((line) => /^(INFO|DEBUG|NOTICE): (?!ip=)/.test(line));
  const endSessions = () => {
    const isSession = (pid: number) => processText(pid, 'comm').trim() === 'imapd';
    for (const pid of processTree(server.roots).filter(isSession)) process.kill(pid, 'SIGTERM');
  };
  return { imap, imaps, pop3, lines, endSessions };
}

async function ourSite(
  t: TestContext,
  home: TestHome,
  users: readonly { name: string; home: string }[],
): Promise<Site> {
  const settings = { IMAP_LOG_DELETIONS: '1', IMAP_ID_FIELDS: '0' };
  const ours = await startOurs({ directory: home.beside('ours'), users, settings, pop3: { POP3_LOG_DELETIONS: '1' } });
  t.after(() => ours.stop());
  const lines = () =>
    ours
      .log()
      .split('\n')
      .filter((line) => / (imapd|pop3d)\[\d+\]: /.test(line))
      .map((line) => line.replace(/^.*? (imapd|pop3d)\[\d+\]: /, ''))
      .filter((line) => / ip=\[/.test(line));
  const endSessions = () => void ours.imapd.kill('SIGTERM');
  return { imap: ours.port, imaps: ours.tlsPort, pop3: ours.pop3?.port ?? 0, lines, endSessions };
}

/** Homes of the accounts, alike for both. */
function accounts(home: TestHome, name: string) {
  const users = ['bob', 'locked'].map((user) => ({ name: user, home: home.directory(`${name}-${user}`) }));
  for (const user of users) {
    copyMaildir('three-messages', `${user.home}/Maildir`);
    giveToMailUser(user.home);
  }
  chmodSync(users[1]?.home ?? '', 0o1755);
  return users;
}

/** Whether each connection has left the line of its end; with POP3, LOGOUT before login is followed by one more. */
function isQuiet(lines: readonly string[]): boolean {
  const count = (what: RegExp): number => lines.filter((line) => what.test(line)).length;
  const begun = count(/^(DEBUG: )?Connection, /);
  const ended = count(/^(DEBUG: )?Disconnected, |^(INFO: )?(DISCONNECTED|LOCKED), |^(INFO: )?LOGOUT, (user=|.*rcvd=)/);
  return begun === ended;
}

/** The lines that a conversation leaves. */
async function linesOf(site: Site, talk: (site: Site) => Promise<void>): Promise<string[]> {
  await waitUntil('earlier connections are over', () => isQuiet(site.lines()));
  const before = site.lines().length;
  await talk(site);
  await waitUntil('the conversation is over', () => site.lines().length > before && isQuiet(site.lines()));
  return site.lines().slice(before).map(normalised);
}

test('L1, L9: every event leaves the line that it leaves in Courier', async (t) => {
  const home = new TestHome('log-lines');
  t.after(() => home.remove());
  const courier = await courierSite(t, home, accounts(home, 'courier'));
  const ours = await ourSite(t, home, accounts(home, 'ours'));
  // Whoever looked whether they listen has left lines on the two ports without TLS.
  for (const site of [courier, ours]) {
    const gone = () => site.lines().filter((line) => line.includes('Disconnected, ')).length;
    await waitUntil('both ports were looked at', () => gone() >= 2);
  }
  for (const [name, talk] of conversations) {
    const theirs = await linesOf(courier, talk);
    const mine = await linesOf(ours, talk);
    const isMixed = name.endsWith('all at once');
    assert.deepEqual(isMixed ? mine.sort() : mine, isMixed ? theirs.sort() : theirs, name);
  }

  const last: string[] = [];
  for (const site of [courier, ours]) {
    await converse({ port: site.imap }, selectAll, () => site.endSessions());
    const told = () => site.lines().find((line) => line.includes('during shutdown'));
    await waitUntil('the end is told', () => told() !== undefined);
    last.push(normalised(told() ?? ''));
  }
  assert.equal(last[1], last[0]);
});
