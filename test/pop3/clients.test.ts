/**
 * Clients that people use, over STLS and over TLS: each lists, reads, leaves or removes mail, and comes back (P1, P2, P3, P8).
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openConnection } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { mustRun, run } from '../support/processes.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';

const securities = ['starttls', 'tls'] as const;
type Security = (typeof securities)[number];

/** One client's visit. */
interface Visit {
  readonly user: OurUser;
  readonly security: Security;
  readonly port: number;
  /** A directory for the client's files. */
  readonly directory: string;
}

const scratch = scratchDirectory('pop3-clients');

/** Subjects of what is left in INBOX. */
function left({ home }: OurUser): string[] {
  const cur = join(home, 'Maildir', 'cur');
  const subject = (name: string) => /^Subject: (.*)$/m.exec(readFileSync(join(cur, name), 'utf8'))?.[1] ?? name;
  return readdirSync(cur).map(subject).sort();
}

async function curl({ user, security, port }: Visit): Promise<void> {
  const url = `${security === 'tls' ? 'pop3s' : 'pop3'}://127.0.0.1:${port}`;
  const options = ['-sS', '-k', '--ssl-reqd', '-m', '30', '-u', `${user.name}:${PASSWORD}`];
  const ask = (path: string, ...more: string[]): Promise<string> => mustRun(['curl', ...options, ...more, url + path]);

  assert.equal(await ask('/'), '1 227\r\n2 231\r\n3 224\r\n');
  assert.match(await ask('/1'), /At noon/);
  assert.match(await ask('/', '-X', 'UIDL'), /^1 UID1-\d+\r\n2 UID2-/);
  assert.doesNotMatch(await ask('/', '-X', 'TOP 1 0'), /At noon/);
  await ask('/2', '-l', '-X', 'DELE');
  assert.deepEqual(left(user), ['Lunch', 'Re: Lunch']);
  assert.match(await ask('/', '-X', 'UIDL'), /^1 UID1-\d+\r\n2 UID3-/);
}

async function poplib({ user, security, port }: Visit): Promise<void> {
  const script = join(checkoutRoot, 'test', 'pop3', 'poplib-client.py');

  const said = await mustRun(['python3', script, String(port), security, user.name, PASSWORD]);

  const expected = ['messages 3 682', 'sizes 1 227 2 231 3 224', 'ids 3', 'octets 231 True', 'top 8', 'left 2 458'];
  assert.deepEqual(said.trim().split('\n'), expected);
  assert.deepEqual(left(user), ['Lunch', 'Report']);
}

/** The first visit leaves all where it is; the second fetches nothing, as the unique ids are known; the third removes. */
async function fetchmail({ user, security, port, directory }: Visit): Promise<void> {
  const settings = join(directory, 'fetchmailrc');
  const file = join(directory, 'fetched');
  const secure = security === 'tls' ? 'ssl sslproto "auto"' : 'sslproto "tls1.2+"';
  const visit = async (more: string) => {
    const poll = `poll 127.0.0.1 proto pop3 port ${port} uidl user "${user.name}" pass "${PASSWORD}"`;
    writeFileSync(settings, `${poll} ${secure} no sslcertck ${more} mda "cat >>${file}"\n`, { mode: 0o600 });
    const command = ['fetchmail', '--nodetach', '--nosyslog', '--pidfile', `${settings}.pid`, '-f', settings];
    return run(command, { environment: { HOME: directory } });
  };

  const first = await visit('keep');
  assert.equal(first.exitCode, 0, first.stdout + first.stderr);
  const fetched = readFileSync(file, 'utf8');
  for (const word of ['At noon', 'October', "one o'clock"]) assert.ok(fetched.includes(word), word);
  assert.equal((await visit('keep')).exitCode, 1);
  assert.equal(readFileSync(file, 'utf8'), fetched);
  assert.equal((await visit('nokeep fetchall')).exitCode, 0);
  assert.deepEqual(left(user), []);
}

async function mpop({ user, security, port, directory }: Visit): Promise<void> {
  const settings = join(directory, 'mpoprc');
  const maildir = join(directory, 'Fetched');
  for (const name of ['', 'cur', 'new', 'tmp']) mkdirSync(join(maildir, name), { recursive: true });
  const lines = (keep: string) => [
    'account default',
    ...['host 127.0.0.1', `port ${port}`, `user ${user.name}`, `password ${PASSWORD}`, 'auth plain'],
    ...['tls on', `tls_starttls ${security === 'tls' ? 'off' : 'on'}`, 'tls_certcheck off'],
    ...[`delivery maildir ${maildir}`, `uidls_file ${join(directory, 'uidls')}`, `keep ${keep}`],
    '',
  ];
  const visit = async (keep: string) => {
    writeFileSync(settings, lines(keep).join('\n'), { mode: 0o600 });
    await mustRun(['mpop', '-C', settings], { environment: { HOME: directory } });
  };

  await visit('on');
  await visit('on');
  assert.equal(readdirSync(join(maildir, 'new')).length, 3);
  assert.deepEqual(left(user), ['Lunch', 'Re: Lunch', 'Report']);
  await visit('off');
  assert.equal(readdirSync(join(maildir, 'new')).length, 3);
  assert.deepEqual(left(user), []);
}

/** It has no STLS. */
async function getmail({ user, port, directory }: Visit): Promise<void> {
  const file = join(directory, 'mbox');
  writeFileSync(file, '');
  const settings = (deleting: boolean) => [
    ...['[retriever]', 'type = SimplePOP3SSLRetriever', 'server = 127.0.0.1', `port = ${port}`],
    ...[`username = ${user.name}`, `password = ${PASSWORD}`],
    ...['[destination]', 'type = Mboxrd', `path = ${file}`],
    ...['[options]', `delete = ${deleting}`, 'read_all = false', ''],
  ];
  const visit = async (deleting: boolean) => {
    writeFileSync(join(directory, 'getmailrc'), settings(deleting).join('\n'), { mode: 0o600 });
    giveToMailUser(directory);
    await mustRun(['getmail', `--getmaildir=${directory}`], { environment: { HOME: directory }, ...owner() });
  };

  await visit(false);
  await visit(false);
  assert.equal(readFileSync(file, 'utf8').match(/^Subject: /gm)?.length, 3);
  await visit(true);
  assert.equal(readFileSync(file, 'utf8').match(/^Subject: /gm)?.length, 3);
  assert.deepEqual(left(user), []);
}

/** getmail does not deliver as root. */
function owner(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? mailIds() : {};
}

const clients: Readonly<Record<string, (visit: Visit) => Promise<void>>> = { curl, poplib, fetchmail, mpop, getmail };
const visits = Object.keys(clients).flatMap((client) =>
  securities.filter((security) => client !== 'getmail' || security === 'tls').map((security) => ({ client, security })),
);

function accountFor(name: string): OurUser {
  const home = join(scratch.path, 'mail', name);
  mkdirSync(home, { recursive: true });
  copyMaildir('three-messages', join(home, 'Maildir'));
  return { name, home };
}

describe('clients of POP3', () => {
  const users = new Map(
    visits.map(({ client, security }) => [`${client}-${security}`, accountFor(`${client}-${security}`)]),
  );
  let ours: OurServers;

  before(async () => {
    giveToMailUser(join(scratch.path, 'mail'));
    const directory = join(scratch.path, 'ours');
    mkdirSync(directory);
    ours = await startOurs({ directory, users: [...users.values()], pop3: { POP3_APOP: '1' } });
  });

  after(async () => {
    await ours.stop();
    scratch.remove();
  });

  for (const { client, security } of visits) {
    test(`P8: ${client} over ${security === 'tls' ? 'port 995' : 'port 110 and STLS'}`, async () => {
      const user = users.get(`${client}-${security}`) ?? accountFor('nobody');
      const { port = 0, tlsPort = 0 } = ours.pop3 ?? {};
      const directory = join(scratch.path, `${client}-${security}`);
      mkdirSync(directory);
      await clients[client]?.({ user, security, directory, port: security === 'tls' ? tlsPort : port });
    });
  }

  test('P9: APOP needs a password that is kept in the clear, and is refused like a wrong one without', async () => {
    const connection = await openConnection(ours.pop3?.port ?? 0, false);
    const greeting = (await connection.receive())?.toString() ?? '';
    const [, challenge = ''] = /^\+OK Hello there\. (<[^<>]+@[^<>]+>)\r\n$/.exec(greeting) ?? [];
    const digest = createHash('md5')
      .update(challenge + PASSWORD)
      .digest('hex');

    connection.send(Buffer.from(`APOP curl-tls ${digest}\r\n`));

    assert.notEqual(challenge, '');
    assert.equal((await connection.receive())?.toString(), '-ERR [AUTH] Authentication failed.\r\n');
    connection.close();
  });
});
