/**
 * authpipe with an authProg that is good, and with ones that are bad in every way.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PipeModule } from '../../authdaemon/pipe/pipe-module.js';
import { processTree, waitUntil } from '../support/processes.js';
import { isAlive } from '../support/start.js';
import { AUTH_PROG } from './auth-prog.js';
import { change, inShort, listedBy, logIn, moduleContext, type TestContext } from './module-support.js';

/** Long enough for a program to be heard on a busy machine, short enough to wait for. */
const TIMES = { limitMs: 4000, endMs: { closed: 1500, terminated: 1500 } };

describe('A9: authpipe', () => {
  let directory: string;
  let context: TestContext;
  let module: PipeModule;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'pipe-'));
    writeProgram(AUTH_PROG);
    context = moduleContext(directory, 2);
    module = new PipeModule(context, TIMES);
  });
  after(async () => {
    await module.stop();
    rmSync(directory, { recursive: true });
  });

  function writeProgram(text: string): void {
    writeFileSync(join(directory, 'authProg'), text);
    chmodSync(join(directory, 'authProg'), 0o755);
  }

  const said = async (name: string, password = 'secret') => inShort(await logIn(module, [name, password]));
  const found = async (loginName: string) => inShort(await module.lookup({ service: 'imap', loginName }));
  const programs = () =>
    processTree([process.pid]).filter((pid) => commandLine(pid).includes(join(directory, 'authProg')));

  test('the answer of the program is the account', async () => {
    const answer = await logIn(module, ['good', 'secret']);

    assert.ok(answer.kind === 'account');
    assert.deepEqual(answer.account, {
      address: 'good@example.com',
      uid: 5000,
      gid: 5001,
      home: '/home/good',
      fullName: 'Good',
      maildir: '/home/good/Mail',
      quota: '1000S',
      encryptedPassword: 'x',
      options: [{ name: 'disablepop3', value: '1' }],
    });
    assert.equal(await said('good', 'wrong'), 'rejected: authProg says no');
    assert.equal(await found('good'), 'good@example.com');
    assert.equal(await found('nobody'), 'rejected: authProg says no');
    assert.equal(await found('a b'), 'rejected: authProg says no');
    assert.equal(programs().length, 1);
  });

  test('63: ends, silence, garbage and floods are temporary failures, and the next request is answered', async () => {
    const failures: readonly (readonly [string, RegExp])[] = [
      ['exit', /the program (ended with code 3|closed its output)/],
      ['half', /the program (ended with code 0|closed its output)/],
      ['killed', /the program (was ended by SIGKILL|closed its output)/],
      ['huge', /longer than 65536 octets/],
      ['endless', /longer than 65536 octets/],
      ['hang', /no whole answer within 4 s/],
      ['garbage', /no whole answer within 4 s/],
      ['later', /authProg: the ledger is closed$/],
      ['nouid', /no usable UID and GID/],
      ['nohome', /no HOME/],
      ['root', /UID is 0/],
      ['relative', /HOME is not an absolute path/],
      ['stranger', /USERNAME pipe-stranger is no user/],
    ];
    // Each on a module of its own, with one program: all at the same time.
    const tried = failures.map(async ([name, reason]) => {
      const alone = new PipeModule(moduleContext(directory, 1), TIMES);
      const asked = async (loginName: string) => inShort(await alone.lookup({ service: 'imap', loginName }));
      const answers = [await asked(name), await asked('good')] as const;
      await alone.stop();
      return { name, reason, answers };
    });
    for (const { name, reason, answers } of await Promise.all(tried)) {
      assert.match(answers[0], /^temporary failure: authProg: /, name);
      assert.match(answers[0], reason, name);
      assert.equal(answers[1], 'good@example.com', `after ${name}`);
    }
  });

  test('an answer that nobody asked for is not taken for the next one', async () => {
    const before = programs();
    const alone = new PipeModule(moduleContext(directory, 1), TIMES);
    const asked = async (loginName: string) => inShort(await alone.lookup({ service: 'imap', loginName }));
    assert.equal(await asked('twice'), 'good@example.com');
    const [talkative = 0] = programs().filter((pid) => !before.includes(pid));
    await waitUntil('the program that said too much is gone', () => !isAlive(talkative));
    assert.equal(await asked('good'), 'good@example.com');
    assert.match(await asked('double'), /^temporary failure: .* more than one answer/);
    assert.equal(await asked('good'), 'good@example.com');
    await alone.stop();
  });

  test('as with Courier, ADDRESS and the ids of a user of the system may be missing', async () => {
    assert.equal(await found('noaddress'), 'noaddress');
    const daemon = await module.lookup({ service: 'imap', loginName: 'system' });
    assert.ok(daemon.kind === 'account');
    assert.deepEqual([daemon.account.systemUser, daemon.account.uid, daemon.account.gid], ['daemon', 1, 1]);
  });

  test('other mechanisms, password changes and the list are handed on', async () => {
    const cram = { service: 'imap', authType: 'cram-md5', authData: Buffer.from('YQ==\nYQ==\n') };
    assert.equal(inShort(await module.authenticate(cram)), 'good@example.com');
    assert.equal(inShort(await change(module, 'good', ['secret', 'new'])), 'changed');
    assert.equal(inShort(await change(module, 'good', ['wrong', 'new'])), 'rejected: authProg says no');
    assert.deepEqual(await listedBy(module), ['good', 'other']);
  });

  test('names that would change the request are not handed on', async () => {
    for (const name of ['good\nPRE . imap good', 'good\0', 'a\tb', ' good', 'x'.repeat(10_000)]) {
      assert.match(await found(name), /^rejected: /, name);
      assert.match(await said(name), /^rejected: /, name);
    }
    assert.equal(await found('good'), 'good@example.com');
  });

  test('no more programs run than lookups at once, and a hanging one holds up nobody else', async () => {
    const hanging = found('hang');
    const answers = await Promise.all(Array.from({ length: 20 }, () => found('good')));
    assert.ok(answers.every((answer) => answer === 'good@example.com'));
    assert.equal(programs().length, context.lookupsAtOnce);
    assert.match(await hanging, /^temporary failure/);
  });

  test('a program that is not executable is told of once, rejects, and is run when it is', async () => {
    chmodSync(join(directory, 'authProg'), 0o644);
    assert.equal(await said('good'), 'rejected: authProg is not executable');
    assert.equal(await found('good'), 'rejected: authProg is not executable');
    assert.match((await module.trouble()) ?? '', /missing or not executable/);
    assert.equal(context.lines.filter((line) => line.includes('is not executable')).length, 1);
    chmodSync(join(directory, 'authProg'), 0o755);
    assert.equal(await said('good'), 'good@example.com');

    writeProgram('no program at all\n');
    const broken = new PipeModule(moduleContext(directory), TIMES);
    assert.match(inShort(await logIn(broken, ['good', 'secret'])), /^temporary failure: authProg: the program/);
    await broken.stop();
  });

  test('at the end a program hears of it by its input, then by SIGTERM, then by SIGKILL', async () => {
    const note = join(directory, 'note');
    writeProgram(
      `#!/bin/sh\ntrap 'echo TERM >>${note}' TERM\nwhile read line; do echo FAIL; done\necho $$ >>${note}\nwhile :; do sleep 0.05; done\n`,
    );
    const stubborn = new PipeModule(moduleContext(directory), TIMES);
    assert.match(inShort(await stubborn.lookup({ service: 'imap', loginName: 'a' })), /says no/);
    await stubborn.stop();

    assert.ok(existsSync(note));
    const [pid, signal] = readFileSync(note, 'utf8').trim().split('\n');
    assert.equal(signal, 'TERM');
    await waitUntil('the program is gone', () => !isAlive(Number(pid)));
  });
});

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
