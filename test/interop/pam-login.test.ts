/**
 * The whole way of a system account: IMAP client, imapd, authdaemond, PAM's service imap, and a mail worker with the
 * account's uid and groups; then the same with Debian's Courier in front of our daemon. The account is one of this test alone (private-etc.ts).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CourierPlaces, inCourierPlaces } from '../support/courier-authdaemond.js';
import { loginClient, openClient } from '../support/imap-client.js';
import { programs } from '../support/paths.js';
import { courierEnvironment } from '../support/peer-targets.js';
import { addAccounts, enterPrivateEtc, sh, writePamService } from '../support/private-etc.js';
import { freePort, processText, processTree, waitForPort, waitUntil } from '../support/processes.js';
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
  assertHasGroupsOf('imap-ann', ours.roots());
  await client.must('LOGOUT');
  await loginAtCourier({ etc: ours.configuration, state: join(directory, 'server', 'run') });

  const stranger = await openClient(ours.tlsPort, true);
  for (const login of ['imap-ann wrong', 'imap-nobody secret', 'root secret']) {
    const { status: said, text } = await stranger.send(`LOGIN ${login}`);
    assert.deepEqual([said, text.split(' ')[0]], ['NO', '[AUTHENTICATIONFAILED]'], login);
  }
  writePamService('imap', `auth required pam_pwdfile.so pwdfile=${directory}/none`, 'account required pam_unix.so');
  const later = await stranger.send('LOGIN imap-ann secret').catch((error: unknown) => String(error));
  assert.ok(typeof later === 'string' || later.text.startsWith('[UNAVAILABLE]'), JSON.stringify(later));
});

/** Debian's Courier asks our daemon: the uid that we tell beside USERNAME takes no group away. */
async function loginAtCourier(places: CourierPlaces): Promise<void> {
  const port = await freePort();
  const tcpd = `/usr/sbin/couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup ${port}`;
  const script = `exec ${tcpd} /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir`;
  const [program = '', ...words] = inCourierPlaces(places, script);
  const environment = { ...courierEnvironment({ IMAP_STARTTLS: 'NO' }), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  const tcpdProcess = spawn(program, words, { cwd: '/', env: environment, stdio: 'ignore', detached: true });
  const pid = tcpdProcess.pid ?? 0;
  try {
    await waitForPort(port);
    const client = await loginClient(port, 'imap-ann', 'secret', false);
    await client.must('SELECT INBOX');
    assertHasGroupsOf('imap-ann', [pid]);
    await client.must('LOGOUT');
  } finally {
    const gone = new Promise((resolve) => tcpdProcess.once('close', resolve));
    process.kill(-pid, 'SIGTERM');
    await gone;
  }
}

/** Among the processes there is one of this account, with all its groups. */
function assertHasGroupsOf(name: string, roots: readonly number[]): void {
  const [uid = '', ...groups] = sh(`id -u ${name}; id -G ${name}`).trim().split(/\s/);
  const status = processTree(roots).map((pid) => processText(pid, 'status'));
  const own = status.find((text) => new RegExp(`^Uid:\\s${uid}\\s${uid}\\s${uid}\\s`, 'm').test(text));
  const found = (/^Groups:\t(.*)$/m.exec(own ?? '')?.[1] ?? '').trim().split(' ');
  assert.deepEqual(found.sort(), groups.sort());
}
