/**
 * Accounts and their options at the door of imapd: several domains, options of accounts and of the site, addresses that
 * an account may be used from, names as they are typed, and two sites on one machine.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { waitUntil } from '../support/processes.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';

const scratch = scratchDirectory('accounts');

/** An account with its maildir; `messages` is a maildir of test/maildirs. */
function account(name: string, messages: string, options?: string): OurUser {
  const home = join(scratch.path, 'mail', name);
  mkdirSync(home, { recursive: true });
  copyMaildir(messages, join(home, 'Maildir'));
  return { name, home, ...(options === undefined ? {} : { options }) };
}

/** Logs in from an address of this machine; gives the answer to LOGIN and how many messages INBOX has. */
async function login(port: number, name: string, { from = '127.0.0.1', to = '127.0.0.1' } = {}) {
  const socket = connect({ port, host: to, localAddress: from });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const until = async (end: RegExp): Promise<string[]> => {
    const all: string[] = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the server has closed: ${all.join('\n')}`);
      all.push(value);
      if (end.test(value)) return all;
    }
  };
  try {
    await until(/^\* OK/);
    socket.write(`a LOGIN "${name}" ${PASSWORD}\r\n`);
    const answer = (await until(/^(a |\* BYE)/)).at(-1) ?? '';
    if (!answer.startsWith('a OK')) return { answer };
    socket.write('b EXAMINE INBOX\r\n');
    const exists = (await until(/^b /)).join('\n');
    return { answer, messages: Number(/^\* (\d+) EXISTS/m.exec(exists)?.[1]) };
  } finally {
    socket.destroy();
  }
}

/** Waits for a line of the site's log: lines may come after the answer. */
async function logged(line: RegExp): Promise<void> {
  await waitUntil(`the log has ${line}`, () => line.test(site.log()));
}

let site: OurServers;
let other: OurServers;

before(async () => {
  const users = [
    account('ann@example.com', 'one-unread'),
    account('ann@example.org', 'three-messages'),
    account('bob', 'one-unread', 'disableimap=1'),
    account('cid', 'one-unread', 'disableimap=0'),
    account('office', 'one-unread', 'allowfrom=127.0.0.1 192.0.2'),
    account('wrong', 'one-unread', 'allowfrom=here'),
    account('local', 'one-unread'),
  ];
  giveToMailUser(join(scratch.path, 'mail'));
  const directory = (name: string): string => {
    mkdirSync(join(scratch.path, name));
    return join(scratch.path, name);
  };
  const settings = { LOGINCASE: 'lower', STRIPDOMAIN: 'test.com' };
  site = await startOurs({ directory: directory('site'), users, settings });
  const elsewhere = { address: '127.0.0.2', defaultOptions: 'disableimap=1' };
  other = await startOurs({ directory: directory('other'), users, ...elsewhere });
});

after(async () => {
  await site.stop();
  await other.stop();
  scratch.remove();
});

test('O5, O6: the same name in two domains is two accounts, each with its own maildir', async () => {
  assert.equal((await login(site.port, 'ann@example.com')).messages, 1);
  assert.equal((await login(site.port, 'ann@example.org')).messages, 3);
  assert.match((await login(site.port, 'ann@example.net')).answer, /^a NO \[AUTHENTICATIONFAILED\]/);
});

test('A16: large letters and a domain that is taken off do not matter where the site says so', async () => {
  for (const name of ['local', 'Local', 'LOCAL@test.com', 'local@TEST.com']) {
    assert.equal((await login(site.port, name)).messages, 1, name);
  }
  assert.match((await login(site.port, 'local@example.com')).answer, /^a NO/);
  assert.match((await login(other.port, 'Cid', { to: '127.0.0.2' })).answer, /^a NO/);
});

test('O2: an account whose option closes IMAP is told so', async () => {
  assert.match((await login(site.port, 'bob')).answer, /\[AUTHORIZATIONFAILED\] IMAP access disabled/);
});

test('O3, O7: another site, on another address, closes IMAP by default, and one account has it open', async () => {
  const to = '127.0.0.2';
  assert.match((await login(other.port, 'local', { to })).answer, /^(a NO|\* BYE)/);
  assert.equal((await login(other.port, 'cid', { to })).messages, 1);
  await assert.rejects(login(other.port, 'cid'), /ECONNREFUSED/);
});

test('O8: an account may be used from the addresses it names, and the client does not learn why not', async () => {
  assert.equal((await login(site.port, 'office')).messages, 1);
  const elsewhere = await login(site.port, 'office', { from: '127.0.0.3' });
  assert.equal(elsewhere.answer, (await login(site.port, 'nobody')).answer);
  assert.match(
    site.log(),
    /not let in, user=office, ip=\[127\.0\.0\.3\], port=\[\d+\]: the account's option allowfrom/,
  );
  assert.match((await login(site.port, 'wrong')).answer, /^a NO/, 'nothing is open by mistake');
  await logged(/not let in, user=wrong, .*allowfrom: here is no address/);
});
