/**
 * The supervisor and its children: limits, crashes, reload, and the end.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAccessFile } from '../../init/runtime/limits/access-file.js';
import { isAlive } from '../support/start.js';
import { certificateFor, eventually, securely, Toy, withToy } from './toy.js';

const suffix = process.getuid?.() === 0 ? ':1001:1001' : '';
const LOGIN = `LOGIN bob${suffix} secret`;

async function pidOfWorker(toy: Toy, login = LOGIN): Promise<number> {
  const client = await toy.client();
  await client.ask(login);
  const answer = (await client.ask('WHO')) ?? '';
  client.close();
  return Number(answer.split(' ')[4]);
}

test('H1: the connection over the limit of an address is told the limit, in plaintext and in TLS, and others get in', async () => {
  await withToy(
    async (toy) => {
      const clients = [await toy.client(), await toy.tlsClient(), await toy.client()];
      await clients[0]?.ask(LOGIN);

      const plain = await toy.clientOn(connect(toy.port, '127.0.0.1')).catch(() => undefined);
      plain?.close();
      const refused = connect(toy.port, '127.0.0.1').setEncoding('utf8');
      const text = await new Promise((resolve) => refused.once('data', resolve));
      assert.equal(text, 'BYE Too many connections from your address: the limit is 3 (MAXPERIP)\n');
      const secure = (await securely(toy.tlsPort)).setEncoding('utf8');
      const textInTls = await new Promise((resolve) => secure.once('data', resolve));
      assert.equal(textInTls, text);
      await toy.logged(/^ALERT: Maximum connection limit reached for 127\.0\.0\.1$/);

      const other = connect({ port: toy.port, host: '127.0.0.1', localAddress: '127.0.0.2' }).setEncoding('utf8');
      assert.equal(await new Promise((resolve) => other.once('data', resolve)), 'READY\n');
      other.destroy();

      // A session that ends makes room at once.
      clients[0]?.send('LOGOUT\n');
      await clients[0]?.rest();
      await eventually(
        () => (toy.log.some((line) => line.includes('LOGIN')) ? true : undefined),
        () => 'the login',
      );
      await whenThereIsRoom(async () => assert.equal(await (await toy.client()).ask('hello'), 'hello tls=false'));
    },
    { limits: { connections: 500, perAddress: 3 } },
  );
});

test('H2: the access file decides who may connect, the most specific line first, and is read again on reload', async () => {
  await withToy(async (toy) => {
    const file = join(toy.directory, 'access');
    writeFileSync(file, '127\tdeny\n127.0.0.1\tallow\n127.0.3.0/24\tallow,MAXCPERIP=1\n');
    const use = async (pattern: RegExp) => {
      toy.log.length = 0;
      toy.configure({ limits: { connections: 500, perAddress: 400, access: readAccessFile(file).rules } });
      toy.signal('SIGHUP');
      await toy.logged(pattern);
    };
    await use(/settings read again/);

    assert.equal(await greeting(toy.port, '127.0.0.1'), 'READY\n');
    assert.equal(await greeting(toy.port, '127.0.0.2'), 'BYE Connections from your address are not allowed here\n');
    const first = connect({ port: toy.port, host: '127.0.0.1', localAddress: '127.0.3.9' });
    await new Promise((resolve) => first.once('data', resolve));
    const second = await greeting(toy.port, '127.0.3.9');
    assert.equal(second, 'BYE Too many connections from your address: the limit is 1 (MAXCPERIP)\n');
    first.destroy();

    writeFileSync(file, '# nobody is denied\n');
    await use(/settings read again/);
    assert.equal(await greeting(toy.port, '127.0.0.2'), 'READY\n');

    writeFileSync(file, '1.2.3.400 deny\n10 deny\n10 allow\n');
    const told = readAccessFile(file).problems.map(({ line, what }) => `${line}: ${what}`);
    assert.deepEqual(told, ['1: 1.2.3.400 is no address', '3: 10 stands here twice']);
  });
});

/** A connection that has just ended counts until the server has noticed. */
async function whenThereIsRoom(attempt: () => Promise<void>): Promise<void> {
  for (let left = 200; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test('a worker that dies takes only its own sessions with it', async () => {
  await withToy(async (toy) => {
    const victim = await toy.tlsClient();
    const sameWorker = await toy.client();
    const other = await toy.client();
    await victim.ask(LOGIN);
    await sameWorker.ask(LOGIN);
    await other.ask(process.getuid?.() === 0 ? 'LOGIN eve:1002:1002 secret' : 'hello');

    victim.send('CRASH\n');

    assert.deepEqual(await victim.rest(), []);
    assert.deepEqual(await sameWorker.rest(), []);
    assert.match((await other.ask('still here')) ?? '', /still here/);
    await toy.logged(
      /^ALERT: toy: mail worker for uid \d+ \(pid \d+\) died: signal SIGKILL; 2 sessions ended with it$/,
    );
    const again = await toy.client();
    assert.match((await again.ask(LOGIN)) ?? '', /^T OK bob/);
  });
});

/** Ten seconds of work must be seen, which may take a while where many want the processor. */
const MOST_LOGINS_UNTIL_BUSY = 600;

test('sessions of one account share a worker; a uid whose worker is busy gets a further one, up to the limit', async () => {
  await withToy(async (toy) => {
    const pidsOf = async (names: readonly string[]) => {
      const pids = new Set<string>();
      for (const name of names) {
        const client = await toy.client();
        await client.ask(LOGIN.replace('bob', name));
        pids.add(((await client.ask('WHO')) ?? '').split(' ')[4] ?? '');
      }
      return pids;
    };

    const first = await pidsOf(new Array<string>(20).fill('bob'));
    assert.equal(first.size, 1);
    assert.deepEqual(await pidsOf(Array.from({ length: 120 }, (_, index) => `user${index}`)), first);
    const busy = await toy.client();
    await busy.ask(LOGIN);
    await busy.ask('BURN');
    for (let number = 0; ; number += 1) {
      const [pid = ''] = await pidsOf([`early${number}`]);
      if (!first.has(pid)) break;
      assert.ok(number < MOST_LOGINS_UNTIL_BUSY, 'there is no further worker');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const further = await pidsOf(Array.from({ length: 20 }, (_, index) => `other${index}`));
    assert.equal(further.size, 1);
    assert.notDeepEqual(further, first);
    assert.deepEqual(await pidsOf(['bob', 'other1']), new Set([...first, ...further]));
    assert.deepEqual(await pidsOf(new Array<string>(5).fill('bob')), first);
  });
});

test('a login process that dies is started again; sessions that were handed over go on', async () => {
  await withToy(
    async (toy) => {
      const session = await toy.client();
      await session.ask(LOGIN);
      const victim = await toy.client();

      victim.send('CRASH\n');

      await victim.rest();
      await toy.logged(/login process \(pid \d+\) died/);
      assert.equal(await session.ask('still here'), '1 bob still here');
      const next = await toy.client();
      assert.match((await next.ask(LOGIN)) ?? '', /^T OK bob/);
    },
    { loginProcesses: 1 },
  );
});

test('when the supervisor is killed all children end, and a new one takes the same ports', async () => {
  const toy = new Toy();
  try {
    await toy.start();
    const session = await toy.client();
    await session.ask(LOGIN);
    const worker = Number(((await session.ask('WHO')) ?? '').split(' ')[4]);
    const state = join(toy.directory, 'state');

    toy.signal('SIGKILL');

    await session.rest();
    await eventually(
      () => (isAlive(worker) ? undefined : true),
      () => 'the end of the worker',
      3000,
    );
    const port = toy.port;
    assert.ok(existsSync(join(state, 'toy.control')), 'the killed one could not clean up');
    toy.log.length = 0;
    await toy.start();
    assert.equal(toy.port, port);
    assert.ok((await pidOfWorker(toy)) > 0);
  } finally {
    await toy.stop();
  }
});

test('attacks 88: SIGTERM says goodbye to every session, before and after login, plain and TLS', async () => {
  const toy = new Toy();
  await toy.start();
  const before = [await toy.client(), await toy.tlsClient()];
  const after = [await toy.client(), await toy.tlsClient(), await toy.client()];
  for (const client of after) await client.ask(LOGIN);
  const started = Date.now();

  toy.signal('SIGTERM');

  for (const client of before) assert.deepEqual(await client.rest(), ['BYE Server is shutting down']);
  for (const client of after) assert.deepEqual(await client.rest(), ['BYE server shut down']);
  await toy.ended;
  assert.ok(Date.now() - started < 10_000);
  assert.match(toy.log[toy.log.length - 1] ?? '', /INFO: ended/);
  await toy.stop();
});

test('attacks 88: SIGHUP takes new settings; a broken file changes nothing, and everything wrong in it is told', async () => {
  await withToy(async (toy) => {
    const open = await toy.client();
    const problems = [1, 2].map((line) => ({ file: '/etc/toy', line, what: `mistake ${line}`, remedy: 'mend it' }));
    toy.configure({ problems, sessionSettings: { greeting: 'BROKEN' } });
    toy.signal('SIGHUP');
    await toy.logged(/settings not changed: \/etc\/toy:1: mistake 1; mend it/);
    await toy.logged(/settings not changed: \/etc\/toy:2: mistake 2; mend it/);
    assert.equal(await greeting(toy.port), 'READY\n');

    toy.configure({
      problems: [],
      sessionSettings: { greeting: 'CHANGED' },
      limits: { connections: 500, perAddress: 2 },
    });
    toy.signal('SIGHUP');
    await toy.logged(/settings read again/);

    await whenThereIsRoom(async () => assert.equal(await greeting(toy.port), 'CHANGED\n'));
    assert.equal(await open.ask('hello'), 'hello tls=false');
  });
});

async function greeting(port: number, localAddress = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress }).setEncoding('utf8');
  const text = await new Promise<string>((resolve) => socket.once('data', resolve));
  socket.destroy();
  return text;
}

test('B 19: what happens before login has a time limit, and the client is told', async () => {
  await withToy(
    async (toy) => {
      const silent = [await toy.client(), await toy.tlsClient()];
      const session = await toy.client();
      await session.ask(LOGIN);

      for (const client of silent) assert.deepEqual(await client.rest(), ['BYE Login took too long']);

      assert.equal(await session.ask('still here'), '1 bob still here');
    },
    { loginSeconds: 5 },
  );
});

test('accounts that may have no session are refused, with the reason in the log', async () => {
  await withToy(async (toy) => {
    const client = await toy.client();
    assert.equal(await client.ask('LOGIN root:0:0 secret'), 'NO refused');
    await toy.logged(/LOGIN REFUSED, user=root, ip=\[::ffff:127\.0\.0\.1\], port=\[\d+\]: the account has uid 0/);
    assert.equal(await client.ask('LOGIN bob wrong'), 'NO rejected');
    assert.equal(await client.ask('LOGIN down x'), 'NO temporary failure: down');
    assert.match((await client.ask(LOGIN)) ?? '', /^T OK bob/);
  });
});

test('attacks 84: a login name cannot forge a line or an address in the log', async () => {
  await withToy(async (toy) => {
    const client = await toy.client();
    const name = 'x,ip=[192.0.2.1]\u001b[31m\u2028%s%n';
    client.socket.write(Buffer.from(`LOGIN ${name} wrong\n`));
    await client.line();

    const line = await toy.logged(/LOGIN FAILED/);

    const escaped = 'x\\x2Cip\\x3D\\x5B192.0.2.1\\x5D\\x1B\\x5B31m\\u2028%s%n';
    assert.equal(line, `INFO: LOGIN FAILED, user=${escaped}, ip=[::ffff:127.0.0.1]`);
  });
});

test('a server that an ordinary user starts serves that user, and says why it serves no other', async () => {
  const uid = process.getuid?.() === 0 ? 1001 : undefined;
  const own = uid ?? process.getuid?.();
  await withToy(
    async (toy) => {
      const client = await toy.client();
      assert.equal(await client.ask('LOGIN eve:1002:1002 secret'), 'NO refused');
      await toy.logged(new RegExp(`the account has uid 1002, and the server runs as uid ${own}`));
      assert.match((await client.ask(`LOGIN bob:${own}:${own} secret`)) ?? '', /^T OK bob/);
    },
    {},
    uid,
  );
});

test('K5: a port that is taken is named, and so is who has it', async () => {
  await withToy(async (first) => {
    const second = new Toy();
    [second.port, second.tlsPort] = [first.port, first.tlsPort];
    await assert.rejects(
      second.start(),
      new RegExp(`port ${first.port} cannot be opened: \\S.* \\(pid \\d+\\) listens there`),
    );
    await second.stop();
  });
});

test('T2: a new certificate is used after a reload; a broken one changes nothing, and the log says why', async () => {
  await withToy(async (toy) => {
    const organization = async () => {
      const socket = await securely(toy.tlsPort);
      const { O } = socket.getPeerCertificate().subject as unknown as { O: string };
      socket.destroy();
      return O;
    };
    const open = await toy.tlsClient();
    assert.equal(await organization(), 'first');

    writeFileSync(toy.certificate, certificateFor('second'));
    toy.signal('SIGHUP');
    await toy.logged(/settings read again/);
    assert.equal(await organization(), 'second');

    writeFileSync(toy.certificate, 'no certificate');
    toy.signal('SIGHUP');
    await toy.logged(/ERR: TLS: .*cert\.pem holds no certificate; .* \(the certificate read before stays in use\)/);
    assert.equal(await organization(), 'second');
    assert.equal(await open.ask('hello'), 'hello tls=true');
  });
});

test('the log of a service goes on when its reader is slow, and lines are whole', async () => {
  await withToy(async (toy) => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => toy.client()));
    await Promise.all(clients.map((client) => client.ask(LOGIN)));

    await eventually(
      () => (toy.log.filter((line) => line.includes('LOGIN, ')).length === 40 ? true : undefined),
      () => '40 lines',
    );
    const whole = /^INFO: LOGIN, user=bob$/;
    assert.ok(toy.log.filter((line) => line.includes('LOGIN, ')).every((line) => whole.test(line)));
  });
});
