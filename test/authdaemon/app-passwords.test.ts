/**
 * App passwords in userdb: made, listed and revoked by authapppasswd, known to a running daemon, ignored by Courier's.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashPassword } from '../../authdaemon/passwords/password.js';
import { MAX_APP_PASSWORDS, parseServices, UseTimes } from '../../authdaemon/secrets/app-passwords.js';
import { noteLastUse, readLastUses } from '../../authdaemon/secrets/last-uses.js';
import { appPasswordsOf, parseFields } from '../../authdaemon/userdb/record.js';
import { Secret } from '../../init/runtime/secret.js';
import { runInCourierPlaces, startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import { type Finished, mustRun, run, waitUntil } from '../support/processes.js';
import { configuration, exchange, login, program, startDaemon } from './support.js';

const SECRET_HASH = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
const USERDB = ['joe', 'ann'].map((name) => `${name}\tuid=5000|gid=5001|home=/home/${name}|systempw=${SECRET_HASH}\n`);

function tool(directory: string, ...words: readonly string[]): Promise<Finished> {
  return run([process.execPath, program('authapppasswd'), ...words], {
    environment: { COURIER_CONFDIR: directory },
  });
}

test('an app password is a field that ends in pw; services are a list, and none means all', () => {
  const fields = parseFields(
    'systempw=x|app-phonepw=imap,POP3:{SSHA256}a:b|app-padpw=:$6$x|app-xpw=nocolon|app-pw=:x|app-a bpw=:x',
  );

  assert.deepEqual(appPasswordsOf(fields), [
    { label: 'phone', services: ['imap', 'pop3'], hash: '{SSHA256}a:b' },
    { label: 'pad', services: [], hash: '$6$x' },
  ]);
  assert.deepEqual([parseServices(''), parseServices('imap,*'), parseServices(' Imap ,,')], [[], [], ['imap']]);
});

test('a use is due once a minute for each secret, and the file of last uses stays small', () => {
  const times = new UseTimes();
  const use = { loginName: 'joe', label: 'phone', service: 'imap', remoteIp: '192.0.2.7' };
  const due = [0, 1, 59_999, 60_000, 60_001].map((now) => times.isDue(use, now));
  assert.deepEqual(due, [true, false, false, true, false]);
  assert.equal(times.isDue({ ...use, label: 'pad' }, 2), true);

  const directory = mkdtempSync(join(tmpdir(), 'uses-'));
  assert.equal(readLastUses(directory, 'joe').size, 0);
  const padding = 'x'.repeat(200_000);
  for (let minute = 0; minute < 60; minute += 1) {
    noteLastUse(directory, { ...use, remoteIp: String(minute) }, new Date(minute * 60_000));
    noteLastUse(directory, { ...use, loginName: `someone${minute}`, remoteIp: padding }, new Date(minute * 60_000));
  }
  const path = join(directory, 'app-password-uses');
  assert.ok(statSync(path).size <= 4 * 1024 * 1024, String(statSync(path).size));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const expected = { at: '1970-01-01T00:59:00.000Z', service: 'imap', remoteIp: '59' };
  assert.deepEqual(readLastUses(directory, 'joe'), new Map([['phone', expected]]));
  assert.equal(readLastUses(directory, 'someone59').size, 1);
  noteLastUse(directory, { ...use, label: 'a\nb' }, new Date(0));
  assert.equal(readLastUses(directory, 'joe').size, 1, 'no line of two');
  rmSync(directory, { recursive: true });
});

test('authapppasswd adds, lists and revokes; a daemon that remembers logins follows at once', async () => {
  const daemon = await startDaemon(await configuration(USERDB.join(''), 'DEBUG_LOGIN=1\nAUTHCACHE_TTL=600'));
  const { directory, socketPath } = daemon;
  const made = await tool(directory, 'add', 'joe', 'phone', '--service', 'imap,pop3');
  const password = made.stdout.trim();
  assert.match(password, /^([a-km-z2-9]{4}-){4}[a-km-z2-9]{4}$/);
  const other = (await tool(directory, 'add', 'joe', 'pad')).stdout.trim();
  const answer = async (service: string, name: string, word: string): Promise<string> =>
    (await exchange(socketPath, `TCPREMOTEIP=192.0.2.7\n${login(service, name, word)}`)).slice(0, 5);

  for (const service of ['imap', 'pop3', 'imap']) assert.equal(await answer(service, 'joe', password), 'UID=5');
  assert.equal(await answer('smtp', 'joe', password), 'FAIL\n');
  assert.equal(await answer('smtp', 'joe', other), 'UID=5');
  assert.equal(await answer('imap', 'ann', password), 'FAIL\n');
  assert.equal(await answer('imap', 'joe', 'secret'), 'UID=5');
  assert.equal(await exchange(socketPath, `PASSWD imap\tjoe\t${password}\tmine\n`), 'FAIL\n');
  assert.doesNotMatch(daemon.log(), new RegExp(`remembered|${password}|${other}`));
  assert.match(daemon.log(), /^INFO: authuserdb: joe: app password phone, service=imap, from=192\.0\.2\.7$/m);
  const explained = await run([process.execPath, program('authtest'), '-v', '-s', 'imap', 'joe', password], {
    environment: { COURIER_CONFDIR: directory },
  });
  assert.match(explained.stderr, /^authuserdb: yes, by the app password phone \(\d+\.\d ms\)$/m);
  assert.match(explained.stdout, /Cleartext Password: \(none\)/);

  const listed = (await tool(directory, 'list', 'joe')).stdout.trim().split('\n');
  assert.match(listed[0] ?? '', /^phone\timap,pop3\t20\d\d-\S+Z\timap\t192\.0\.2\.7$/);
  assert.match(listed[1] ?? '', /^pad\t\*\t20\d\d-\S+Z\tsmtp\t192\.0\.2\.7$/);
  assert.equal((await tool(directory, 'revoke', 'joe', 'phone')).exitCode, 0);
  assert.equal(await answer('imap', 'joe', password), 'FAIL\n');
  assert.equal(await answer('imap', 'joe', other), 'UID=5');
  rmSync(join(directory, 'run', 'app-password-uses'));
  assert.equal((await tool(directory, 'list', 'joe')).stdout, 'pad\t*\tnever\n');
  assert.equal(readFileSync(join(directory, 'userdb'), 'utf8').includes('phone'), false);
  assert.equal(await daemon.stop(), 0);
});

test('authapppasswd says what is wrong, and changes nothing then', async () => {
  const full = Array.from({ length: MAX_APP_PASSWORDS }, (_, index) => `app-l${index}pw=:x`).join('|');
  const directory = await configuration(`${USERDB.join('')}full\tuid=5|gid=5|home=/h|${full}\n`);
  const before = readFileSync(join(directory, 'userdb'), 'utf8');
  const told = async (...words: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await tool(directory, ...words);
    return `${exitCode} ${stdout}${stderr}`;
  };

  assert.match(await told(), /^1 Usage: authapppasswd add/);
  assert.match(await told('add', 'joe'), /^1 Usage/);
  assert.match(await told('add', 'joe', 'x', '--service'), /^1 Usage/);
  assert.match(await told('add', 'joe', 'a b'), /^1 .*a label has up to 40 letters/);
  assert.match(await told('add', 'joe', 'a', '--service', 'im|ap'), /^1 .*im\|ap: not the name of a service/);
  assert.match(await told('add', 'none', 'a'), /^1 .*none is not in .*userdb\.dat; run makeuserdb/);
  assert.match(await told('add', 'full', 'a'), /^1 .*full has 20 app passwords/);
  assert.match(await told('add', 'full', 'l3'), /^1 .*full has an app password l3 already; revoke it first/);
  assert.match(await told('revoke', 'joe', 'a'), /^1 .*joe has no app password a\n$/);
  assert.equal(await told('list', 'joe'), '0 ');
  assert.match(await told('new'), /^0 [a-z2-9-]{24}\n\{SSHA256\}\S+\n$/);
  assert.equal(readFileSync(join(directory, 'userdb'), 'utf8'), before);
  rmSync(directory, { recursive: true });
});

test('Courier’s tools keep app passwords where passwords are, and its daemon answers as if there were none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'app-courier-'));
  const places = { etc: join(directory, 'etc'), state: join(directory, 'state') };
  cpSync('/etc/courier', places.etc, { recursive: true });
  rmSync(join(places.etc, 'userdb'), { recursive: true, force: true });
  mkdirSync(places.state);
  const appHash = await hashPassword(new Secret('app'), '{SSHA256}');
  const more = `app-phonepw=imap,pop3:${appHash}|app-padpw=:${appHash}`;
  writeFileSync(join(places.etc, 'userdb'), USERDB.join('').replace(/\n$/, `|${more}\n`), { mode: 0o600 });
  writeFileSync(join(places.etc, 'authdaemonrc'), 'authmodulelist="authuserdb"\ndaemons=1\nDEFAULTOPTIONS=""\n');
  const courier = await startCourierAuthdaemond(places);
  try {
    const ask = async (request: string): Promise<string> => exchange(courier.socketPath, request);

    await waitUntil('it is compiled', () => existsSync(join(places.etc, 'userdbshadow.dat')));
    assert.equal(readFileSync(join(places.etc, 'userdb.dat')).includes('app-'), false);
    assert.equal(readFileSync(join(places.etc, 'userdbshadow.dat')).includes('app-phonepw'), true);
    assert.equal(
      await ask(login('imap', 'ann', 'secret')),
      (await ask(login('imap', 'joe', 'secret'))).replaceAll('joe', 'ann'),
    );
    assert.equal(await ask(login('imap', 'ann', 'app')), 'FAIL\n');
    assert.equal(await ask(login('app-pad', 'ann', 'app')), 'FAIL\n');
    await runInCourierPlaces(places, '/usr/sbin/userdb ann set quota=5S && /usr/sbin/makeuserdb');
    assert.match(
      await mustRun([process.execPath, program('authapppasswd'), 'list', 'ann'], {
        environment: { COURIER_CONFDIR: places.etc },
      }),
      // Courier's tool writes the fields in any order.
      /^phone\timap,pop3\t/m,
    );
  } finally {
    await courier.stop();
    rmSync(directory, { recursive: true });
  }
});
