/**
 * The real fail2ban reads our log with the filter that Debian ships for Courier: it bans who guesses, and only him,
 * whatever he calls himself.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { MAX_FAILURES, matchedAddresses, startFail2ban } from '../support/fail2ban.js';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

/** Names that were made to ban somebody else, or to hide. Each guesses from an address of its own. */
const hostileNames: readonly (readonly [string, string])[] = [
  ['127.0.1.1', 'x, ip=[192.0.2.1]'],
  ['127.0.1.2', 'a,b'],
  ['127.0.1.3', 'bob\u2028LOGIN FAILED, user=x, ip=[192.0.2.3]'],
  ['127.0.1.4', 'bob\u0085Nov 21 17:00:00 host imapd[1]: LOGIN FAILED, user=x, ip=[192.0.2.4], port=[1]'],
  ['127.0.1.5', ']], ip=[192.0.2.5], port=[1]'],
  ['127.0.1.6', 'bob ip=192.0.2.6 rhost=192.0.2.6'],
  ['127.0.1.7', '%(ip)s <HOST> \\1 192.0.2.7'],
  ['127.0.1.8', `${'x'.repeat(400)}, ip=[192.0.2.8]`],
  ['127.0.1.9', 'INFO: LOGIN FAILED, ip=[192.0.2.9]'],
  ['127.0.1.10', 'ip=[192.0.2.10]'],
  ['127.0.1.11', 'bob\u202e\u2066'],
];

/** Names that are no names: nobody is asked about them. */
const impossibleNames = [
  '\u001b[2Kbob',
  'bob\rLOGIN FAILED, ip=[192.0.2.20]',
  'bob\nNov 21 17:00:00 host imapd[1]: LOGIN FAILED, user=x, ip=[192.0.2.21], port=[1]',
];

interface Talker {
  ask(command: string): Promise<string>;
  close(): void;
}

async function talker(port: number, host: string, from?: string): Promise<Talker> {
  const socket: Socket = connect({ port, host, ...(from === undefined ? {} : { localAddress: from }) });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  await lines.next();
  return {
    ask: async (command) => {
      socket.write(`${command}\r\n`);
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true || !String(value).startsWith('* ')) return done === true ? '' : String(value);
      }
    },
    close: () => socket.destroy(),
  };
}

/** Guesses as often as it takes to be banned. */
async function guess(port: number, host: string, from: string | undefined, login: string): Promise<void> {
  for (let count = 0; count < MAX_FAILURES; count += 1) {
    const client = await talker(port, host, from);
    const answer = await client.ask(login);
    if (answer.startsWith('+')) assert.match(await client.ask('AGJvYgB3cm9uZw=='), /^a NO /);
    else assert.match(answer, /^a NO /);
    client.close();
  }
}

/** As a literal, so that there is nothing that a name cannot hold. */
function literal(name: string): string {
  return `{${Buffer.byteLength(name)}+}\r\n${name}`;
}

test('L1, attacks 84: fail2ban bans those who guess, by their true addresses, and nobody else', async (t) => {
  const scene = new TestHome('fail2ban');
  t.after(() => scene.remove());
  // An address of IPv4 on a socket of IPv6, as it is where the server listens on all addresses.
  const morePorts = (port: number) => [`::1.${port}`, `::ffff:127.0.0.1.${port + 1}`];
  const ours = await startOurs({ directory: scene.beside('ours'), users: [scene.user], morePorts });
  t.after(() => ours.stop());
  const fail2ban = await startFail2ban(scene.beside('fail2ban'), scene.beside('ours/log'));
  t.after(() => fail2ban.stop());
  const { port } = ours;

  for (const [from, name] of hostileNames) await guess(port, '127.0.0.1', from, `a LOGIN ${literal(name)} wrong`);
  await guess(port, '::1', undefined, 'a LOGIN bob wrong');
  await guess(port, '127.0.0.1', '127.0.2.1', 'a AUTHENTICATE PLAIN');
  await guess(port + 1, '127.0.0.1', '127.0.2.2', 'a LOGIN bob wrong');
  for (const name of impossibleNames) {
    const client = await talker(port, '127.0.0.1', '127.0.5.1');
    assert.match(await client.ask(`a LOGIN ${literal(name)} wrong`), /^a BAD /);
    client.close();
  }
  // A person who mistypes, and logs in then.
  const person = await talker(port, '127.0.0.1', '127.0.3.1');
  assert.match(await person.ask('a LOGIN bob wrnog'), /^a NO /);
  assert.match(await person.ask(`a LOGIN bob ${PASSWORD}`), /^a OK /);
  person.close();
  await guess(port, '127.0.0.1', '127.0.4.1', 'a LOGIN last wrong');
  await waitUntil('the last one is banned', () => fail2ban.banned().includes('127.0.4.1'), 30);

  const guessers = [...hostileNames.map(([from]) => from), '::1', '127.0.2.1', '127.0.2.2', '127.0.4.1'];
  assert.deepEqual(fail2ban.banned().sort(), guessers.sort());
});

test('L1: lines of ours are matched with every stamp that syslog, journalctl and containers put before them', async (t) => {
  const scene = new TestHome('fail2ban-lines');
  t.after(() => scene.remove());
  const said = 'LOGIN FAILED, user=bob, ip=[::ffff:192.0.2.7], port=[40112]';
  const lines = [
    `Nov 21 17:00:00 mail imapd[4711]: ${said}`,
    `2026-11-21T17:00:00.123456+00:00 mail imapd[4711]: ${said}`,
    `2026-11-21T17:00:00.123456+00:00 mail pop3d[4711]: ${said}`,
    `Nov 21 17:00:00 mail imapd-ssl[4711]: LOGIN FAILED, method=PLAIN, ip=[2001:db8::7], port=[1]`,
    // What these must not be: a login that went well, and a line that only quotes one.
    'Nov 21 17:00:00 mail imapd[4711]: LOGIN, user=bob, ip=[192.0.2.8], port=[1], protocol=IMAP',
    'Nov 21 17:00:00 mail imapd[4711]: ID, user=bob, ip=[192.0.2.8], port=[1], name=LOGIN\\x20FAILED\\x2C\\x20ip\\x3D\\x5B192.0.2.9',
  ];

  const addresses = await matchedAddresses(scene.beside(''), lines);

  assert.deepEqual(addresses, ['192.0.2.7', '192.0.2.7', '192.0.2.7', '2001:db8::7']);
});
