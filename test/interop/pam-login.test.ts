/**
 * The whole way of a system account: IMAP client, imapd, authdaemond, PAM's service imap, and a mail worker with the
 * account's uid and groups. The account is one of this test alone (private-etc.ts).
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient, openClient } from '../support/imap-client.js';
import { programs } from '../support/paths.js';
import { addAccounts, enterPrivateEtc, sh, writePamService } from '../support/private-etc.js';
import { processTree, waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';

test('A6, A18: an account of the system logs in by PAM, and its worker has its groups', async (context) => {
  const directory = enterPrivateEtc();
  const home = join(directory, 'home', 'ann');
  mkdirSync(home, { recursive: true });
  addAccounts([{ name: 'imap-ann', password: 'secret', options: ['-d', home, '-G', 'mail'] }]);
  sh(
    `chmod 755 ${directory} ${directory}/home; cd ${home}; ${join(programs, 'maildirmake')} Maildir; chown -R imap-ann: ${home}`,
  );
  writePamService('imap', 'auth required pam_unix.so nodelay', 'account required pam_unix.so');
  const ours = await startOurs({ directory: join(directory, 'server'), users: [] });
  context.after(() => ours.stop());
  const rc = join(ours.configuration, 'authdaemonrc');
  writeFileSync(rc, readFileSync(rc, 'utf8').replace(/^authmodulelist=.*/m, 'authmodulelist="authpam"'));
  ours.authdaemond.kill('SIGHUP');
  await waitUntil('authpam is there', () => ours.log().includes('Uninstalling authuserdb'));

  const client = await loginClient(ours.tlsPort, 'imap-ann', 'secret');
  await client.must('SELECT INBOX');
  const status = processTree(ours.roots()).map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'));
  const uid = sh('id -u imap-ann').trim();
  const worker = status.find((text) => new RegExp(`^Uid:\\s${uid}\\s${uid}\\s${uid}\\s`, 'm').test(text));
  const groups = (/^Groups:\t(.*)$/m.exec(worker ?? '')?.[1] ?? '').trim().split(' ').sort();
  assert.deepEqual(groups, sh('id -G imap-ann').trim().split(' ').sort());
  await client.must('LOGOUT');

  const stranger = await openClient(ours.tlsPort, true);
  for (const login of ['imap-ann wrong', 'imap-nobody secret', 'root secret']) {
    const { status: said, text } = await stranger.send(`LOGIN ${login}`);
    assert.deepEqual([said, text.split(' ')[0]], ['NO', '[AUTHENTICATIONFAILED]'], login);
  }
  writePamService('imap', `auth required pam_pwdfile.so pwdfile=${directory}/none`, 'account required pam_unix.so');
  const later = await stranger.send('LOGIN imap-ann secret').catch((error: unknown) => String(error));
  assert.ok(typeof later === 'string' || later.text.startsWith('[UNAVAILABLE]'), JSON.stringify(later));
});
