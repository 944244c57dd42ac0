/**
 * authpam on the real PAM, with accounts and services of this test alone (private-etc.ts).
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PamModule } from '../../authdaemon/system/pam-module.js';
import { addAccounts, enterPrivateEtc, sh, writePamService } from '../support/private-etc.js';
import { processTree, waitUntil } from '../support/processes.js';
import { change, inShort, listedBy, logIn, moduleContext, type TestContext } from './module-support.js';

/** Long enough for a helper to start on a busy machine, short enough to wait for. */
const LIMIT_MS = 6000;

describe('A6: authpam', () => {
  let directory: string;
  let context: TestContext;
  let module: PamModule;

  before(async () => {
    directory = enterPrivateEtc();
    chmodSync(directory, 0o755);
    addAccounts([
      { name: 'pam-ann', password: 'secret', gecos: 'Ann Lee,Room 5' },
      { name: 'pam-latin', password: 'pässword' },
      { name: 'pam-gone', password: 'secret', options: ['-e', '2001-01-01'] },
      { name: 'pam-old', password: 'secret' },
      { name: 'pam-must', password: 'secret' },
      { name: 'pam-locked', password: 'secret' },
      { name: 'pam-root', password: 'secret', options: ['-u', '0', '-o'] },
      { name: 'pam-change', password: 'secret' },
    ]);
    sh('chage -d 2000-01-01 -M 10 -I 5 pam-old; chage -d 0 pam-must; usermod -L pam-locked');
    writePamService('t-unix', 'auth required pam_unix.so nodelay', 'account required pam_unix.so');
    writePamService('t-deny', 'auth required pam_permit.so', 'account required pam_deny.so');
    writePamService('t-permit', 'auth required pam_permit.so', 'account required pam_permit.so');
    context = moduleContext(directory);
    module = new PamModule(context, LIMIT_MS);
    await module.start();
  });
  after(async () => {
    await module.stop();
    assert.deepEqual(helpers(), []);
  });

  /** The helper processes of this test. */
  function helpers(): number[] {
    return processTree([process.pid]).filter((pid) => commandLine(pid).includes('authdaemond: authpam'));
  }

  function script(name: string, text: string): string {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  async function said(
    loginName: string,
    password: string,
    service = 't-unix',
    remoteIp = '192.0.2.7',
  ): Promise<string> {
    return inShort(await logIn(module, [loginName, password], { service, remoteIp }));
  }

  test('a login with the right password gives the account of the system', async () => {
    const answer = await logIn(module, ['pam-ann', 'secret'], { service: 't-unix' });

    assert.ok(answer.kind === 'account');
    const { clearPassword, encryptedPassword, uid, gid, ...account } = answer.account;
    assert.equal(clearPassword?.reveal(), 'secret');
    assert.match(encryptedPassword ?? '', /^\$6\$/);
    assert.deepEqual([uid, gid], sh('id -u pam-ann; id -g pam-ann').trim().split('\n').map(Number));
    assert.deepEqual(account, {
      address: 'pam-ann',
      systemUser: 'pam-ann',
      home: '/home/pam-ann',
      fullName: 'Ann Lee',
      options: [],
    });
    assert.equal(await said('pam-latin', 'pässword'), 'pam-latin');
  });

  test('each refusal has its reason', async () => {
    assert.equal(await said('pam-ann', 'wrong'), 'rejected: wrong password');
    assert.equal(await said('pam-ann', ''), 'rejected: wrong password');
    assert.equal(await said('pam-nobody', 'secret'), 'rejected: unknown account');
    assert.equal(await said('pam-locked', 'secret'), 'rejected: wrong password');
    assert.equal(await said('pam-gone', 'secret'), 'rejected: the account has expired');
    assert.equal(await said('pam-old', 'secret'), 'rejected: the password has expired');
    assert.equal(await said('pam-must', 'secret'), 'rejected: the password has expired and must be changed');
    const expired = async (password: string): Promise<unknown> => {
      const answer = await logIn(module, ['pam-gone', password], { service: 't-unix' });
      return answer.kind === 'rejected' && answer.expired;
    };
    assert.deepEqual([await expired('secret'), await expired('wrong')], [true, undefined]);
    assert.equal(await said('pam-ann', 'any', 't-deny'), 'rejected: the account phase of PAM denies access');
    assert.equal(await said('pam-nobody', 'any', 't-permit'), 'rejected: unknown account');
    for (const name of ['root', 'pam-root']) {
      assert.equal(await said(name, 'secret'), 'rejected: uid 0 may not log in');
      assert.equal(await said(name, 'any', 't-permit'), 'rejected: uid 0 may not log in');
    }
  });

  test('66: a delay that PAM wants after a wrong password is told, for unknown and expired accounts as well', async () => {
    writePamService('t-slow', 'auth required pam_unix.so', 'account required pam_unix.so');
    const delayOf = async (name: string, password: string, service: string) => {
      const answer = await logIn(module, [name, password], { service });
      assert.equal(answer.kind, 'rejected', name);
      return answer.kind === 'rejected' ? answer.delayMs : undefined;
    };
    const delayMs = await delayOf('pam-ann', 'wrong', 't-slow');

    assert.ok(delayMs !== undefined && delayMs > 0);
    assert.equal(await delayOf('pam-nobody', 'wrong', 't-slow'), delayMs);
    assert.equal(await delayOf('pam-gone', 'secret', 't-slow'), delayMs);
    assert.equal(await delayOf('pam-ann', 'wrong', 't-unix'), undefined);
  });

  test('a service without a file is named, and its answer comes from the service other', async () => {
    writePamService('other', 'auth required pam_unix.so nodelay', 'account required pam_unix.so');
    assert.equal(await said('pam-ann', 'secret', 't-missing'), 'pam-ann');
    assert.equal(await said('pam-ann', 'wrong', 't-missing'), "rejected: PAM's service 'other' says no");
    assert.equal(await said('pam-ann', 'wrong', 't-missing'), "rejected: PAM's service 'other' says no");
    const told = context.lines.filter((line) => line.includes("no /etc/pam.d/t-missing: PAM asks its service 'other'"));
    assert.equal(told.length, 1);
    for (const service of ['', '../pam.d/t-unix', '/etc/pam.d/t-unix', 't unix', '.', 'x'.repeat(100)]) {
      assert.match(await said('pam-ann', 'secret', service), /^rejected: the service is no name/, service);
    }
  });

  test('65: names that are none reach nobody', async () => {
    const none = ['', 'pam-ann\0', 'pam-ann:x', 'pam-ann ', ' pam-ann', 'PAM-ANN', '-', '--help', '../pam-ann', '%s%n'];
    for (const name of [...none, '__proto__', 'x'.repeat(255), 'x'.repeat(10_000), 'pam-ann\x7f']) {
      assert.equal(await said(name, 'secret'), 'rejected: unknown account', name);
      const found = await module.lookup({ service: 't-unix', loginName: name });
      assert.equal(inShort(found), 'rejected: unknown account', name);
    }
    assert.match(await said('pam-ann', 'sec\0ret'), /^rejected: .*control/);
    assert.equal(await said('pam-ann', 'x'.repeat(8000)), 'rejected: wrong password');
  });

  test('a password file of pam_pwdfile decides; when it cannot be read, nobody is refused for it', async () => {
    const passwords = join(directory, 'passwords');
    writeFileSync(passwords, `pam-ann:${sh('openssl passwd -5 other').trim()}\n`);
    writePamService('t-pwdfile', `auth required pam_pwdfile.so pwdfile=${passwords}`, 'account required pam_permit.so');

    assert.equal(await said('pam-ann', 'other', 't-pwdfile'), 'pam-ann');
    assert.equal(await said('pam-ann', 'secret', 't-pwdfile'), 'rejected: wrong password');
    assert.equal(await said('pam-change', 'other', 't-pwdfile'), 'rejected: unknown account');
    sh(`rm ${passwords}`);
    assert.match(await said('pam-ann', 'other', 't-pwdfile'), /^temporary failure: PAM, authenticate: /);
  });

  test('a script of pam_exec decides by password and address, and its no is a no', async () => {
    const path = script('decide', '[ "$(cat | tr -d "\\000")" = open ] && [ "$PAM_RHOST" = 192.0.2.7 ]');
    writePamService(
      't-exec',
      `auth required pam_exec.so quiet expose_authtok ${path}`,
      'account required pam_permit.so',
    );

    assert.equal(await said('pam-ann', 'open', 't-exec'), 'pam-ann');
    assert.equal(await said('pam-ann', 'shut', 't-exec'), 'rejected: a script of pam_exec says no');
    assert.equal(await said('pam-ann', 'open', 't-exec', '192.0.2.8'), 'rejected: a script of pam_exec says no');
  });

  test('O8: pam_listfile refuses a client by its address', async () => {
    const list = join(directory, 'addresses');
    writeFileSync(list, '192.0.2.66\n');
    const deny = `auth required pam_listfile.so item=rhost sense=deny file=${list} onerr=fail`;
    writePamService('t-list', deny, 'auth required pam_permit.so', 'account required pam_permit.so');

    assert.equal(await said('pam-ann', 'x', 't-list', '192.0.2.7'), 'pam-ann');
    assert.match(await said('pam-ann', 'x', 't-list', '192.0.2.66'), /^rejected/);
  });

  test('A16: a module may change the name; texts it shows are in the debug log', async () => {
    writeFileSync('/etc/security/user_map.conf', 'alias: pam-ann\n');
    const text = join(directory, 'text');
    writeFileSync(text, 'Welcome to the mill.\n');
    const map = 'auth required pam_user_map.so';
    writePamService('t-map', 'auth required pam_permit.so', map, 'account required pam_permit.so');
    writePamService('t-echo', `auth optional pam_echo.so file=${text}`, 'auth required pam_unix.so nodelay');

    const answer = await logIn(module, ['alias', 'x'], { service: 't-map' });
    assert.ok(answer.kind === 'account');
    assert.deepEqual([answer.account.address, answer.account.systemUser], ['pam-ann', 'pam-ann']);
    await said('pam-ann', 'secret', 't-echo');
    assert.ok(
      context.lines.some((line) => line === 'debug authpam: PAM says: Welcome to the mill.'),
      context.lines.slice(-5).join('\n'),
    );
    assert.ok(!context.lines.some((line) => line.includes('secret')));
  });

  test('63: a module of PAM that hangs is a temporary failure of one login; its process and script are killed', async () => {
    const pidFile = join(directory, 'pid');
    const path = script('hang', `echo $$ >${pidFile}; exec sleep 600`);
    writePamService('t-hang', `auth required pam_exec.so quiet ${path}`, 'account required pam_permit.so');
    const hanging = said('pam-ann', 'x', 't-hang');
    await waitUntil('the script runs', () => readFileSync(pidFile, { flag: 'a+' }).length > 0);

    for (let count = 0; count < 5; count += 1) assert.equal(await said('pam-ann', 'secret'), 'pam-ann');

    assert.match(await hanging, /^temporary failure: no answer within 6 s/);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await waitUntil('the script has ended', () => commandLine(pid) === '');
  });

  test('63: a helper that dies is a temporary failure, and the next login has another', async () => {
    const gate = join(directory, 'gate');
    const path = script('wait', `echo $PPID $$ >${gate}; exec sleep 600`);
    writePamService('t-die', `auth required pam_exec.so quiet ${path}`, 'account required pam_permit.so');
    const dying = said('pam-ann', 'x', 't-die');
    await waitUntil('the script runs', () => readFileSync(gate, { flag: 'a+' }).length > 0);

    const [helper = 0, orphan = 0] = readFileSync(gate, 'utf8').split(' ').map(Number);
    process.kill(helper, 'SIGSEGV');

    assert.match(await dying, /^temporary failure: the helper process was ended by SIG/);
    for (const pid of helpers()) process.kill(pid, 'SIGKILL');
    const next = await said('pam-ann', 'secret');
    // The end of one that was free is heard of a moment later than it is asked.
    assert.equal(next.startsWith('temporary failure') ? await said('pam-ann', 'secret') : next, 'pam-ann');
    process.kill(orphan, 'SIGKILL');
  });

  test('many logins at once are all answered, by no more helpers than there may be', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => said('pam-ann', n % 3 === 0 ? 'wrong' : 'secret')),
    );

    assert.deepEqual(
      answers,
      Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? 'rejected: wrong password' : 'pam-ann')),
    );
    assert.equal(helpers().length, context.lookupsAtOnce);
    await module.idle();
    await waitUntil('one helper is kept', () => helpers().length === 1);
  });

  test('a password is changed as passwd(1) would, with the rules for the user himself', async () => {
    const changed = async (oldPassword: string, newPassword: string) =>
      inShort(await change(module, 'pam-change', [oldPassword, newPassword], 't-unix'));

    assert.equal(await changed('wrong', 'A.longer-1'), 'rejected: wrong password');
    assert.match(await changed('secret', 'abc'), /^rejected: PAM does not take the new password: .*longer/);
    assert.equal(await changed('secret', ''), 'rejected: the new password is empty');
    assert.equal(await said('pam-change', 'secret'), 'pam-change');
    assert.equal(await changed('secret', 'A.longer-1'), 'changed');
    assert.equal(await said('pam-change', 'secret'), 'rejected: wrong password');
    assert.equal(await said('pam-change', 'A.longer-1'), 'pam-change');
    assert.match(inShort(await change(module, 'root', ['x', 'A.longer-1'], 't-permit')), /^rejected: uid 0/);
  });

  test('an expired password can be changed, and lets its user in again', async () => {
    assert.equal(inShort(await change(module, 'pam-must', ['secret', 'A.longer-2'], 't-unix')), 'changed');
    assert.equal(await said('pam-must', 'A.longer-2'), 'pam-must');
  });

  test('the list has the accounts from uid 100 on', async () => {
    const names = await listedBy(module);
    assert.ok(names.includes('pam-ann') && names.includes('nobody'));
    assert.ok(!names.includes('root') && !names.includes('daemon') && !names.includes('pam-root'));
    assert.equal(await module.trouble(), undefined);
  });
});

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
