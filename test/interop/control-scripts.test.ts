/**
 * A site that moves over: the control scripts with a copy of Debian's /etc/courier, accounts of three Unix users.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient, openConnection } from '../support/imap-client.js';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { freePort, processTree } from '../support/processes.js';
import { isAlive, type OurUser, writeAccounts } from '../support/start.js';
import { controlScript, type ScriptedServers, startConfigured } from '../support/start-scripts.js';

const UIDS = [20_001, 20_002, 20_003];

/** Debian's files; only ports, places and the authentication module are changed. */
function copyDebianSettings(directory: string, configuration: string, port: number, tlsPort: number): void {
  cpSync('/etc/courier', configuration, { recursive: true });
  const run = join(directory, 'run');
  mkdirSync(run);
  mkdirSync(join(run, 'authdaemon'), { mode: 0o750 });
  const changes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    imapd: { PORT: String(port), ADDRESS: '127.0.0.1', PIDFILE: join(run, 'imapd.pid') },
    'imapd-ssl': { SSLPORT: String(tlsPort), SSLADDRESS: '127.0.0.1', SSLPIDFILE: join(run, 'imapd-ssl.pid') },
    authdaemonrc: { authmodulelist: '"authuserdb"', authdaemonvar: join(run, 'authdaemon') },
  };
  for (const [name, lines] of Object.entries(changes)) {
    let text = readFileSync(join(configuration, name), 'utf8');
    for (const [setting, value] of Object.entries(lines)) {
      const written = new RegExp(`^${setting}=.*$`, 'm');
      assert.match(text, written, `Debian's ${name} has no ${setting}`);
      text = text.replace(written, () => `${setting}=${value}`);
    }
    writeFileSync(join(configuration, name), text);
  }
}

/** Effective uid and all groups of a process. */
function identityOf(pid: number): { uid: number; groups: number[] } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const numbers = (name: string): number[] =>
    (new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '').trim().split(/\s+/).filter(Boolean).map(Number);
  return { uid: numbers('Uid')[1] ?? -1, groups: [...new Set([...numbers('Gid'), ...numbers('Groups')])] };
}

async function useAccount(servers: ScriptedServers, user: OurUser): Promise<void> {
  for (const tls of [false, true]) {
    const client = await loginClient(tls ? servers.tlsPort : servers.port, user.name, PASSWORD, tls);
    const { untagged } = await client.must('SELECT INBOX');
    assert.ok(untagged.includes(tls ? '* 4 EXISTS' : '* 3 EXISTS'), untagged.join('\n'));
    if (!tls) await client.must('APPEND INBOX', Buffer.from('Subject: mine\r\n\r\nHello.\r\n'));
    const workers = servers.victims().filter(([role]) => role === 'worker');
    const own = workers.map(([, pid]) => identityOf(pid)).filter(({ uid }) => uid === user.uid);
    assert.deepEqual([...new Set(own.flatMap(({ groups }) => groups))], [user.gid]);
    await client.must('LOGOUT');
    client.close();
  }
  const cur = join(user.home, 'Maildir', 'cur');
  for (const filename of readdirSync(cur)) assert.equal(statSync(join(cur, filename)).uid, user.uid);
}

test('the control scripts run on a copy of /etc/courier; each account is served under its own uid', async () => {
  const scratch = scratchDirectory('scripts');
  const configuration = join(scratch.path, 'courier');
  const [port, tlsPort] = [await freePort(), await freePort()];
  copyDebianSettings(scratch.path, configuration, port, tlsPort);
  const users = UIDS.map((uid) => ({ name: `user${uid}`, home: join(scratch.path, `user${uid}`), uid, gid: uid }));
  for (const { home, uid, gid } of users) {
    mkdirSync(home);
    copyMaildir('three-messages', join(home, 'Maildir'));
    giveTo(home, uid, gid);
  }
  await writeAccounts(configuration, users);

  const servers = await startConfigured({ directory: scratch.path, configuration, port, tlsPort });
  try {
    for (const user of users) await useAccount(servers, user);

    const logins = servers.victims().filter(([role]) => role === 'login');
    assert.ok(logins.length > 0);
    for (const [, pid] of logins) assert.notEqual(identityOf(pid).uid, 0, 'a login process must not be root');
    for (const script of ['authdaemond', 'imapd.rc', 'imapd-ssl.rc']) {
      await controlScript(script, 'status', configuration);
    }
    await controlScript('imapd.rc', 'reload', configuration);
    await controlScript('imapd.rc', 'restart', configuration);
    for (const user of users) await loginClient(tlsPort, user.name, PASSWORD).then((client) => client.close());

    await controlScript('imapd-ssl.rc', 'stop', configuration);
    await assert.rejects(openConnection(tlsPort, false), /ECONNREFUSED/);
    await loginClient(port, users[0]?.name ?? '', PASSWORD, false).then((client) => client.close());
  } finally {
    const family = processTree(servers.keepers());
    await servers.stop();
    assert.deepEqual(family.filter(isAlive), []);
    scratch.remove();
  }
});
