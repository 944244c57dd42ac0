/**
 * Many logins at once: bounded, in turns, none lost, and a module that is slow or hangs is nobody else's trouble.
 *
 * The connections are real, on a socket of the test's own; the modules behind them are as slow as the test says.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Account } from '../../authdaemon/account.js';
import { type After, AnswerLog } from '../../authdaemon/answer-log.js';
import type { ModuleChain } from '../../authdaemon/authenticate.js';
import { type AuthAnswer, AuthClient } from '../../authdaemon/client.js';
import { LookupQueue } from '../../authdaemon/lookup-queue.js';
import { type AuthModule, type ModuleAnswer, UNKNOWN_ACCOUNT } from '../../authdaemon/modules/module.js';
import { readLoginData } from '../../authdaemon/protocol.js';
import { serveConnection } from '../../authdaemon/serve.js';
import { logTo } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';
import { waitUntil } from '../support/processes.js';

const directory = mkdtempSync(join(tmpdir(), 'authload-'));
const servers: Server[] = [];
const sockets = new Set<Socket>();
after(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  rmSync(directory, { recursive: true });
});

/** A module that knows the names that begin with its own, and takes its time for them. */
class SlowModule implements AuthModule {
  readonly name: string;
  readonly #answerMs: number;
  readonly #held: Promise<void>;
  running = 0;
  most = 0;
  asked = 0;

  /** Nobody is answered before `held` is over. */
  constructor(name: string, answerMs: number, held: Promise<void> = Promise.resolve()) {
    this.name = name;
    this.#answerMs = answerMs;
    this.#held = held;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async idle(): Promise<void> {}
  async trouble(): Promise<string | undefined> {
    return undefined;
  }

  async authenticate({ authData }: { authData: Buffer }): Promise<ModuleAnswer> {
    const loginName = readLoginData(authData)?.loginName ?? '';
    if (!loginName.startsWith(this.name)) return UNKNOWN_ACCOUNT;
    this.asked += 1;
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await this.#held;
    await new Promise<void>((resolve) => {
      if (Number.isFinite(this.#answerMs)) setTimeout(resolve, this.#answerMs);
    });
    this.running -= 1;
    const account: Account = { address: loginName, uid: 1, gid: 1, home: '/', options: [] };
    return { kind: 'account', account };
  }

  lookup = async (): Promise<ModuleAnswer> => UNKNOWN_ACCOUNT;
  changePassword = async (): Promise<typeof UNKNOWN_ACCOUNT> => UNKNOWN_ACCOUNT;
  async *enumerate(): AsyncGenerator<never> {
    await new Promise<void>((resolve) => {
      if (Number.isFinite(this.#answerMs)) resolve();
    });
  }
}

interface Served {
  readonly lines: string[];
  readonly client: AuthClient;
  login(loginName: string, remoteIp?: string): Promise<AuthAnswer>;
}

/** Serves modules on a socket; `timeScale` makes the daemon's own time limits so many times shorter. */
async function serve(
  modules: readonly AuthModule[],
  limits: { atOnce: number; maxWaiting?: number; timeScale?: number },
): Promise<Served> {
  const lines: string[] = [];
  const log = logTo((level, line) => lines.push(`${level}: ${line}`));
  const later: After = (delayMs, action) => {
    const timer = setTimeout(action, delayMs / (limits.timeScale ?? 1));
    timer.unref();
    return () => clearTimeout(timer);
  };
  const chain: ModuleChain = {
    modules: modules.map((module) => ({ module, queue: new LookupQueue(limits.atOnce, limits.maxWaiting) })),
    defaultOptions: [],
    debugLogin: 0,
    temporaryFailure: 'silence',
    log,
    now: () => performance.now() * (limits.timeScale ?? 1),
  };
  const lists = new LookupQueue(2);
  const context = {
    lists,
    withModules: <T>(work: (of: ModuleChain) => Promise<T>) => work(chain),
    after: later,
    mechanism: () => undefined,
  };
  const answers = new AnswerLog(log, later);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    void serveConnection(socket, { ...context, answers }, { heard: () => undefined });
  });
  servers.push(server);
  const socketPath = join(directory, `socket${servers.length}`);
  await new Promise<void>((resolve) => server.listen({ path: socketPath, backlog: 4096 }, resolve));
  const client = new AuthClient({ socketPath });
  return {
    lines,
    client,
    login: (loginName, remoteIp = '192.0.2.1') =>
      client.authenticate({ service: 'imap', loginName, password: new Secret('x'), remoteIp }),
  };
}

test('1,000 logins at once on a back end that takes 200 ms: bounded, in turns, none lost, other modules unhurt', async () => {
  const fast = new SlowModule('fast', 0);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = new SlowModule('slow', 200, held);
  const { login, lines } = await serve([fast, slow], { atOnce: 100 });
  let ofTheFlood = 0;
  let ofOthers = 0;
  const flood = Array.from({ length: 900 }, async (_, index) => {
    const answer = await login(`slow${index}`);
    ofTheFlood += 1;
    return answer.kind;
  });
  const others = Array.from({ length: 100 }, async (_, index) => {
    const answer = await login(`slow-other${index}`, `198.51.100.${index}`);
    ofOthers += 1;
    return answer.kind;
  });
  await waitUntil('the back end has all that it takes', () => slow.asked === 100);
  const quick = await Promise.all(Array.from({ length: 50 }, (_, index) => login(`fast${index}`)));
  const answeredBefore = ofTheFlood + ofOthers;
  release();
  await Promise.all(others);
  const floodAnsweredThen = ofTheFlood;

  assert.deepEqual([...new Set(quick.map(({ kind }) => kind))], ['account']);
  assert.equal(answeredBefore, 0, 'accounts of the fast module do not wait for the slow one');
  assert.ok(floodAnsweredThen < 900, 'the others, who came later, do not wait for the whole flood');
  const kinds = await Promise.all([...flood, ...others]);
  assert.deepEqual([kinds.length, [...new Set(kinds)]], [1000, ['account']]);
  assert.deepEqual([slow.asked, slow.most, ofOthers], [1000, 100, 100]);
  assert.deepEqual(lines, []);
});

test('when too many wait, logins are put off at once, the log says so once, and who asks little is let in', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = new SlowModule('slow', 20, held);
  const { login, lines } = await serve([slow], { atOnce: 1, maxWaiting: 10 });
  const flood = Array.from({ length: 200 }, (_, index) => login(`slow${index}`));
  const putOff = (await Promise.race(flood)) as { kind: string; reason?: string };
  release();
  const other = await login('slow', '198.51.100.1');

  assert.deepEqual(putOff, { kind: 'temporary failure', reason: 'too many lookups are waiting' });
  assert.equal(other.kind, 'account');
  const kinds = (await Promise.all(flood)).map(({ kind }) => kind);
  assert.deepEqual([...new Set(kinds)].sort(), ['account', 'temporary failure']);
  assert.equal(lines.length, 1, 'not a line for each');
  assert.match(lines[0] ?? '', /^warning: too many lookups wait for slow, and logins are put off; /);
});

test('63: a module that hangs is a temporary failure in time, gives its places back, and hurts no other', async () => {
  const fast = new SlowModule('fast', 0);
  const hung = new SlowModule('hung', Number.POSITIVE_INFINITY);
  const { login, lines } = await serve([fast, hung], { atOnce: 2, timeScale: 10 });
  const hanging = Array.from({ length: 20 }, (_, index) => login(`hung${index}`));
  assert.equal((await login('fast')).kind, 'account');

  for (const answer of await Promise.all(hanging)) {
    assert.deepEqual(answer, { kind: 'temporary failure', reason: 'no answer in time' });
  }
  assert.equal(hung.asked, 2);
  assert.deepEqual(await login('hung'), { kind: 'temporary failure', reason: 'no answer in time' });
  assert.equal(hung.asked, 3, 'the places were given back');
  assert.match(lines[0] ?? '', /^error: hung: no answer in time \(service=imap, account=hung\d+, from=192\.0\.2\.1\)$/);
});

test('lists that nobody ends keep other lists waiting, for a while, and no login', async () => {
  const hung = new SlowModule('hung', Number.POSITIVE_INFINITY);
  const { client, login } = await serve([new SlowModule('fast', 0), hung], { atOnce: 2, timeScale: 10 });
  const lists = [client.enumerate(), client.enumerate(), client.enumerate()];
  const items = lists.map((list) => list.next());

  const { value } = await Promise.race(items);
  assert.deepEqual(value, { kind: 'incomplete', reason: 'too many lists of accounts are being read' });
  assert.equal((await login('fast')).kind, 'account');
  for (const list of lists) void list.return();
});

test('refusals are a line each until there are too many in a second; then they are counted', async () => {
  const { login, lines } = await serve([new SlowModule('a', 0)], { atOnce: 10 });
  const begin = performance.now();
  await Promise.all(Array.from({ length: 100 }, (_, index) => login(`nobody, ip=[10.0.0.${index}]\n`.trim())));
  const seconds = Math.ceil((performance.now() - begin) / 1000);
  const refusals = lines.filter((line) => line.startsWith('info: not let in: '));
  while (!lines.some((line) => line.includes('were left out'))) await new Promise((resolve) => setTimeout(resolve, 50));

  // Ten in each second, and the first and last are not whole ones.
  assert.ok(refusals.length >= 10 && refusals.length <= 10 * (seconds + 1), String(refusals.length));
  assert.match(
    refusals[0] ?? '',
    /^info: not let in: service=imap, account=nobody\\x2C\\x20ip\\x3D\\x5B10\.0\.0\.\d+\\x5D, from=192\.0\.2\.1, a: unknown account$/,
  );
  assert.match(
    lines.find((line) => line.includes('were left out')) ?? '',
    /^info: \d+ more lines like this were left out: not let in, a: unknown account$/,
  );
});
