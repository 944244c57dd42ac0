/**
 * userdb without a daemon: source files, records, the compiled files under damage, the module, time.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildModule } from '../../authdaemon/modules/built-in-modules.js';
import type { ModuleContext } from '../../authdaemon/modules/module.js';
import { StoreModule } from '../../authdaemon/stores/store-module.js';
import { compileUserdb, editUserdb, UserdbFailure } from '../../authdaemon/userdb/files.js';
import { accountFromFields, parseFields, passwordField, splitPasswords } from '../../authdaemon/userdb/record.js';
import { editSource, parseSource } from '../../authdaemon/userdb/source.js';
import { UserdbStore } from '../../authdaemon/userdb/userdb-store.js';
import { logTo } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';

function directoryWith(userdb: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'userdb-'));
  writeFileSync(join(directory, 'userdb'), userdb, { mode: 0o600 });
  return directory;
}

function contextFor(configDirectory: string): ModuleContext & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    configDirectory,
    debugLogin: 0,
    lookupsAtOnce: 5,
    log: logTo((level, line) => lines.push(`${level}: ${line}`)),
    lines,
  };
}

function moduleOn(context: ModuleContext): StoreModule {
  return new StoreModule(new UserdbStore(context), context);
}

function loginData(loginName: string, password: string): { service: string; authType: string; authData: Buffer } {
  return { service: 'imap', authType: 'login', authData: Buffer.from(`${loginName}\n${password}\n`) };
}

const ANN = 'ann\tuid=7|gid=8|home=/a|systempw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n';

test('A5: all fields of a record become the account', () => {
  const fields = parseFields(
    'uid=5000|gid=5001|home=/h|mail=M|quota=5S|gecos=Joe Doe,Room 5|shell=/x|options=a=1,b|_=one/',
  );

  assert.deepEqual(accountFromFields('joe', fields), {
    address: 'joe',
    uid: 5000,
    gid: 5001,
    home: '/h',
    maildir: 'M',
    quota: '5S',
    fullName: 'Joe Doe',
    options: [{ name: 'a', value: '1' }, { name: 'b' }],
  });
  assert.equal(accountFromFields('joe', parseFields('uid=1|gid=1')), "required value 'home' is missing");
  assert.equal(accountFromFields('joe', parseFields('gid=1|home=/h')), "required value 'uid' is missing");
  for (const uid of ['', '-1', 'abc', '1e3', '4294967295', '99999999999', '0x1', ' 1']) {
    const problem = accountFromFields('joe', parseFields(`uid=${uid}|gid=1|home=/h`));
    assert.equal(problem, "the value of 'uid' cannot be used", uid);
  }
});

test('a service’s own password comes before the common one', () => {
  const shadow = parseFields('systempw=S|imappw=I');

  assert.deepEqual(passwordField(shadow, 'imap'), { name: 'imappw', hash: 'I' });
  assert.deepEqual(passwordField(shadow, 'pop3'), { name: 'systempw', hash: 'S' });
  assert.equal(passwordField(parseFields('imappw=I'), 'pop3'), undefined);
  assert.deepEqual(splitPasswords('uid=1|imap-hmac-md5pw=x|apwb=2|pw=1|gid'), {
    open: 'uid=1|apwb=2|gid',
    shadow: 'imap-hmac-md5pw=x|pw=1',
  });
});

test('an edit changes its record and leaves every other octet', () => {
  const word = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => /^[^|\n\r\t#=\s]+$/.test(text));
  const other = fc.stringMatching(/^[^\n\t]{0,20}$/);
  fc.assert(
    fc.property(word, fc.dictionary(word, word, { minKeys: 1, maxKeys: 5 }), fc.array(other), (name, fields, lines) => {
      const before = `zoe\tuid=1\n${lines.join('\n')}\n`;
      fc.pre(name !== 'zoe');
      const set = editSource(before, name, { kind: 'set', fields: new Map(Object.entries(fields)) });
      assert.ok(set.startsWith(before));
      const record = parseSource(set).records.find((each) => each.name === name);
      assert.deepEqual(parseFields(record?.value ?? ''), new Map(Object.entries(fields)));
      assert.equal(editSource(set, name, { kind: 'unset', names: Object.keys(fields) }), before);
      assert.equal(editSource(set, name, { kind: 'delete' }), before);
    }),
  );
});

test('makeuserdb’s work: modes, a directory of files, leftovers, duplicates, open permissions', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'userdb-'));
  const source = join(directory, 'userdb');
  mkdirSync(join(source, 'sub'), { recursive: true, mode: 0o700 });
  writeFileSync(join(source, 'one'), ANN);
  writeFileSync(join(source, 'sub', 'two'), ANN.replace('ann', 'bob'));
  writeFileSync(join(source, '.hidden'), 'hidden\tuid=1\n');
  writeFileSync(join(source, 'one~'), ANN);

  const warnings = await compileUserdb(source);
  assert.match(warnings.join(), /one~: looks like what an editor/);
  assert.equal(statSync(`${source}.dat`).mode & 0o777, 0o644);
  assert.equal(statSync(`${source}shadow.dat`).mode & 0o777, 0o600);
  const module = moduleOn(contextFor(directory));
  for (const name of ['ann', 'bob'])
    assert.equal((await module.authenticate(loginData(name, 'secret'))).kind, 'account');
  const change = {
    service: 'imap',
    loginName: 'bob',
    oldPassword: new Secret('secret'),
    newPassword: new Secret('other'),
  };
  assert.deepEqual(await module.changePassword(change), { kind: 'changed' });
  assert.equal(readFileSync(join(source, 'one'), 'utf8'), ANN);
  assert.equal((await module.authenticate(loginData('bob', 'other'))).kind, 'account');

  const compiled = readFileSync(`${source}.dat`);
  writeFileSync(join(source, 'again'), ANN);
  await assert.rejects(compileUserdb(source), /Cannot store record for ann - duplicate or out of disk space/);
  execFileSync('chmod', ['750', source]);
  await assert.rejects(compileUserdb(source), /MAY NOT HAVE GROUP OR WORLD PERMISSIONS!!/);
  await assert.rejects(compileUserdb(join(directory, 'none')), /none: not found\./);
  assert.deepEqual(readFileSync(`${source}.dat`), compiled, 'the old files are as they were');
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('twenty edits at once are all there, and nothing temporary is left', async () => {
  const directory = directoryWith('');
  const source = join(directory, 'userdb');
  const names = Array.from({ length: 20 }, (_, index) => `user${index}`);

  await Promise.all(names.map((name) => editUserdb(source, name, { kind: 'set', fields: new Map([['uid', '1']]) })));

  assert.deepEqual(
    parseSource(readFileSync(source, 'utf8'))
      .records.map(({ name }) => name)
      .sort(),
    names.sort(),
  );
  assert.deepEqual(readdirSync(directory).sort(), ['.lock.userdb', 'userdb']);
  assert.equal(statSync(source).mode & 0o777, 0o600);
  rmSync(directory, { recursive: true });
});

test('killed at any moment while passwords change: every account is there, in the source and compiled', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `user${index}`);
  const directory = directoryWith(names.map((name) => ANN.replace('ann', name)).join(''));
  const source = join(directory, 'userdb');
  const files = new URL('../../authdaemon/userdb/files.js', import.meta.url).href;
  const script = `import { compileUserdb, editUserdb } from ${JSON.stringify(files)};
    for (let round = 0; ; round += 1) {
      await editUserdb(process.argv[1], 'user' + (round % 300), { kind: 'set', fields: new Map([['systempw', 'round' + round]]) });
      await compileUserdb(process.argv[1]);
      if (round === 0) process.stdout.write('begun');
    }`;
  for (let delay = 0; delay < 8; delay += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, source]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, delay * 3 + Math.random() * 3));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));

    assert.deepEqual(
      parseSource(readFileSync(source, 'utf8')).records.map(({ name }) => name),
      names,
    );
    const module = moduleOn(contextFor(directory));
    for (const loginName of names) {
      const answer = await module.lookup({ service: 'imap', loginName });
      assert.ok(answer.kind === 'account' && answer.account.encryptedPassword !== undefined, loginName);
    }
    await module.stop();
  }
  assert.deepEqual(await compileUserdb(source), [], 'no lock is left behind');
  rmSync(directory, { recursive: true });
});

test('a password change that cannot be written changes nothing, and is a temporary failure', async () => {
  const directory = directoryWith(ANN);
  await compileUserdb(join(directory, 'userdb'));
  const context = contextFor(directory);
  const module = moduleOn(context);
  mkdirSync(join(directory, '.tmp.userdb'));

  const change = { service: 'imap', loginName: 'ann', oldPassword: new Secret('secret'), newPassword: new Secret('x') };
  const answer = await module.changePassword(change);

  assert.equal(answer.kind, 'temporary failure');
  assert.match(context.lines.join(), /error: authuserdb: ann: the password was not changed/);
  assert.equal(readFileSync(join(directory, 'userdb'), 'utf8'), ANN);
  assert.equal((await module.authenticate(loginData('ann', 'secret'))).kind, 'account');
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('11: a record that names a source outside userdb cannot have its password changed', async () => {
  for (const place of ['../x/', '/etc/', 'a/../../b/']) {
    const directory = directoryWith(ANN.replace('uid=7', `uid=7|_=${place}`));
    await compileUserdb(join(directory, 'userdb'));
    const module = moduleOn(contextFor(directory));
    const change = {
      service: 'imap',
      loginName: 'ann',
      oldPassword: new Secret('secret'),
      newPassword: new Secret('x'),
    };
    assert.equal((await module.changePassword(change)).kind, 'temporary failure');
    await module.stop();
    rmSync(directory, { recursive: true });
  }
});

test('missing files are nobody’s accounts; a missing shadow file and damage are temporary failures', async () => {
  const directory = directoryWith(ANN);
  const context = contextFor(directory);
  const module = moduleOn(context);
  assert.deepEqual(await module.lookup({ service: 'imap', loginName: 'ann' }), {
    kind: 'rejected',
    reason: 'unknown account',
  });
  await compileUserdb(join(directory, 'userdb'));
  assert.equal((await module.lookup({ service: 'imap', loginName: 'ann' })).kind, 'account');

  rmSync(join(directory, 'userdbshadow.dat'));
  assert.equal((await module.lookup({ service: 'imap', loginName: 'ann' })).kind, 'temporary failure');
  await compileUserdb(join(directory, 'userdb'));
  const good = readFileSync(join(directory, 'userdb.dat'));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1 }), async (changes) => {
      const damaged = Buffer.from(good);
      for (const [position, octet] of changes) damaged[position] = octet;
      writeFileSync(join(directory, 'userdb.dat'), damaged);
      utimesSync(join(directory, 'userdb.dat'), Math.random() * 1e9, Math.random() * 1e9);
      const answer = await module.authenticate(loginData('ann', 'secret'));
      assert.ok(['account', 'rejected', 'temporary failure'].includes(answer.kind));
    }),
    { numRuns: 50 },
  );
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('a damaged account is refused and told, and the others are served', async () => {
  const directory = directoryWith(`${ANN}bob\tuid=x|gid=1|home=/b|systempw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`);
  await compileUserdb(join(directory, 'userdb'));
  const context = contextFor(directory);
  const module = moduleOn(context);

  assert.deepEqual(await module.authenticate(loginData('bob', 'secret')), {
    kind: 'rejected',
    reason: "the value of 'uid' cannot be used",
  });
  assert.deepEqual(context.lines, ["error: authuserdb: bob: the value of 'uid' cannot be used"]);
  assert.equal((await module.authenticate(loginData('ann', 'secret'))).kind, 'account');
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('O9: names in UTF-8, in Latin-1 and with odd characters are found as they are written', async () => {
  const names = ['grün@example.com', 'a/b', '..', 'x y', '名前', "o'neil", 'A|B'.replace('|', '%')];
  const records = names.map((name) => ANN.replace('ann', name)).join('');
  const directory = directoryWith(records);
  await compileUserdb(join(directory, 'userdb'));
  const module = moduleOn(contextFor(directory));
  for (const name of names) {
    const answer = await module.authenticate(loginData(name, 'secret'));
    assert.ok(answer.kind === 'account', name);
    assert.equal(answer.account.address, name);
  }
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('A5: 20,000 accounts: look-ups take well under a millisecond, and the reverse records are there', async (context) => {
  const lines = Array.from(
    { length: 20_000 },
    (_, index) => `${ANN.replace('ann', `user${index}`)}${index}=\tuser${index}\n`,
  );
  const directory = directoryWith(lines.join(''));
  await compileUserdb(join(directory, 'userdb'));
  const store = new UserdbStore(contextFor(directory));
  const module = new StoreModule(store, contextFor(directory));

  const began = performance.now();
  for (let index = 0; index < 20_000; index += 20) {
    assert.equal((await module.lookup({ service: 'imap', loginName: `user${index}` })).kind, 'account');
  }
  context.diagnostic(`${((performance.now() - began) / 1000).toFixed(3)} ms for each look-up`);
  assert.equal(store.nameOfUid(4711), 'user4711');
  let count = 0;
  for await (const item of module.enumerate()) count += item.kind === 'account' ? 1 : 0;
  assert.equal(count, 20_000);
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('66: an unknown account and one without a password take as long as a wrong password', async (context) => {
  const hash = '$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.';
  const directory = directoryWith(`ann\tuid=7|gid=8|home=/a|systempw=${hash}\nbob\tuid=7|gid=8|home=/b\n`);
  await compileUserdb(join(directory, 'userdb'));
  const module = moduleOn(contextFor(directory));
  const median = async (name: string): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const began = performance.now();
      assert.equal((await module.authenticate(loginData(name, 'wrong'))).kind, 'rejected');
      times.push(performance.now() - began);
    }
    return times.sort((one, other) => one - other)[15] ?? 0;
  };
  await median('ann');
  const [known, unknown, without] = [await median('ann'), await median('nobody'), await median('bob')];

  context.diagnostic(
    `known ${known.toFixed(2)} ms, unknown ${unknown.toFixed(2)} ms, without ${without.toFixed(2)} ms`,
  );
  assert.ok(unknown > known / 3 && without > known / 3, 'the hash is computed for them, too');
  await module.stop();
  rmSync(directory, { recursive: true });
});

test('names of modules: built in, Courier’s, and unknown', async () => {
  const context = contextFor('/nowhere');

  assert.equal(typeof (await buildModule('authuserdb', context)), 'object');
  for (const name of ['authsqlite']) {
    assert.match(String(await buildModule(name, context)), new RegExp(`^${name} is a module of Courier`));
  }
  assert.equal(await buildModule('constructor', context), 'constructor is not the name of a module');
  assert.ok(new UserdbFailure('x').exitCode === 1);
});
