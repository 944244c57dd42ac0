/**
 * A20: POP or IMAP before SMTP. A real Postfix relays for an address after a login to our imapd, and for nobody else; not
 * any more when the time is over, nor when imapd has ended.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { logTo } from '../../init/runtime/log/log.js';
import { RelayAddresses } from '../../init/runtime/relay/relay-addresses.js';
import { RelayFile } from '../../init/runtime/relay/relay-file.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { loginClient, openClient } from '../support/imap-client.js';
import { startPostfix } from '../support/mail-transfer.js';
import { copyMaildir } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';

/** What Postfix says to a recipient elsewhere: 250 or 554. */
async function relays(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  let last = '';
  for (const command of [
    '',
    'HELO client.example.com',
    'MAIL FROM:<bob@example.com>',
    'RCPT TO:<x@elsewhere.example>',
  ]) {
    if (command !== '') socket.write(`${command}\r\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error('Postfix has closed');
    last = value;
  }
  socket.end('QUIT\r\n');
  return last.slice(0, 3);
}

test('A20: Postfix relays for an address that logged in, until its time is over', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'relay-'));
  chmodSync(directory, 0o755);
  const file = join(directory, 'relay');
  const home = join(directory, 'mail', 'bob');
  mkdirSync(home, { recursive: true });
  copyMaildir('empty', join(home, 'Maildir'));
  giveToMailUser(join(directory, 'mail'));
  const ours = await startOurs({
    directory: join(directory, 'ours'),
    users: [{ name: 'bob', home }],
    settings: { RELAY_AFTER_LOGIN_FILE: file },
  });
  await waitUntil('the file is there', () => existsSync(file));
  const postfixDirectory = join(directory, 'postfix');
  mkdirSync(postfixDirectory);
  const port = await freePort();
  const postfix = await startPostfix({
    ...{ directory: postfixDirectory, mail: join(directory, 'mail'), port, networks: '' },
    // Each connection has a process of its own, which reads the file as it is now.
    more: `max_use = 1
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,
  check_client_access cidr:${file}, reject_unauth_destination`,
  });
  let isRunning = true;
  try {
    assert.equal(await relays(port), '554');
    const stranger = await openClient(ours.port, false);
    assert.equal((await stranger.send('LOGIN bob wrong')).status, 'NO');
    assert.equal(await relays(port), '554');
    stranger.close();

    const client = await loginClient(ours.port, 'bob', PASSWORD, false);
    await waitUntil('Postfix relays', async () => (await relays(port)) === '250');
    assert.match(readFileSync(file, 'utf8'), /^127\.0\.0\.1 \d{10}$/m);
    client.close();
    await ours.stop();
    isRunning = false;
    assert.equal(await relays(port), '554');

    const log: string[] = [];
    const addresses = new RelayAddresses({
      ...{ places: [new RelayFile('FILE', file)], lifetimeMs: 10_000, clock: realClock },
      log: logTo((_, line) => log.push(line)),
    });
    await addresses.start();
    addresses.note('::ffff:127.0.0.1');
    await waitUntil('Postfix relays', async () => (await relays(port)) === '250');
    await waitUntil('Postfix refuses', async () => (await relays(port)) === '554');
    await addresses.stop();
    assert.deepEqual(log, []);
  } finally {
    if (isRunning) await ours.stop();
    await postfix.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

test('A20: a file that cannot be written and a Redis that is away delay and fail no login', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'relay-'));
  chmodSync(directory, 0o755);
  const home = join(directory, 'mail', 'bob');
  mkdirSync(home, { recursive: true });
  copyMaildir('empty', join(home, 'Maildir'));
  giveToMailUser(join(directory, 'mail'));
  const redis = `redis://:hidden@127.0.0.1:${await freePort()}`;
  const ours = await startOurs({
    directory: join(directory, 'ours'),
    users: [{ name: 'bob', home }],
    settings: { RELAY_AFTER_LOGIN_FILE: '/none/such/file', RELAY_AFTER_LOGIN_REDIS: redis },
  });
  try {
    for (let login = 0; login < 5; login += 1) (await loginClient(ours.port, 'bob', PASSWORD, false)).close();
    const told = (): string[] => ours.log().match(/RELAY_AFTER_LOGIN_\w+: [\w ]+/g) ?? [];
    await waitUntil('the log tells of both', () => told().length === 2);
    assert.deepEqual(told().sort(), [
      'RELAY_AFTER_LOGIN_FILE: ENOENT',
      'RELAY_AFTER_LOGIN_REDIS: it cannot be reached',
    ]);
    assert.equal(ours.log().includes('hidden'), false);
  } finally {
    await ours.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
