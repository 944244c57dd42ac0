/**
 * authvchkpw on files as vpopmail writes them.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildModule } from '../../authdaemon/modules/built-in-modules.js';
import type { AuthModule } from '../../authdaemon/modules/module.js';
import { checkVpopmailSettings } from '../../authdaemon/vpopmail/settings.js';
import { maildirQuota } from '../../authdaemon/vpopmail/vpasswd.js';
import { change, inShort, listedBy, logIn, moduleContext } from './module-support.js';

/** openssl passwd -1 -salt vpopmail secret */
const SECRET = '$1$vpopmail$vVWcQW3gLNkD6YfMF8E23.';

describe('A10: authvchkpw', () => {
  let directory: string;
  let module: AuthModule;

  function writeDomain(name: string, lines: readonly string[]): string {
    const place = join(directory, 'vpopmail', 'domains', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'vpasswd'), `${lines.join('\n')}\n`);
    return place;
  }

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vpopmail-'));
    const home = join(directory, 'vpopmail');
    const place = writeDomain('example.com', [
      `postmaster:${SECRET}:1:0:Postmaster:${home}/domains/example.com/postmaster:NOQUOTA:`,
      `ann:${SECRET}:1:0:Ann Lee:${home}/domains/example.com/ann:10485760S,1000C:secret`,
      `anna:${SECRET}:1:8:Anna:${home}/domains/example.com/anna:50MB`,
      `bob:${SECRET}:1:3:Bob:${home}/domains/example.com/bob:NOQUOTA:`,
      `odd:${SECRET}:1:0:Odd:relative/odd:NOQUOTA:`,
      `locked::1:0:No password:${home}/domains/example.com/locked:NOQUOTA:`,
      'no line of vpasswd',
    ]);
    writeDomain('rootish.example', [`ann:${SECRET}:1:0::/home/r/ann:NOQUOTA:`]);
    const assign = join(directory, 'assign');
    writeFileSync(
      assign,
      [
        `+example.com-:example.com:89:90:${place}:-::`,
        `+alias.example-:example.com:89:90:${place}:-::`,
        `+many.example-:many.example:89:90:${join(home, 'domains', 'many.example')}:-::`,
        `+rootish.example-:rootish.example:0:0:${join(home, 'domains', 'rootish.example')}:-::`,
        '.',
        '',
      ].join('\n'),
    );
    writeSettings('VPOPMAIL_DEFAULT_DOMAIN example.com');
    module = await authvchkpw();
  });
  after(async () => {
    await module.stop();
    rmSync(directory, { recursive: true });
  });

  function writeSettings(more: string): void {
    const lines = [`VPOPMAIL_HOME ${directory}/vpopmail`, `VPOPMAIL_ASSIGN ${directory}/assign`, more];
    writeFileSync(join(directory, 'authvchkpwrc'), `${lines.join('\n')}\n##NAME: MARKER:0\n`);
  }

  async function authvchkpw(): Promise<AuthModule> {
    const built = await buildModule('authvchkpw', moduleContext(directory));
    if (typeof built === 'string') throw new Error(built);
    return built;
  }

  test('a line of vpasswd is an account with its directory, ids, quota and options', async () => {
    const answer = await logIn(module, ['ann@example.com', 'secret']);

    assert.ok(answer.kind === 'account');
    const { clearPassword, ...account } = answer.account;
    assert.equal(clearPassword?.reveal(), 'secret');
    assert.deepEqual(account, {
      address: 'ann@example.com',
      uid: 89,
      gid: 90,
      home: `${directory}/vpopmail/domains/example.com/ann`,
      maildir: `${directory}/vpopmail/domains/example.com/ann/Maildir`,
      fullName: 'Ann Lee',
      quota: '10485760S,1000C',
      encryptedPassword: SECRET,
      options: [],
    });
  });

  test('O2: flags of vmoduser close services', async () => {
    const anna = await logIn(module, ['anna@example.com', 'secret']);
    const bob = await logIn(module, ['bob@example.com', 'secret']);

    assert.ok(anna.kind === 'account' && bob.kind === 'account');
    assert.deepEqual(anna.account.options, [{ name: 'disableimap', value: '1' }]);
    assert.equal(anna.account.quota, '52428800S');
    assert.deepEqual(
      bob.account.options.map(({ name }) => name),
      ['disablepop3', 'wbnochangepass'],
    );
  });

  test('names are found in any case, in the default domain and by an alias of the domain, and no others are', async () => {
    for (const name of ['Ann@Example.COM', 'ann', 'ann@alias.example']) {
      assert.equal(inShort(await logIn(module, [name, 'secret'])), 'ann@example.com');
    }
    const odd = ['an@example.com', 'ann:x@example.com', '@example.com', 'ann@', 'ann@..', 'ann@../domains/example.com'];
    for (const name of [...odd, 'ann@other.example', `${'x'.repeat(10_000)}@example.com`, '__proto__']) {
      assert.equal(inShort(await logIn(module, [name, 'secret'])), 'rejected: unknown account', name);
    }
  });

  test('a wrong password, a missing one, and lines that are broken are told apart', async () => {
    const said = async (name: string, password: string) => inShort(await logIn(module, [name, password]));

    assert.equal(await said('ann@example.com', 'wrong'), 'rejected: wrong password');
    assert.equal(await said('locked@example.com', ''), 'rejected: no password is stored');
    assert.match(
      await said('odd@example.com', 'secret'),
      /^temporary failure: vpasswd, odd of example.com: the directory/,
    );
    assert.match(await said('ann@rootish.example', 'secret'), /^temporary failure: .*uid 0/);
    assert.match(inShort(await change(module, 'ann', ['secret', 'new'])), /^rejected: authvchkpw changes no passwords/);
  });

  test('an account that was added to a file of 20,000 lines is there at the next login', async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `user${n}:${SECRET}:1:0::/home/many/user${n}:NOQUOTA:`);
    writeDomain('many.example', lines);

    for (const name of ['user0', 'user1', 'user777', 'user19999']) {
      assert.equal(inShort(await logIn(module, [`${name}@many.example`, 'secret'])), `${name}@many.example`);
    }
    assert.equal((await listedBy(module)).filter((name) => name.endsWith('@many.example')).length, 20_000);
    assert.equal(inShort(await logIn(module, ['new@many.example', 'secret'])), 'rejected: unknown account');
    writeDomain('many.example', [...lines, `new:${SECRET}:1:0::/home/many/new:NOQUOTA:`]);
    assert.equal(inShort(await logIn(module, ['new@many.example', 'secret'])), 'new@many.example');
    rmSync(join(directory, 'vpopmail', 'domains', 'many.example'), { recursive: true });
  });

  test('the list has every account that can be used', async () => {
    assert.deepEqual((await listedBy(module)).sort(), [
      'ann@example.com',
      'anna@example.com',
      'bob@example.com',
      'locked@example.com',
      'postmaster@example.com',
    ]);
    assert.equal(await module.trouble(), undefined);
  });

  test('A12: hashes are not renewed, whatever the site asks for, and nothing is said about it', async () => {
    const context = { ...moduleContext(directory), renewHash: '$6$' };
    const renewing = await buildModule('authvchkpw', context);
    assert.ok(typeof renewing !== 'string');
    assert.equal(inShort(await logIn(renewing, ['ann', 'secret'])), 'ann@example.com');
    await renewing.stop();
    assert.ok(!context.lines.some((line) => line.includes('renewed')), context.lines.join('\n'));
  });

  test('mistakes in authvchkpwrc are told, and nobody is rejected for them', async () => {
    writeSettings('VPOPMAIL_HOEM /x');
    assert.match(checkVpopmailSettings(directory).warnings.join(), /VPOPMAIL_HOEM is not a setting/);
    rmSync(join(directory, 'authvchkpwrc'));
    const unset = await authvchkpw();

    assert.match(
      inShort(await logIn(unset, ['ann@example.com', 'secret'])),
      /^temporary failure: .*authvchkpwrc: cannot/,
    );
    assert.match((await unset.trouble()) ?? '', /authvchkpwrc: cannot be read/);
  });

  test('quotas of vpopmail are written as Maildir++ does', () => {
    const quotas: readonly (readonly [string, string | undefined])[] = [
      ['NOQUOTA', undefined],
      ['', undefined],
      ['0', undefined],
      ['1000', '1000S'],
      ['10K', '10240S'],
      ['5M', '5242880S'],
      ['5mb', '5242880S'],
      ['1G', '1073741824S'],
      ['1000S,20C', '1000S,20C'],
      ['20C', '20C'],
      ['many', undefined],
    ];
    for (const [text, quota] of quotas) assert.equal(maildirQuota(text), quota, text);
  });
});
