/**
 * authcustom with modules of a site: good ones, and all the ways in which one can be bad.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildModule, checkModule } from '../../authdaemon/modules/built-in-modules.js';
import type { AuthModule } from '../../authdaemon/modules/module.js';
import { change, inShort, listedBy, logIn, moduleContext, type TestContext } from './module-support.js';

const FINDER = `
const accounts = new Map([
  ['ann', { uid: 5000, gid: 5001, home: '/home/ann', passwordHash: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', address: 'ann@example.com',
            maildir: 'Mail', quota: '1000S', fullName: 'Ann', options: { disableimap: 0, group: ['a', 'b'] } }],
  ['clear', { uid: 5000, gid: 5000, home: '/home/clear', password: 'secret', options: 'disablepop3=1' }],
  ['root', { uid: 0, gid: 0, home: '/root', password: 'secret' }],
  ['nouid', { gid: 1, home: '/h', password: 'secret' }],
  ['relative', { uid: 1, gid: 1, home: 'h', password: 'secret' }],
  ['forged', { uid: 1, gid: 1, home: '/h', password: 'secret', address: 'x\\nUID=0' }],
  ['text', 'an account'],
  ['list', [1]],
  ['number', { uid: 1, gid: 1, home: 5 }],
  ['uncopyable', { uid: 1, gid: 1, home: '/h', check() {} }],
]);
export async function find(loginName, service) {
  if (loginName === 'thrower') throw new Error('the ledger is closed for ' + service);
  if (loginName === 'hanger') for (;;);
  if (loginName === 'sleeper') await new Promise(() => setInterval(() => {}, 1000));
  if (loginName === 'crasher') process.abort();
  if (loginName === 'leaver') process.exit(3);
  if (loginName === 'rejecter') { Promise.reject(new Error('nobody waits for this')); await new Promise(() => {}); }
  return accounts.get(loginName);
}
export async function* enumerate() { for (const [name, a] of accounts) if (['ann', 'clear', 'nouid'].includes(name)) yield { name, ...a }; }
`;

const DECIDER = `
export default {
  right: 'secret',
  authenticate({ loginName, password, service, remoteIp }) {
    if (loginName !== 'ann' || password !== this.right) return undefined;
    return { uid: 5000, gid: 5000, home: '/home/ann', address: [loginName, service, remoteIp].join('-') };
  },
  changePassword({ newPassword }) { if (newPassword === 'bad') return false; this.right = newPassword; return true; },
};
`;

describe('A9: authcustom', () => {
  let directory: string;
  let module: AuthModule;
  let context: TestContext;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'custom-'));
    writeModule(FINDER);
    writeFileSync(
      join(directory, 'authcustomrc'),
      `CUSTOM_MODULE ${directory}/site.mjs\nCUSTOM_TIMEOUT 3\n##NAME: MARKER:0\n`,
    );
    // One process, so that a module that keeps something keeps it for the next request.
    context = moduleContext(directory, 1);
    const built = await buildModule('authcustom', context);
    if (typeof built === 'string') throw new Error(built);
    module = built;
    await module.start();
  });
  after(async () => {
    await module.stop();
    rmSync(directory, { recursive: true });
  });

  function writeModule(source: string): void {
    writeFileSync(join(directory, 'site.mjs'), source);
  }

  async function said(loginName: string, password = 'secret'): Promise<string> {
    return inShort(await logIn(module, [loginName, password]));
  }

  test('find gives the account and its hash, and the comparison is ours', async () => {
    const answer = await logIn(module, ['ann', 'secret']);

    assert.ok(answer.kind === 'account');
    const { clearPassword, ...account } = answer.account;
    assert.equal(clearPassword?.reveal(), 'secret');
    assert.deepEqual(account, {
      address: 'ann@example.com',
      uid: 5000,
      gid: 5001,
      home: '/home/ann',
      maildir: 'Mail',
      quota: '1000S',
      fullName: 'Ann',
      encryptedPassword: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
      options: [
        { name: 'disableimap', value: '0' },
        { name: 'group', value: 'a' },
        { name: 'group', value: 'b' },
      ],
    });
    assert.equal(await said('clear'), 'clear');
    assert.equal(await said('ann', 'wrong'), 'rejected: wrong password');
    assert.equal(await said('nobody'), 'rejected: unknown account');
    assert.equal(inShort(await module.lookup({ service: 'imap', loginName: 'clear' })), 'clear');
    assert.match(inShort(await change(module, 'ann', ['secret', 'new'])), /^rejected: .*changes no passwords/);
  });

  test('63: whatever a module does to itself is a temporary failure, and the next login is served', async () => {
    const failures: readonly (readonly [string, RegExp])[] = [
      ['thrower', /find: the ledger is closed for imap$/],
      ['hanger', /no answer within 3 s/],
      ['sleeper', /no answer within 3 s/],
      ['crasher', /was ended by SIGABRT/],
      ['leaver', /ended with code 3/],
      ['rejecter', /ended with code 1/],
      ['root', /for root: uid is 0/],
      ['nouid', /for nouid: uid is not the number/],
      ['relative', /home is not an absolute path/],
      ['forged', /address holds a control character/],
      ['text', /an account is expected, not string/],
      ['list', /an account is expected, not an array/],
      ['number', /home is not a text/],
      ['uncopyable', /find: .*could not be cloned/],
    ];
    const tryOn = async (which: AuthModule, names: readonly string[]): Promise<void> => {
      const saidBy = async (loginName: string) => inShort(await logIn(which, [loginName, 'secret']));
      for (const [name, reason] of failures.filter(([each]) => names.includes(each))) {
        assert.match(await saidBy(name), /^temporary failure: the custom module/, name);
        assert.match(await saidBy(name), reason);
        assert.equal(await saidBy('ann'), 'ann@example.com', `after ${name}`);
      }
    };
    // Those that take their time do so beside each other, each in a process of its own.
    const slow = ['hanger', 'sleeper'];
    const own = await Promise.all(slow.map(() => buildModule('authcustom', moduleContext(directory, 1))));
    const tried = own.map(async (built, index) => {
      if (typeof built === 'string') throw new Error(built);
      await built.start();
      await tryOn(built, [slow[index] ?? '']);
      await built.stop();
    });
    const quick = failures.map(([name]) => name).filter((name) => !slow.includes(name));
    await Promise.all([...tried, tryOn(module, quick)]);
  });

  test('65: names that mean something elsewhere mean nothing here', async () => {
    for (const name of ['__proto__', 'constructor', "'", '%', '', 'a\0b', 'x'.repeat(10_000)]) {
      assert.equal(await said(name), 'rejected: unknown account', name);
    }
  });

  test('the list ends where the module is wrong', async () => {
    const names = await listedBy(module);
    assert.deepEqual(names.slice(0, 2), ['ann', 'clear']);
    assert.match(names.slice(2).join(), /^temporary failure: .*uid is not the number/);
  });

  test('a module that was replaced is used at the next login; it may decide itself, and change passwords', async () => {
    writeModule(DECIDER);

    assert.equal(await said('ann'), 'ann-imap-192.0.2.7');
    assert.equal(await said('ann', 'wrong'), 'rejected: the custom module says no');
    assert.equal(inShort(await module.lookup({ service: 'imap', loginName: 'ann' })), 'rejected: unknown account');
    assert.match(inShort(await change(module, 'ann', ['wrong', 'new'])), /^rejected/);
    assert.match(inShort(await change(module, 'ann', ['secret', 'bad'])), /^rejected: .*did not take/);
    assert.equal(inShort(await change(module, 'ann', ['secret', 'new'])), 'changed');
    assert.equal(await said('ann', 'new'), 'ann-imap-192.0.2.7');
    assert.deepEqual(await listedBy(module), []);
  });

  test('a module that cannot be loaded is named, and loaded when it has been mended', async () => {
    writeModule('export const find = ;');
    assert.match(await said('ann'), /^temporary failure: the custom module, authenticate: Unexpected token/);
    assert.match((await module.trouble()) ?? '', /load: /);
    writeModule('export const nothing = 1;');
    assert.match(await said('ann'), /neither a function find nor a function authenticate/);
    writeModule(FINDER);
    assert.equal(await said('ann'), 'ann@example.com');
    assert.equal(await module.trouble(), undefined);
  });

  test('authdaemond --check names the mistakes in authcustomrc', async () => {
    writeFileSync(
      join(directory, 'authcustomrc'),
      'CUSTOM_MODULE site.mjs\nCUSTOM_TIMEOUT 99\nCUSTOM\n##NAME: MARKER:0\n',
    );
    const found = await checkModule('authcustom', directory);

    assert.match(found?.problems.join() ?? '', /CUSTOM_MODULE is no absolute path.*CUSTOM_TIMEOUT=99 is out of range/);
    assert.match(found?.warnings.join() ?? '', /CUSTOM is not a setting/);
  });
});
