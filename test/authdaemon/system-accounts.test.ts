/**
 * authpwd and authshadow on the system's real name service, with accounts of this test alone (private-etc.ts).
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildModule } from '../../authdaemon/modules/built-in-modules.js';
import type { AuthModule } from '../../authdaemon/modules/module.js';
import { passwordExpiry } from '../../authdaemon/system/password-aging.js';
import { buildRoot } from '../support/paths.js';
import { addAccounts, enterPrivateEtc, sh } from '../support/private-etc.js';
import { run } from '../support/processes.js';
import { change, inShort, listedBy, logIn, moduleContext } from './module-support.js';

describe('authpwd and authshadow', () => {
  let passwd: AuthModule;
  let shadow: AuthModule;

  before(async () => {
    const directory = enterPrivateEtc();
    addAccounts([
      { name: 'sys-ann', password: 'secret', gecos: 'Ann Lee,Room 5' },
      { name: 'sys-gone', password: 'secret', options: ['-e', '2001-01-01'] },
      { name: 'sys-old', password: 'secret' },
      { name: 'sys-inactive', password: 'secret' },
      { name: 'sys-must', password: 'secret' },
      { name: 'sys-none' },
      { name: 'sys-root', password: 'secret', options: ['-u', '0', '-o'] },
    ]);
    sh(`chage -d 2000-01-01 -M 10 sys-old; chage -d 2000-01-01 -M 10 -I 5 sys-inactive; chage -d 0 sys-must`);
    // A hash that stands in passwd itself, as before there was a shadow.
    const hash = sh('openssl passwd -6 classic').trim();
    writeFileSync(
      '/etc/passwd',
      `${readFileSync('/etc/passwd', 'utf8')}sys-classic:${hash}:7001:7002:Old,x:/home/c:/bin/sh\n`,
    );
    passwd = await build('authpwd', directory);
    shadow = await build('authshadow', directory);
  });
  after(async () => {
    await passwd.stop();
    await shadow.stop();
  });

  async function build(name: string, directory: string): Promise<AuthModule> {
    const module = await buildModule(name, moduleContext(directory));
    if (typeof module === 'string') throw new Error(module);
    await module.start();
    return module;
  }

  const said = async (module: AuthModule, name: string, password = 'secret') =>
    inShort(await logIn(module, [name, password]));

  test('authshadow lets in by the hash of shadow', async () => {
    const answer = await logIn(shadow, ['sys-ann', 'secret']);

    assert.ok(answer.kind === 'account');
    assert.deepEqual([answer.account.systemUser, answer.account.fullName], ['sys-ann', 'Ann Lee']);
    assert.match(answer.account.encryptedPassword ?? '', /^\$6\$/);
    assert.equal(await said(shadow, 'sys-ann', 'wrong'), 'rejected: wrong password');
    assert.equal(await said(shadow, 'sys-nobody'), 'rejected: unknown account');
    assert.equal(await said(shadow, 'sys-none', ''), 'rejected: wrong password');
    assert.equal(await said(shadow, 'sys-classic', 'classic'), 'sys-classic');
  });

  test('a right password is refused after its time, and mail is delivered still', async () => {
    const reasons = {
      'sys-gone': 'the account has expired',
      'sys-old': 'the password has expired and must be changed',
      'sys-inactive': 'the password has expired',
      'sys-must': 'the password has expired and must be changed',
    };
    for (const [name, reason] of Object.entries(reasons)) {
      assert.equal(await said(shadow, name), `rejected: ${reason}`);
      assert.equal(await said(shadow, name, 'wrong'), 'rejected: wrong password');
      assert.equal(inShort(await shadow.lookup({ service: 'imap', loginName: name })), name);
    }
  });

  test('authpwd knows only hashes that stand in passwd', async () => {
    assert.equal(await said(passwd, 'sys-classic', 'classic'), 'sys-classic');
    assert.equal(await said(passwd, 'sys-classic', 'wrong'), 'rejected: wrong password');
    assert.equal(await said(passwd, 'sys-ann'), 'rejected: no password is stored');
    assert.equal(inShort(await passwd.lookup({ service: 'imap', loginName: 'sys-ann' })), 'sys-ann');
  });

  test('root is refused, other mechanisms are, and passwords are not changed', async () => {
    for (const module of [passwd, shadow]) {
      assert.equal(await said(module, 'sys-root'), 'rejected: uid 0 may not log in');
      const cram = { service: 'imap', authType: 'cram-md5', authData: Buffer.from('YQ==\nYQ==\n') };
      assert.equal((await module.authenticate(cram)).kind, 'rejected');
      const [name, password] = module === passwd ? ['sys-classic', 'classic'] : ['sys-ann', 'secret'];
      assert.match(inShort(await change(module, name, [password, 'A.longer-1'])), /^rejected: .* changes no passwords/);
      assert.ok((await listedBy(module)).includes('sys-ann'));
      assert.equal(await module.trouble(), undefined);
      for (const none of ['x:y', 'x'.repeat(10_000), '']) {
        assert.equal(await said(module, none), 'rejected: unknown account');
      }
    }
  });

  test('63: whoever may not read shadow(5) takes nobody’s password for a wrong one', async () => {
    const supported = join(buildRoot, 'test', 'authdaemon', 'module-support.js');
    const code = `
      const { inShort, logIn, moduleContext } = await import(${JSON.stringify(supported)});
      const { ShadowModule } = await import(${JSON.stringify(join(buildRoot, 'authdaemon/system/passwd-store.js'))});
      const module = new ShadowModule(moduleContext('/nowhere'), () => 0);
      console.log(inShort(await logIn(module, ['sys-ann', 'secret'])));
      await module.stop();`;
    const node = [process.execPath, '--input-type=module', '-e', code];
    const { stdout, stderr } = await run(node, { uid: 65_534, gid: 65_534 });

    assert.equal(stdout, 'temporary failure: only root may read the hashes of shadow(5)\n', stderr);
  });

  test('days of shadow(5) are counted as PAM counts them', () => {
    const aging = { lastChange: 100, maxDays: 10, inactiveDays: 5, expires: -1 };
    const must = 'the password has expired and must be changed';
    const cases: readonly (readonly [number, Partial<typeof aging>, string | undefined])[] = [
      [110, {}, undefined],
      [111, {}, must],
      [115, {}, must],
      [116, {}, 'the password has expired'],
      [116, { inactiveDays: -1 }, must],
      [9999, { maxDays: -1 }, undefined],
      [9999, { lastChange: -1 }, undefined],
      [1, { lastChange: 0 }, must],
      [100, { expires: 101 }, undefined],
      [101, { expires: 101 }, 'the account has expired'],
      [101, { expires: 0 }, undefined],
    ];
    for (const [day, changed, said] of cases) assert.equal(passwordExpiry({ ...aging, ...changed }, day), said);
  });
});
