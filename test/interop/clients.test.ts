/**
 * Clients that people use, over STARTTLS and over TLS: each reads, searches, flags, appends, moves and deletes.
 *
 * The same tests run against Dovecot, so that a failure shows whose it is.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { type MailUser, PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { mustRun, run } from '../support/processes.js';
import { type TlsServer, tlsServers } from './tls-servers.js';

const securities = ['starttls', 'tls'] as const;
type Security = (typeof securities)[number];
const clients = ['curl', 'imaplib', 'imapflow', 'mbsync', 'fetchmail', 'mutt', 'neomutt', 'alpine'] as const;

/** Files of a maildir folder, wherever they are, by their Subject. */
function subjects(home: string, folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const directory of ['new', 'cur']) {
    const path = join(home, 'Maildir', folder, directory);
    if (!existsSync(path)) continue;
    for (const filename of readdirSync(path)) {
      const text = readFileSync(join(path, filename), 'utf8');
      found.set(/^Subject: (.*?)\r?$/m.exec(text)?.[1] ?? filename, filename);
    }
  }
  return found;
}

const flagsIn = (filename: string | undefined): string => /:2,([A-Z]*)/.exec(filename ?? '')?.[1] ?? '';

/** One client's session: the port and the words that say how to secure it. */
interface Visit {
  readonly server: TlsServer;
  readonly user: MailUser;
  readonly security: Security;
  readonly port: number;
  /** A directory for the client's files. */
  readonly directory: string;
}

async function curl({ user, security, port }: Visit): Promise<void> {
  const scheme = security === 'tls' ? 'imaps' : 'imap';
  const url = `${scheme}://127.0.0.1:${port}`;
  const options = ['-sS', '-k', '--ssl-reqd', '-m', '30', '-u', `${user.name}:${PASSWORD}`];
  const ask = (path: string, ...more: string[]): Promise<string> => mustRun(['curl', ...options, ...more, url + path]);

  assert.match(await ask('/INBOX;UID=1'), /At noon/);
  assert.match(await ask('/INBOX;MAILINDEX=2;SECTION=TEXT'), /October/);
  assert.match(await ask('/INBOX?SUBJECT%20Lunch'), /^\* SEARCH 1 3\r?$/m);
  await ask('/INBOX', '-X', 'STORE 2 +FLAGS (\\Flagged)');
  const message = join(user.home, 'message');
  writeFileSync(message, 'Subject: mine\r\n\r\nHello.\r\n');
  await mustRun(['curl', ...options, '-T', message, `${url}/INBOX`]);
  await ask('/INBOX', '-X', 'UID MOVE 3 INBOX.Archive');
  await ask('/INBOX', '-X', 'UID STORE 1 +FLAGS (\\Deleted)');
  await ask('/INBOX', '-X', 'EXPUNGE');

  assert.deepEqual([...subjects(user.home, '').keys()].sort(), ['Report', 'mine']);
  assert.deepEqual([...subjects(user.home, '.Archive').keys()], ['Re: Lunch']);
  assert.match(flagsIn(subjects(user.home, '').get('Report')), /F/);
}

async function imaplib({ user, security, port }: Visit): Promise<void> {
  const script = join(checkoutRoot, 'test', 'interop', 'imaplib-client.py');

  const said = await mustRun(['python3', script, String(port), security, user.name, PASSWORD]);

  const expected = ['messages 3', 'read True', 'search 1 3', 'search text 2', 'flagged 2', 'appended 4', 'folders 3'];
  assert.deepEqual(said.trim().split('\n'), [...expected, 'left 2', 'moved 1']);
  assert.deepEqual([...subjects(user.home, '').keys()].sort(), ['Re: Lunch', 'mine']);
}

async function imapflow({ user, security, port }: Visit): Promise<void> {
  const auth = { user: user.name, pass: PASSWORD };
  const secure = security === 'tls';
  const tls = { rejectUnauthorized: false };
  const client = new ImapFlow({ host: '127.0.0.1', port, secure, doSTARTTLS: !secure, auth, tls, logger: false });
  await client.connect();
  const lock = await client.getMailboxLock('INBOX');
  try {
    const first = await client.fetchOne('1', { envelope: true, source: true, bodyStructure: true });
    assert.ok(first !== false && first !== undefined);
    assert.ok(first.source?.toString().includes('At noon'));
    assert.equal(first.envelope?.subject, 'Lunch');
    assert.equal(first.bodyStructure?.type, 'text/plain');
    assert.deepEqual(await client.search({ from: 'Ann' }), [1, 3]);
    assert.equal(await client.messageFlagsAdd('2', ['\\Flagged', 'work']), true);
    const appended = await client.append('INBOX', 'Subject: mine\r\n\r\nHello.\r\n', ['\\Seen']);
    assert.ok(appended !== false && appended.destination === 'INBOX');
    const moved = await client.messageMove('3', 'INBOX.Archive', { uid: true });
    assert.ok(moved !== false && moved.uidMap?.get(3) === 1);
    assert.equal(await client.messageDelete('1', { uid: true }), true);
    assert.deepEqual(await client.search({ keyword: 'work' }, { uid: true }), [2]);
    assert.deepEqual(await client.search({ subject: 'Grüße' }), []);
  } finally {
    lock.release();
  }
  // It enables UTF8=ACCEPT where it can.
  await client.mailboxCreate('INBOX.Entwürfe & mehr');
  assert.equal((await client.status('INBOX.Entwürfe & mehr', { messages: true })).messages, 0);
  assert.ok((await client.list()).some(({ path }) => path === 'INBOX.Entwürfe & mehr'));
  await client.mailboxDelete('INBOX.Entwürfe & mehr');
  await client.logout();

  assert.deepEqual([...subjects(user.home, '').keys()].sort(), ['Report', 'mine']);
  assert.deepEqual([...subjects(user.home, '.Archive').keys()], ['Re: Lunch']);
}

async function mbsync({ server, user, security, port, directory }: Visit): Promise<void> {
  const near = join(directory, 'near');
  mkdirSync(near);
  const settings = join(directory, 'mbsyncrc');
  const account = ['Host localhost', `Port ${port}`, `User ${user.name}`, `Pass ${PASSWORD}`];
  const secure = [`SSLType ${security === 'tls' ? 'IMAPS' : 'STARTTLS'}`, `CertificateFile ${server.certificate}`];
  const stores = ['IMAPStore far', 'Account a', '', 'MaildirStore near', `Path ${near}/`, `Inbox ${near}/INBOX`];
  const channel = ['Channel c', 'Far :far:', 'Near :near:', 'Patterns *', 'Create Both', 'Expunge Both', 'SyncState *'];
  const lines = [
    'IMAPAccount a',
    'Timeout 120',
    ...account,
    ...secure,
    '',
    ...stores,
    'SubFolders Verbatim',
    '',
    ...channel,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const sync = (): Promise<string> => mustRun(['mbsync', '-c', settings, 'c'], { environment: { HOME: directory } });
  const inbox = (): string[] =>
    ['cur', 'new'].flatMap((part) => readdirSync(join(near, 'INBOX', part)).map((name) => join(part, name)));
  const named = (subject: string): string => {
    const found = inbox().find((name) =>
      readFileSync(join(near, 'INBOX', name), 'utf8').includes(`Subject: ${subject}\n`),
    );
    return join(near, 'INBOX', found ?? assert.fail(`${subject} was not fetched`));
  };

  await sync();
  assert.equal(inbox().length, 3);
  await mustRun(['mv', named('Report'), join(near, 'INBOX', 'cur', `${Date.now()}.flagged,U=2:2,FS`)]);
  await mustRun(['mv', named('Lunch'), join(near, 'INBOX', 'cur', `${Date.now()}.gone,U=1:2,ST`)]);
  writeFileSync(join(near, 'INBOX', 'new', '1700000009.mine'), 'Subject: mine\n\nHello.\n');
  await sync();

  const there = subjects(user.home, '');
  assert.deepEqual([...there.keys()].sort(), ['Re: Lunch', 'Report', 'mine']);
  assert.match(flagsIn(there.get('Report')), /^FS$/);
}

async function fetchmail({ user, security, port, directory }: Visit): Promise<void> {
  const settings = join(directory, 'fetchmailrc');
  const file = join(directory, 'fetched');
  const secure = security === 'tls' ? 'ssl sslproto "auto"' : 'sslproto "tls1.2+"';
  const poll = `poll 127.0.0.1 proto imap port ${port} auth password user "${user.name}" pass "${PASSWORD}"`;
  writeFileSync(settings, `${poll} ${secure} no sslcertck fetchall mda "cat >>${file}"\n`, { mode: 0o600 });
  const environment = { HOME: directory };

  const command = ['fetchmail', '--nodetach', '--nosyslog', '--pidfile', `${settings}.pid`, '-f', settings];
  const { exitCode, stdout, stderr } = await run(command, { environment });

  assert.equal(exitCode, 0, stdout + stderr);
  const fetched = readFileSync(file, 'utf8');
  for (const word of ['At noon', 'October', "one o'clock"]) assert.ok(fetched.includes(word), word);
  assert.deepEqual([...subjects(user.home, '').keys()], []);
}

/** @param more settings that only one of the two has */
async function muttOrNeomutt(program: string, more: string, visit: Visit): Promise<void> {
  const { server, user, security, port, directory } = visit;
  const settings = join(directory, 'muttrc');
  const url = `${security === 'tls' ? 'imaps' : 'imap'}://${user.name}@127.0.0.1:${port}/`;
  const lines = [
    `set folder="${url}" spoolfile="${url}INBOX" imap_user="${user.name}" imap_pass="${PASSWORD}"`,
    `set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no certificate_file="${server.certificate}"`,
    'set confirmappend=no confirmcreate=no delete=yes move=no mark_old=no quit=yes wait_key=no sort=mailbox-order',
    'set record="" header_cache="" message_cachedir="" imap_check_subscribed=no sleep_time=0',
    more,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const script = join(checkoutRoot, 'test', 'interop', 'mutt-client.py');

  const said = await mustRun(['python3', '-B', script, program, settings]);

  assert.deepEqual(said.trim().split('\n'), ['read', 'flagged', 'exit 0']);
  assert.deepEqual([...subjects(user.home, '').keys()], ['Report']);
  assert.deepEqual([...subjects(user.home, '.Archive').keys()], ['Re: Lunch']);
  assert.match(flagsIn(subjects(user.home, '').get('Report')), /F/);
}

const mutt = (visit: Visit): Promise<void> => muttOrNeomutt('/usr/bin/mutt', '', visit);

/** It knows CONDSTORE and QRESYNC, where it may keep headers. */
async function neomutt(visit: Visit): Promise<void> {
  const cache = join(visit.directory, 'headers');
  mkdirSync(cache);
  await muttOrNeomutt('/usr/bin/neomutt', `set imap_condstore=yes imap_qresync=yes header_cache="${cache}/"`, visit);
}

async function alpine({ user, security, port, directory }: Visit): Promise<void> {
  const how = security === 'tls' ? 'ssl' : 'tls';
  const mailbox = `{127.0.0.1:${port}/imap/${how}/novalidate-cert/user=${user.name}}INBOX`;
  const script = join(checkoutRoot, 'test', 'interop', 'alpine-client.py');

  const said = await mustRun(['python3', '-B', script, directory, mailbox, PASSWORD]);

  assert.deepEqual(said.trim().split('\n'), ['read', 'flagged', 'exit 0']);
  assert.deepEqual([...subjects(user.home, '').keys()].sort(), ['Re: Lunch', 'Report']);
  assert.match(flagsIn(subjects(user.home, '').get('Report')), /F/);
}

const visits = { curl, imaplib, imapflow, mbsync, fetchmail, mutt, neomutt, alpine };

for (const [serverName, start] of Object.entries(tlsServers)) {
  describe(`clients of ${serverName}`, () => {
    let scratch: Scratch | undefined;
    let starting: Promise<TlsServer> | undefined;
    const userOf = (client: string, security: string): MailUser => {
      const name = `${client}-${security}`;
      return { name, home: join(scratch?.path ?? '', 'mail', name) };
    };
    const serverUp = (): Promise<TlsServer> => {
      scratch ??= scratchDirectory('clients');
      const users = clients.flatMap((client) => securities.map((security) => userOf(client, security)));
      if (starting === undefined) mkdirSync(join(scratch.path, 'server'));
      starting ??= start(join(scratch.path, 'server'), users);
      return starting;
    };
    after(async () => {
      await (await starting)?.stop();
      scratch?.remove();
    });
    for (const client of clients) {
      for (const security of securities) {
        test(`${client} over ${security}`, { timeout: 300_000 }, async () => {
          const server = await serverUp();
          const user = userOf(client, security);
          mkdirSync(user.home, { recursive: true });
          copyMaildir('three-messages', join(user.home, 'Maildir'));
          giveToMailUser(join(scratch?.path ?? '', 'mail'));
          const directory = join(scratch?.path ?? '', `client-${user.name}`);
          mkdirSync(directory);
          const port = security === 'tls' ? server.tlsPort : server.port;
          await visits[client]({ server, user, security, port, directory });
        });
      }
    }
  });
}
