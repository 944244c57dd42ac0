/**
 * authpipe and authpam, asked over the socket: ours and Debian's Courier side by side, on the same accounts, services and
 * authProg, which only this test sees (private-etc.ts).
 */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AuthClient } from '../../authdaemon/client.js';
import { Secret } from '../../init/runtime/secret.js';
import {
  type CourierAuthdaemond,
  runInCourierPlaces,
  startCourierAuthdaemond,
} from '../support/courier-authdaemond.js';
import { addAccounts, enterPrivateEtc, writePamService } from '../support/private-etc.js';
import { processTree, waitUntil } from '../support/processes.js';
import { isAlive } from '../support/start.js';
import { AUTH_PROG } from './auth-prog.js';
import { configuration, exchange, login, type RunningDaemon, startDaemon } from './support.js';

const MODULES = 'authmodulelist="authpipe authpam"';

describe('70: authpam and authpipe on the socket', () => {
  let directory: string;
  let ours: RunningDaemon;
  let couriers: CourierAuthdaemond;

  before(async () => {
    directory = enterPrivateEtc();
    addAccounts([
      { name: 'sock-ann', password: 'secret', gecos: 'Ann Lee,Room 5' },
      { name: 'sock-plain', password: 'secret' },
      { name: 'sock-gone', password: 'secret', options: ['-e', '2001-01-01'] },
    ]);
    writeFileSync(join(directory, 'addresses'), '192.0.2.66\n');
    const deny = `auth required pam_listfile.so item=rhost sense=deny file=${directory}/addresses onerr=fail`;
    writePamService('t-unix', 'auth required pam_unix.so nodelay', 'account required pam_unix.so');
    writePamService('t-list', deny, 'auth required pam_permit.so', 'account required pam_permit.so');
    writePamService('t-deny', 'auth required pam_permit.so', 'account required pam_deny.so');
    writePamService('t-slow', 'auth required pam_unix.so', 'account required pam_unix.so');
    writePamService('t-hang', 'auth required pam_exec.so quiet /bin/sleep 600', 'account required pam_permit.so');
    const places = { etc: join(directory, 'etc'), state: join(directory, 'run') };
    cpSync('/etc/courier', places.etc, { recursive: true });
    mkdirSync(places.state);
    writeFileSync(join(places.etc, 'authdaemonrc'), `${MODULES}\ndaemons=1\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=""\n`);
    const settings = await configuration('', `${MODULES}\ndaemons=1\nDEFAULTOPTIONS=""`);
    for (const place of [places.etc, settings]) {
      writeFileSync(join(place, 'authProg'), AUTH_PROG);
      chmodSync(join(place, 'authProg'), 0o755);
    }
    couriers = await startCourierAuthdaemond(places);
    ours = await startDaemon(settings);
  });
  after(async () => {
    await couriers.stop();
    assert.equal(await ours.stop(), 0);
  });

  const both = (request: string): Promise<[string, string]> =>
    Promise.all([exchange(ours.socketPath, request), exchange(couriers.socketPath, request)]);

  /** Ours tells the uid, too, where Courier leaves it to the caller to look it up. */
  const withoutUid = (answer: string): string => answer.replace(/^(USERNAME=.*\n)UID=\d+\n/, '$1');

  test('the answers are Courier’s, octet for octet, but for a UID beside USERNAME', async () => {
    const address = (ip: string) => `TCPREMOTEIP=${ip}\n`;
    const requests = [
      'PRE . t-unix sock-ann\n',
      'PRE authpam t-unix sock-ann\n',
      'PRE . no-such-service sock-plain\n',
      'PRE . t-unix sock-gone\n',
      'PRE . t-unix sock-nobody\n',
      'PRE . t-unix SOCK-ANN\n',
      'PRE . t-unix daemon\n',
      login('t-unix', 'sock-ann', 'secret'),
      login('t-unix', 'sock-ann', 'wrong'),
      login('t-unix', 'sock-ann', ''),
      login('t-unix', 'sock-gone', 'secret'),
      login('t-unix', 'sock-nobody', 'secret'),
      login('t-deny', 'sock-ann', 'secret'),
      login('t-missing', 'sock-ann', 'secret'),
      address('192.0.2.7') + login('t-list', 'sock-ann', 'any'),
      address('192.0.2.66') + login('t-list', 'sock-ann', 'any'),
      'AUTH 31\nimap\ncram-md5\nsock-ann\nsecret\n',
      'PRE . imap good\n',
      'PRE authpipe imap good\n',
      'PRE authpipe imap sock-ann\n',
      'PRE . imap good two\n',
      'PRE . imap unknownfield\n',
      'PRE . imap exit\n',
      login('imap', 'good', 'secret'),
      address('192.0.2.7') + login('imap', 'good', 'secret'),
      login('imap', 'good', 'wrong'),
      'AUTH 24\nimap\ncram-md5\nYQ==\nYQ==\n',
      'PASSWD imap\tgood\tsecret\tnew\n',
      'PASSWD imap\tgood\twrong\tnew\n',
    ];
    for (const request of requests) {
      const [our, courier] = await both(request);
      assert.equal(withoutUid(our), courier, JSON.stringify(request));
    }
    const [list, couriersList] = await both('ENUMERATE\n');
    assert.equal(list, couriersList);
    assert.match(list, /^# authpipe\n\ngood\t.*\n# authpam\n\n.*\nsock-ann\t\d+\t\d+\t\/home\/sock-ann\t\t\n/s);
  });

  test('what Courier lets through, and we do not, is refused or told as a failure', async () => {
    const differences: readonly (readonly [request: string, our: string, courier: RegExp])[] = [
      ['PRE authpam t-unix root\n', 'FAIL\n', /^USERNAME=root\n/],
      ['PRE . imap root\n', '', /^UID=0\n/],
      ['PRE . imap relative\n', '', /^UID=1\nGID=1\nHOME=h\n/],
      ['PRE . imap nouid\n', '', /^GID=1\nHOME=/],
      ['PRE . imap noaddress\n', 'UID=1\nGID=1\nHOME=/h\nADDRESS=noaddress\n.\n', /^UID=1\nGID=1\nHOME=\/h\n\.\n$/],
      [login('', 'sock-ann', 'secret'), 'FAIL\n', /^USERNAME=sock-ann\n/],
      [login('../pam.d/t-unix', 'sock-ann', 'secret'), 'FAIL\n', /^USERNAME=sock-ann\n/],
    ];
    for (const [request, our, courier] of differences) {
      const answers = await both(request);
      assert.equal(answers[0], our, JSON.stringify(request));
      assert.match(answers[1], courier, JSON.stringify(request));
    }
  });

  test('Debian’s authtest understands our answers', async () => {
    const run = join(directory, 'places');
    mkdirSync(join(run, 'authdaemon'), { recursive: true });
    const places = { etc: ours.directory, state: run };
    const script = `mount --bind '${join(ours.directory, 'run')}' /run/courier/authdaemon; authtest -s t-unix sock-ann`;
    const right = await runInCourierPlaces(places, `${script} secret`);

    assert.match(
      right.stdout,
      /Authentication succeeded\.\n\n.*sock-ann +\(system username: sock-ann\)\n.*\/home\/sock-ann\n/,
    );
    assert.equal((await runInCourierPlaces(places, `${script} wrong`)).exitCode, 1);
    assert.match((await runInCourierPlaces(places, script)).stdout, /system username: sock-ann/);
  });

  test('our client understands Debian’s answers, which leave the uid to the caller', async () => {
    const asked = { service: 't-unix', loginName: 'sock-ann', password: new Secret('secret') };
    const mine = await ours.client.authenticate(asked);
    assert.ok(mine.kind === 'account');
    const client = new AuthClient({ socketPath: couriers.socketPath });
    // Debian's daemon passes over the wish to keep the connection, and closes it.
    for (const asking of [client, new AuthClient({ socketPath: couriers.socketPath, keep: true })]) {
      for (let count = 0; count < 2; count += 1) {
        const theirs = await asking.authenticate(asked);
        assert.deepEqual(theirs.kind === 'account' && theirs.account, mine.account);
      }
    }
    assert.equal((await client.lookup('t-unix', 'sock-nobody')).kind, 'rejected');
  });

  test('A15: the pause after a wrong password holds up no other login, though there is one helper', async () => {
    const order: string[] = [];
    const asked = (name: string, request: string) =>
      exchange(ours.socketPath, request).then((answer) => order.push(`${name}: ${answer.slice(0, 9).trim()}`));
    const wrong = asked('wrong', login('t-slow', 'sock-ann', 'wrong'));
    for (let count = 0; count < 5; count += 1) await asked('right', login('t-slow', 'sock-ann', 'secret'));
    await wrong;

    assert.deepEqual(order, [...Array.from({ length: 5 }, () => 'right: USERNAME='), 'wrong: FAIL']);
  });

  test('71: helpers end with a daemon that is killed, even those in the middle of PAM', async () => {
    const settings = await configuration('', 'authmodulelist="authpam"\ndaemons=2');
    const killed = await startDaemon(settings);
    const hanging = exchange(killed.socketPath, login('t-hang', 'sock-ann', 'x'));
    const family = (): number[] => processTree([killed.child.pid ?? 0]);
    // The daemon, its helper, and the script.
    await waitUntil('the script hangs', () => family().length === 3);
    const [daemon = 0, ...others] = family();
    const script = others.at(-1) ?? 0;

    process.kill(daemon, 'SIGKILL');

    assert.equal(await hanging, '');
    await waitUntil('the helper has ended', () => others.slice(0, -1).every((pid) => !isAlive(pid)));
    process.kill(script, 'SIGKILL');
    rmSync(settings, { recursive: true });
  });
});
