/**
 * What authdaemond says on its socket to types of AUTH that are ours, and about accounts that have expired: to our own
 * client, and to one of Courier's, which must hear nothing new.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type After, AnswerLog } from '../../authdaemon/answer-log.js';
import type { ModuleChain } from '../../authdaemon/authenticate.js';
import { AuthClient } from '../../authdaemon/client.js';
import { LookupQueue } from '../../authdaemon/lookup-queue.js';
import type { Mechanism, MechanismAnswer } from '../../authdaemon/mechanisms.js';
import type { AuthModule, ModuleAnswer } from '../../authdaemon/modules/module.js';
import { serveConnection } from '../../authdaemon/serve.js';
import { logTo } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';
import { exchange, login } from './support.js';

const account = { address: 'ann', uid: 1001, gid: 1001, home: '/home/ann', options: [] };
const expired: ModuleAnswer = { kind: 'rejected', reason: 'the account has expired', expired: true };

/** Every password is right, and too late. */
const module: AuthModule = {
  name: 'authtoy',
  start: async () => undefined,
  stop: async () => undefined,
  idle: async () => undefined,
  trouble: async () => undefined,
  authenticate: async () => expired,
  lookup: async () => ({ kind: 'account', account }),
  changePassword: async () => ({ kind: 'rejected', reason: 'never' }),
  async *enumerate() {},
};

/** Answers as the data of AUTH says. */
const answers: Readonly<Record<string, MechanismAnswer>> = {
  go: { kind: 'challenge', challenge: 'Z28=', token: 'token' },
  yes: { kind: 'account', account, lastWord: 'eWVz' },
  no: { kind: 'rejected', reason: 'no' },
  late: { kind: 'rejected', reason: 'late', expired: true, lastWord: 'bGF0ZQ==' },
  down: { kind: 'temporary failure', reason: 'the provider is down' },
};
const mechanism: Mechanism = {
  async answer({ authData }, { names, lookup }) {
    const { steps } = await lookup('.', { service: 'imap', loginName: 'ann' });
    assert.deepEqual([names, steps.map(({ said }) => said)], [['authtoy'], ['account']]);
    return { loginName: 'ann', answer: answers[authData.toString()] ?? { kind: 'rejected', reason: '?' }, steps: [] };
  },
};

const directory = mkdtempSync(join(tmpdir(), 'mechanism-answers-'));
const socketPath = join(directory, 'socket');
const lines: string[] = [];
let server: Server;

before(async () => {
  const log = logTo((level, line) => lines.push(`${level}: ${line}`));
  const later: After = (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  };
  const chain: ModuleChain = {
    modules: [{ module, queue: new LookupQueue(5) }],
    ...{ defaultOptions: [], debugLogin: 0, temporaryFailure: 'silence', log, now: () => performance.now() },
  };
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const context = {
      withModules: <T>(work: (of: ModuleChain) => Promise<T>) => work(chain),
      mechanism: (authType: string) => (authType === 'toy' ? mechanism : undefined),
      ...{ answers: new AnswerLog(log, later), lists: new LookupQueue(1), after: later },
    };
    void serveConnection(socket, context, { heard: () => undefined });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

const auth = (data: string, authType = 'toy'): string => {
  const body = `imap\n${authType}\n${data}`;
  return `AUTH ${body.length}\n${body}`;
};
const client = new AuthClient({ socketPath });
const proof = (data: string) => ({ service: 'imap', authType: 'toy', data: new Secret(data), remoteIp: '192.0.2.7' });

test('an account that has expired is FAIL, and expired to our own servers', async () => {
  assert.equal(await exchange(socketPath, login('imap', 'ann', 'secret')), 'FAIL\n');
  const answer = await client.authenticate({ service: 'imap', loginName: 'ann', password: new Secret('secret') });

  assert.deepEqual(answer, { kind: 'rejected', expired: true });
  assert.ok(lines.some((line) => line.includes('authtoy: the account has expired')));
});

test('a mechanism goes on, lets in and refuses, with what the client is to be told', async () => {
  assert.deepEqual(await client.beginExchange(proof('go')), answers['go']);
  assert.deepEqual(await client.prove(proof('yes')), answers['yes']);
  assert.deepEqual(await client.prove(proof('no')), { kind: 'rejected' });
  assert.deepEqual(await client.prove(proof('late')), { kind: 'rejected', expired: true, lastWord: 'bGF0ZQ==' });
  assert.deepEqual(await client.prove(proof('down')), answers['down']);
  assert.deepEqual(await client.beginExchange(proof('down')), answers['down']);
  assert.deepEqual(await client.beginExchange(proof('yes')), { kind: 'rejected' });
  assert.equal((await client.prove(proof('go'))).kind, 'temporary failure');
  assert.equal(await exchange(socketPath, auth('no')), 'FAIL\n');
  assert.equal(await exchange(socketPath, auth('down')), '');
  assert.match(await exchange(socketPath, auth('yes')), /^UID=1001\n[^.]*ADDRESS=ann\nLASTWORD=eWVz\n\.\n$/);
  const refusals = lines.filter((line) => line.includes('not let in: service=imap, account=ann'));
  assert.ok(
    refusals.some((line) => line.endsWith('from=192.0.2.7, late')),
    lines.join('\n'),
  );
});

test('other types are for the modules', async () => {
  assert.equal(await exchange(socketPath, auth('yes', 'other')), 'FAIL\n');
});
