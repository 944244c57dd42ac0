/**
 * What the supervisor believes of login processes: no connection counts twice, and an account that was to be served
 * elsewhere is not served here when its connection has asked about somebody else meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTable } from '../../init/runtime/limits/connections.js';
import type { LoginProcessHandle } from '../../init/runtime/login/login-pool.js';
import { ProxyRoutes } from '../../init/runtime/proxy/proxy-route.js';
import type { FromLogin, ToLogin } from '../../init/runtime/service/handover.js';
import { type Authentication, SessionBroker } from '../../init/runtime/service/session-broker.js';
import { WorkerPool } from '../../init/runtime/worker/worker-pool.js';
import { waitUntil } from '../support/processes.js';

const local = { ip: '127.0.0.1', port: 143 };
const remote = { ip: '192.0.2.7', port: 40_000 };
const log = { write: () => {}, bug: (error: unknown) => assert.fail(String(error)) };

/** Only bob is right, and his mail is on another server. */
function authentication(loginName: string): Authentication {
  if (loginName !== 'bob') return { kind: 'rejected' };
  const options = { mailhost: 'b1.example.com' };
  return { kind: 'account', account: { address: 'bob', uid: 1001, gid: 1001, home: '/nowhere', options } };
}

function tryOut() {
  const connections = new ConnectionTable({ connections: 100, perAddress: 2 }, () => {});
  const manner = { foreign: false, verifies: true, seconds: 1, tellAddress: 'none' } as const;
  const proxy = { protocol: 'imap', isOn: true, refers: false, security: 'none', manner } as const;
  const workers = new WorkerPool({
    ...{ module: '', title: 'test', log, socketDirectory: '/nowhere', settings: {}, umask: 0o077, workersPerUid: 1 },
    ...{ cacheDirectory: undefined, sessionEnded: () => {}, givingBack: () => {}, givenBack: () => {} },
  });
  workers.end('there are none');
  const broker = new SessionBroker({
    ...{ log, connections, workers, defaultMaildir: './Maildir', routes: new ProxyRoutes(proxy, log) },
    authenticator: {
      authenticate: async ({ loginName }) => authentication(loginName),
      beginExchange: async () => ({ kind: 'rejected' }),
    },
  });
  const sent: ToLogin[] = [];
  const send = (message: ToLogin) => void sent.push(message);
  const process = { id: 1, open: new Set<number>(), isGone: false, send };
  const login: LoginProcessHandle = process;
  const say = (message: FromLogin) => broker.receive(login, message, undefined);
  const authenticate = async (loginName: string) => {
    const before = sent.length;
    const proof = { authType: 'login', data: 'secret', service: 'imap', tag: 'a', comesBack: false };
    say({ kind: 'authenticate', id: 1, loginName, ...proof, remote, local, tls: false });
    await waitUntil('there is an answer', () => sent.length > before);
    const answer = sent.at(-1);
    return answer?.kind === 'outcome' ? answer.outcome.kind : undefined;
  };
  return { broker, connections, login, say, sent, authenticate };
}

test('a connection that is opened twice ends its login process, and is not counted for ever', () => {
  const { broker, connections, login, say } = tryOut();
  say({ kind: 'opened', id: 1, ip: remote.ip, local });
  assert.throws(() => say({ kind: 'opened', id: 1, ip: remote.ip, local }));
  broker.lost([...login.open].map((id) => `1:${id}`));
  assert.equal(connections.count, 0);
  for (const key of ['x', 'y']) assert.equal(connections.admit(key, remote.ip), undefined);
});

test('who was to be served elsewhere is forgotten when his connection asks about somebody else', async () => {
  const { say, sent, authenticate } = tryOut();
  say({ kind: 'opened', id: 1, ip: remote.ip, local });
  assert.equal(await authenticate('bob'), 'pass on');
  assert.equal(await authenticate('alice'), 'rejected');
  const before = sent.length;
  say({ kind: 'serve here', id: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sent.length, before);
  // Asked at once, it is answered: by a worker, if there were one.
  assert.equal(await authenticate('bob'), 'pass on');
  say({ kind: 'serve here', id: 1 });
  await waitUntil('there is an answer', () => sent.at(-1)?.kind === 'outcome' && sent.length > before + 1);
});
