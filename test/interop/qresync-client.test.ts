/**
 * CONDSTORE and QRESYNC with a client that people use: imapflow comes back with what it knew, and hears by UIDs what others
 * changed and removed meanwhile and while it looks (RFC 7162).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { TestHome } from '../support/test-home.js';
import { type TlsServer, tlsServers } from './tls-servers.js';

const MESSAGES = 20;

interface Heard {
  readonly flags: { readonly uid?: number | undefined; readonly modseq?: bigint | undefined }[];
  readonly gone: { readonly uid?: number | undefined; readonly earlier?: boolean | undefined }[];
}

/** An imapflow that notes what it hears. */
function flow(server: TlsServer, home: TestHome, heard: Heard): ImapFlow {
  const options: ImapFlowOptions = {
    ...{ host: '127.0.0.1', port: server.tlsPort, secure: true, tls: { rejectUnauthorized: false } },
    auth: { user: home.user.name, pass: PASSWORD },
    logger: false,
    qresync: true,
  };
  const client = new ImapFlow(options);
  client.on('flags', ({ uid, modseq }) => void heard.flags.push({ uid, modseq }));
  client.on(
    'expunge',
    ({ uid, earlier }: { uid?: number; earlier?: boolean }) => void heard.gone.push({ uid, earlier }),
  );
  return client;
}

async function isToldByUids(server: TlsServer, home: TestHome): Promise<void> {
  const heard: Heard = { flags: [], gone: [] };
  const client = flow(server, home, heard);
  await client.connect();
  assert.ok(client.enabled.has('QRESYNC') && client.enabled.has('CONDSTORE'));
  const lock = await client.getMailboxLock('INBOX');
  const { mailbox } = client;
  assert.ok(mailbox !== false && mailbox.highestModseq !== undefined);
  const known = mailbox.highestModseq;

  const other = await loginClient(server.tlsPort, home.user.name, PASSWORD);
  await other.must('SELECT INBOX');
  await other.must('UID STORE 3 +FLAGS (\\Flagged)');
  await other.must('UID STORE 5,7 +FLAGS.SILENT (\\Deleted)');
  await other.must('EXPUNGE');
  await client.noop();
  await waitUntil('the client hears of it', () => heard.gone.length === 2 && heard.flags.some(({ uid }) => uid === 3));

  assert.deepEqual(heard.gone.map(({ uid }) => uid).sort(), [5, 7]);
  assert.ok(heard.flags.every(({ uid, modseq }) => uid !== undefined && modseq !== undefined && modseq > known));
  const changed: number[] = [];
  for await (const { uid } of client.fetch('1:*', { flags: true }, { uid: true, changedSince: known }))
    changed.push(uid);
  assert.deepEqual(changed, [3]);
  lock.release();
  await client.logout();
  await other.must('UID STORE 9 +FLAGS.SILENT (\\Deleted)');
  await other.must('EXPUNGE');
  await other.must('LOGOUT');

  const later: Heard = { flags: [], gone: [] };
  const back = flow(server, home, later);
  await back.connect();
  // Its types do not tell of what it sends as QRESYNC.
  const memory = { readOnly: false, changedSince: known, uidValidity: mailbox.uidValidity };
  await back.mailboxOpen('INBOX', memory);
  assert.deepEqual(later.gone.map(({ uid, earlier }) => `${uid} ${earlier}`).sort(), ['5 true', '7 true', '9 true']);
  assert.deepEqual(
    later.flags.map(({ uid }) => uid),
    [3],
  );
  await back.logout();
}

test('imapflow with QRESYNC is told flags and removals by UIDs, and asks for what changed since it was here', async () => {
  const start = tlsServers['ours'];
  assert.ok(start !== undefined);
  const home = new TestHome('qresync');
  for (let number = 0; number < MESSAGES; number += 1) {
    writeFileSync(join(home.maildir, 'cur', `${1_600_000_000 + number}.M1.mx:2,`), `Subject: ${number}\n\nx\n`);
  }
  home.give();
  const server = await start(home.directory('server'), [home.user]);
  try {
    await isToldByUids(server, home);
  } finally {
    await server.stop();
    home.remove();
  }
});
