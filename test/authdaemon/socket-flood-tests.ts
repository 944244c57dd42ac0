/**
 * Callers that mean no good, or know no better: floods, slow writers, idle connections by the thousand, wrong lengths;
 * and what other programs hear on a temporary failure. Part of authdaemond's tests, so that nobody waits for its slowest.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Secret } from '../../init/runtime/secret.js';
import { waitUntil } from '../support/processes.js';
import { COURIER_USERDB } from './courier-answers.js';
import { configuration, exchange, login, type RunningDaemon, startDaemon, writeUserdb } from './support.js';

const JOE = { service: 'imap', loginName: 'joe', password: new Secret('secret') };

/** Registers the tests. */
export function testFloods(): void {
  describe('a daemon under attack', () => {
    let daemon: RunningDaemon;
    const sockets: Socket[] = [];
    before(async () => {
      daemon = await startDaemon(await configuration(COURIER_USERDB));
    });
    after(async () => {
      for (const socket of sockets) socket.destroy();
      assert.equal(await daemon.stop(), 0);
    });

    const isServing = async (): Promise<void> => assert.equal((await daemon.client.authenticate(JOE)).kind, 'account');
    const residentKilobytes = (): number =>
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8'))?.[1]);

    test('68: lengths that cannot be are refused at once, without a place for such a body', async () => {
      for (const length of ['99999999', '8192', '-1', '1e3', '0x10', ' 12', '', '18446744073709551616', '12 12']) {
        assert.equal(await exchange(daemon.socketPath, `AUTH ${length}\nimap\n`, { keepOpen: true }), '', length);
      }
      await isServing();
    });

    test('68: a megabyte in every shape, many times at once, takes no memory that stays', async () => {
      const shapes = [
        Buffer.alloc(1_048_576, 'x'),
        Buffer.alloc(1_048_576, '\n'),
        Buffer.alloc(1_048_576),
        Buffer.from('A=b\n'.repeat(262_144)),
        Buffer.from(`PRE . imap ${'\u00ff'.repeat(500_000)}`, 'latin1'),
        Buffer.from(`AUTH 8000\n${'\n'.repeat(1_000_000)}`),
      ];
      // Node takes what it needs for such a load once, and keeps it.
      for (const shape of shapes) await exchange(daemon.socketPath, shape);
      const beforeKilobytes = residentKilobytes();
      for (let round = 0; round < 5; round += 1) {
        const answers = await Promise.all([...shapes, ...shapes].map((shape) => exchange(daemon.socketPath, shape)));
        assert.deepEqual([...new Set(answers)].sort(), ['', 'FAIL\n']);
      }
      await isServing();
      const grown = residentKilobytes() - beforeKilobytes;
      assert.ok(grown < 80_000, `${grown} kB more than before`);
    });

    test('68: callers who write octet by octet are served, all at once, and cost nobody else anything', async () => {
      const request = Buffer.from(`TCPREMOTEIP=192.0.2.1\n${login('imap', 'joe', 'secret')}`);
      const answers = Array.from({ length: 50 }, async () => {
        const socket = connect({ path: daemon.socketPath, allowHalfOpen: true });
        const pieces: Buffer[] = [];
        socket.on('data', (piece) => pieces.push(piece));
        const closed = new Promise((resolve) => socket.once('end', resolve));
        for (const octet of request) {
          await new Promise((resolve) => socket.write(Buffer.of(octet), resolve));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await closed;
        socket.destroy();
        return Buffer.concat(pieces).toString();
      });
      await isServing();
      for (const answer of await Promise.all(answers)) assert.match(answer, /^UID=5000\n[\s\S]*\n\.\n$/);
    });

    test('68: thousands of connections that say nothing keep nobody out', async () => {
      for (let round = 0; round < 30; round += 1) {
        const opened = Array.from({ length: 100 }, () => {
          const socket = connect(daemon.socketPath);
          socket.on('error', () => undefined);
          sockets.push(socket);
          return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
        });
        await Promise.all(opened);
        await isServing();
      }
      await waitUntil('the longest silent have made room', () => sockets.filter(({ closed }) => closed).length >= 1000);
      assert.ok(sockets.filter(({ closed }) => !closed).length <= 2000);
      for (const socket of sockets) socket.destroy();
    });

    test('what comes behind a request is not taken for another', async () => {
      const one = login('imap', 'joe', 'secret');
      const answer = await exchange(daemon.socketPath, one);
      assert.equal(await exchange(daemon.socketPath, `${one}${one}ENUMERATE\n`), answer);
      assert.equal(await exchange(daemon.socketPath, `ENUMERATE\n${one}`).then((text) => text.endsWith('\n.\n')), true);
    });

    test('names of objects’ own things and metadata of any kind are names like others', async () => {
      const metadata = ['__proto__=1', 'constructor=', '=', 'TCPREMOTEIP=\u0000', 'ANGARIUM_EXPLAIN=__proto__'].join(
        '\n',
      );
      assert.equal(await exchange(daemon.socketPath, `${metadata}\nPRE . imap __proto__\n`), 'FAIL\n');
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        assert.equal(await exchange(daemon.socketPath, `PRE ${name} imap joe\n`), 'FAIL\n', name);
        assert.equal(await exchange(daemon.socketPath, login(name, name, name)), 'FAIL\n', name);
        const body = `imap\n${name}\njoe\nsecret\n`;
        assert.equal(await exchange(daemon.socketPath, `AUTH ${body.length}\n${body}`), 'FAIL\n', name);
      }
    });
  });

  test('71: logins go on while the daemon reads its settings again, again and again', async () => {
    const daemon = await startDaemon(await configuration(COURIER_USERDB));
    const kinds = new Set<string>();
    for (let round = 0; round < 10; round += 1) {
      const logins = Array.from({ length: 20 }, () => daemon.client.authenticate(JOE));
      daemon.child.kill('SIGHUP');
      for (const { kind } of await Promise.all(logins)) kinds.add(kind);
    }
    await waitUntil('old modules are stopped', () => daemon.log().includes('Uninstalling authuserdb'));

    assert.deepEqual([...kinds], ['account']);
    assert.equal(await daemon.stop(), 0);
  });

  test('on a temporary failure other programs hear nothing, or FAIL where TEMPFAIL says so; PRE is never FAIL', async () => {
    for (const [setting, expected] of [
      ['', ''],
      ['TEMPFAIL=fail', 'FAIL\n'],
    ] as const) {
      const daemon = await startDaemon(await configuration(COURIER_USERDB, setting));
      writeFileSync(join(daemon.directory, 'userdb.dat'), 'damaged');

      assert.equal(await exchange(daemon.socketPath, login('exim', 'joe', 'secret')), expected);
      assert.equal(await exchange(daemon.socketPath, 'PRE . maildrop joe\n'), '', 'a FAIL would bounce mail');
      const ours = await daemon.client.authenticate(JOE);
      assert.equal(ours.kind, 'temporary failure');
      const lines = (): readonly string[] =>
        daemon.log().match(/^ERR: authuserdb: .*userdb\.dat: .* \(service=\w+, account=joe\)$/gm) ?? [];
      await waitUntil('each has its line', () => lines().length === 3);
      assert.match(lines()[0] ?? '', /service=exim/);

      await writeUserdb(daemon.directory, COURIER_USERDB);
      assert.match(await exchange(daemon.socketPath, login('exim', 'joe', 'secret')), /^UID=5000\n/);
      assert.equal(await daemon.stop(), 0);
    }
  });
}
