/**
 * `angarium doctor`: all is well where it is, and each thing that is not is named with what to do about it.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { clockFindings, diskFinding, kernelFindings } from '../../init/admin/doctor-machine.js';
import { openFilesLimit, openFilesTrouble } from '../../init/runtime/system/open-files.js';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { freePort, run } from '../support/processes.js';
import { makeConfiguration, startOurs } from '../support/start.js';

async function examine(configuration: string, ...words: readonly string[]) {
  const command = [join(programs, 'angarium'), 'doctor', '--config', configuration, ...words];
  const { exitCode, stdout, stderr } = await run(command);
  assert.equal(stderr, '');
  return { exitCode, stdout, errors: stdout.split('\n').filter((line) => line.startsWith('error ')) };
}

function users(directory: string) {
  const home = join(directory, 'bob');
  mkdirSync(home);
  copyMaildir('three-messages', join(home, 'Maildir'));
  giveToMailUser(home);
  return [{ name: 'bob', home }];
}

test('K10: where all is well, the doctor finds nothing wrong, and says what runs', async () => {
  const scratch = scratchDirectory('doctor');
  const ours = await startOurs({ directory: scratch.path, users: users(scratch.path) });
  try {
    const { exitCode, stdout, errors } = await examine(ours.configuration, '-u', 'bob');

    assert.deepEqual(errors, []);
    assert.equal(exitCode, 0);
    assert.match(stdout, new RegExp(`^ok {7}imapd: runs: .*imapd on 127\\.0\\.0\\.1\\.${ours.port}, `, 'm'));
    assert.match(stdout, /^ok {7}imapd: the certificate \S+imapd\.pem can be used$/m);
    assert.match(stdout, /^ok {7}authdaemond: answers on \S+socket$/m);
    assert.match(stdout, new RegExp(`^ok {7}account bob: \\S+Maildir belongs to uid ${mailIds().uid}, `, 'm'));
    assert.match(stdout, /^ok {7}imapd: \d+ files may be open, enough for MAXDAEMONS$/m);

    // One that runs shows what goes wrong around it.
    chmodSync(join(scratch.path, 'run', 'authdaemon'), 0o755);
    giveTo(join(scratch.path, 'bob', 'Maildir', 'cur'), 0, 0);
    const ill = await examine(ours.configuration, '-u', 'bob', '--json');
    assert.equal(ill.exitCode, 1);
    const found = ill.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const wrong = found.filter(({ state }) => state === 'error').map(({ text }) => text ?? '');
    assert.equal(wrong.length, 2);
    assert.match(wrong[0] ?? '', /everybody on this machine may ask for passwords; chmod 0750 \S+authdaemon$/);
    assert.match(wrong[1] ?? '', /Maildir\/cur belongs to 0:0, and the account is \d+:\d+; chown -R \d+:\d+ it$/);
    const { errors: unknown } = await examine(ours.configuration, '-u', 'nobody@nowhere');
    assert.match(unknown.at(-1) ?? '', /authdaemond knows nobody of this name; authtest -v nobody@nowhere tells/);
  } finally {
    await ours.stop();
    scratch.remove();
  }
});

test('K10: before the first start, the doctor names everything that would be in the way', async () => {
  const scratch = scratchDirectory('doctor');
  const [port, tlsPort] = [await freePort(), await freePort()];
  const settings = { LOGINUSER: 'root', IMAP_CACHEDIR: join(scratch.path, 'cache') };
  const options = { directory: scratch.path, users: users(scratch.path), settings, port, tlsPort };
  const configuration = await makeConfiguration(options);
  rmSync(join(configuration, 'imapd.pem'));
  writeFileSync(settings.IMAP_CACHEDIR, 'a file');
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  try {
    const { exitCode, errors } = await examine(configuration);

    assert.equal(exitCode, 1);
    for (const wrong of [
      /imapd: \S+imapd\.pem does not exist; make it with mkimapdcert/,
      /imapd: LOGINUSER=root is root; name a user that may do nothing/,
      /imapd: \S+cache cannot be written to \(.*\); give it to who runs imapd/,
      new RegExp(
        `imapd: port 127\\.0\\.0\\.1\\.${port} cannot be opened: \\S.* \\(pid ${process.pid}\\) listens there`,
      ),
      /authdaemond: nobody answers on \S+socket; start it/,
    ])
      assert.ok(
        errors.some((line) => wrong.test(line)),
        `${wrong} in\n${errors.join('\n')}`,
      );

    writeFileSync(join(configuration, 'imapd'), `${readFileSync(join(configuration, 'imapd'), 'utf8')}\nMAXPERIP=x\n`);
    const { errors: mistakes } = await examine(configuration);
    assert.ok(mistakes.some((line) => /imapd: \S+imapd:\d+: MAXPERIP=x is not a whole number/.test(line)));
    assert.match(
      (await examine(join(scratch.path, 'nowhere'))).stdout,
      /has neither imapd nor pop3d; say where they are/,
    );
  } finally {
    await new Promise((resolve) => other.close(resolve));
    scratch.remove();
  }
});

test('as many connections as MAXDAEMONS says must fit into the open files', () => {
  assert.equal(openFilesTrouble(10_000, 65_536), undefined);
  assert.equal(openFilesTrouble(10_000, Number.POSITIVE_INFINITY), undefined);
  assert.match(openFilesTrouble(10_000, 4096) ?? '', /^MAXDAEMONS=10000 may need 20200 open files .* limit is 4096: /);
  assert.ok((openFilesLimit() ?? 0) > 0);
});

test('K10: full disks, wrong clocks and small limits of the kernel are told, with what to do', () => {
  const disk = { bsize: 4096, blocks: 1000, bavail: 500, files: 1000, ffree: 500 };
  const stateOf = (space: Partial<typeof disk>) => diskFinding('/', () => ({ ...disk, ...space })).state;
  assert.deepEqual(
    [stateOf({}), stateOf({ bavail: 20 }), stateOf({ bavail: 1 }), stateOf({ ffree: 1 })],
    ['ok', 'warning', 'error', 'error'],
  );
  assert.equal(stateOf({ files: 0, ffree: 0 }), 'ok');

  const scratch = scratchDirectory('doctor');
  const clock = (now: number) => clockFindings(scratch.path, now).map(({ text }) => text);
  assert.match(clock(0)[0] ?? '', /this machine believes it is 1970-.*; set its clock/);
  assert.match(clock(Date.now() + 60_000)[0] ?? '', /the clock of the disk of \S+ is \d+ seconds behind this one/);
  assert.equal(clockFindings(scratch.path, Date.now())[0]?.state, 'ok');
  scratch.remove();

  const small = kernelFindings((name) => (name === 'fs.inotify.max_user_watches' ? 8192 : undefined));
  assert.deepEqual(
    small.map(({ state }) => state),
    ['warning'],
  );
  assert.match(
    small[0]?.text ?? '',
    /write "fs\.inotify\.max_user_watches = 65536" into \/etc\/sysctl\.d\/angarium\.conf/,
  );
});
