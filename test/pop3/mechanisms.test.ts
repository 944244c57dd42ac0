/** AUTH with the mechanisms that send no password: SCRAM in both ways a client may begin, and CRAM-MD5 with curl. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hmacContext } from '../../authdaemon/passwords/hmac-context.js';
import { openConnection } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { Pop3Client } from '../support/pop3-client.js';
import { mustRun, run } from '../support/processes.js';
import { ScramClient } from '../support/scram-client.js';
import { type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('pop3-mechanisms');
let ours: OurServers;

const base64 = (octets: Buffer): string => octets.toString('base64');
const fromChallenge = (line: string): Buffer => Buffer.from(line.replace(/^\+ /, ''), 'base64');

async function connect(): Promise<Pop3Client> {
  const client = new Pop3Client(await openConnection(ours.pop3?.tlsPort ?? 0, true));
  await client.line();
  return client;
}

describe('mechanisms of POP3', () => {
  before(async () => {
    const scram = (await mustRun([join(programs, 'authpasswd'), 'SCRAM-SHA-256'], { input: `${PASSWORD}\n` })).trim();
    const cram = `hmac-md5pw=${hmacContext('md5', Buffer.from(PASSWORD))}`;
    const users = [
      { name: 'ann', secrets: `systempw=${scram}` },
      { name: 'bob', secrets: cram },
    ].map(({ name, secrets }) => ({ name, secrets, home: join(scratch.path, name) }));
    for (const { home } of users) {
      mkdirSync(home);
      copyMaildir('one-unread', join(home, 'Maildir'));
      giveToMailUser(home);
    }
    const directory = join(scratch.path, 'ours');
    mkdirSync(directory);
    ours = await startOurs({ directory, users, pop3: { POP3AUTH: 'SCRAM-SHA-256 CRAM-MD5' } });
  });

  after(async () => {
    await ours.stop();
    scratch.remove();
  });

  test('they are in CAPA, those with channel binding too', async () => {
    const client = await connect();
    const { lines } = await client.must('CAPA');
    assert.ok(lines.includes('SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN'), lines.join('\n'));
    client.close();
  });

  for (const initial of [true, false]) {
    test(`SCRAM-SHA-256 ${initial ? 'with' : 'without'} an initial response: each side knows the other`, async () => {
      const client = await connect();
      const scram = new ScramClient({ hash: 'sha256', user: 'ann', password: PASSWORD });
      const first = base64(scram.first);
      let challenge = (await client.ask(`AUTH SCRAM-SHA-256${initial ? ` ${first}` : ''}`)).status;
      if (!initial) {
        assert.equal(challenge, '+ ');
        challenge = (await client.ask(first)).status;
      }
      const last = (await client.ask(base64(scram.final(fromChallenge(challenge))))).status;
      assert.ok(scram.trusts(fromChallenge(last)));
      assert.equal((await client.ask('')).status, '+OK logged in.');
      assert.match((await client.must('STAT')).status, /^\+OK 1 /);
      await client.must('QUIT');
    });
  }

  test('a client that does not trust the server has no session', async () => {
    const client = await connect();
    const scram = new ScramClient({ hash: 'sha256', user: 'ann', password: PASSWORD });
    const challenge = (await client.ask(`AUTH SCRAM-SHA-256 ${base64(scram.first)}`)).status;
    await client.ask(base64(scram.final(fromChallenge(challenge))));
    assert.match((await client.ask('*')).status, /^-ERR /);
    await assert.rejects(client.line());
  });

  test('a wrong proof is refused like a wrong password', async () => {
    const client = await connect();
    const scram = new ScramClient({ hash: 'sha256', user: 'ann', password: 'wrong' });
    const challenge = (await client.ask(`AUTH SCRAM-SHA-256 ${base64(scram.first)}`)).status;
    let { status } = await client.ask(base64(scram.final(fromChallenge(challenge))));
    if (status.startsWith('+ ')) status = (await client.ask('')).status;
    assert.equal(status, '-ERR [AUTH] Authentication failed.');
    client.close();
  });

  test('curl logs in with CRAM-MD5', async () => {
    const url = `pop3s://127.0.0.1:${ours.pop3?.tlsPort}/1`;
    const curl = (password: string) =>
      run(['curl', '-sS', '-k', '-m', '30', '--login-options', 'AUTH=CRAM-MD5', '-u', `bob:${password}`, url]);
    assert.match((await curl(PASSWORD)).stdout, /^Subject: /m);
    assert.equal((await curl('wrong')).exitCode, 67);
  });
});
