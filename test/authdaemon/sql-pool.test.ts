/**
 * The pool of connections to a database, on servers in memory and a clock that the test turns.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { USUAL_QUOTING } from '../../authdaemon/sql/clause.js';
import {
  SqlFailure,
  type SqlResult,
  type SqlServer,
  type SqlSession,
  type SqlStatement,
} from '../../authdaemon/sql/sql-database.js';
import { SqlPool } from '../../authdaemon/sql/sql-pool.js';

const STATEMENT: SqlStatement = { kind: 'parameters', text: 'SELECT', values: [] };

/** A server that can be switched off, and counts. */
class ToyServer implements SqlServer {
  readonly name: string;
  isUp = true;
  attempts = 0;
  open = 0;
  mostOpen = 0;
  /** What the next statements do in place of an answer. */
  readonly failures: SqlFailure[] = [];
  /** Statements wait for this. */
  gate: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.name = name;
  }

  async connect(): Promise<SqlSession> {
    this.attempts += 1;
    await this.gate;
    if (!this.isUp) throw new SqlFailure('unreachable', 'is down');
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    return new ToySession(this);
  }
}

class ToySession implements SqlSession {
  readonly quoting = USUAL_QUOTING.pgsql;
  readonly #server: ToyServer;
  isLost = false;

  constructor(server: ToyServer) {
    this.#server = server;
  }

  async query(): Promise<SqlResult> {
    await this.#server.gate;
    const failure = this.#server.failures.shift();
    if (failure?.kind === 'lost') this.isLost = true;
    if (failure !== undefined) throw failure;
    return { rows: [[this.#server.name]], affected: 0 };
  }

  async *stream(): AsyncIterable<readonly (readonly string[])[]> {
    yield [[this.#server.name]];
    yield [[this.#server.name]];
  }

  destroy(): void {
    if (this.#server.open > 0) this.#server.open -= 1;
    this.isLost = true;
  }
}

function poolOf(servers: readonly ToyServer[], maxConnections = 3) {
  const clock = { now: 0 };
  const pool = new SqlPool({ servers, maxConnections, clock: () => clock.now });
  const ask = async (): Promise<string> => {
    const { rows } = await pool.query(STATEMENT);
    return rows[0]?.[0] ?? '';
  };
  return { pool, clock, ask };
}

test('a connection is used again, and not after a minute without use', async () => {
  const server = new ToyServer('one');
  const { ask, clock, pool } = poolOf([server]);

  for (let n = 0; n < 5; n += 1) assert.equal(await ask(), 'one');
  assert.equal(server.attempts, 1);
  clock.now = 60_001;
  await ask();
  assert.deepEqual([server.attempts, server.open], [2, 1]);
  pool.closeIdle();
  assert.equal(server.open, 0);
});

test('a connection that died is replaced without the caller noticing, all else is told', async () => {
  const server = new ToyServer('one');
  const { ask } = poolOf([server]);
  await ask();

  server.failures.push(new SqlFailure('lost', 'gone'));
  assert.equal(await ask(), 'one');
  assert.equal(server.attempts, 2);
  server.failures.push(new SqlFailure('lost', 'gone'), new SqlFailure('lost', 'gone again'));
  await assert.rejects(ask(), /gone again/);
  server.failures.push(new SqlFailure('refused', 'no such table'));
  await assert.rejects(ask(), /no such table/);
  assert.equal(await ask(), 'one');
});

test('many callers share few connections', async () => {
  const server = new ToyServer('one');
  const { ask } = poolOf([server]);
  let open = (): void => undefined;
  server.gate = new Promise((resolve) => {
    open = resolve;
  });

  const answers = Promise.all(Array.from({ length: 50 }, ask));
  open();

  assert.deepEqual(new Set(await answers), new Set(['one']));
  assert.ok(server.mostOpen <= 3);
});

test('a server that is down comes last for a minute, and the first has its place again after that', async () => {
  const [first, second] = [new ToyServer('first'), new ToyServer('second')];
  const { ask, clock, pool } = poolOf([first, second]);
  first.isUp = false;

  assert.equal(await ask(), 'second');
  pool.closeIdle();
  clock.now = 30_000;
  assert.equal(await ask(), 'second');
  assert.equal(first.attempts, 1, 'it is not knocked at again so soon');
  first.isUp = true;
  clock.now = 91_000;
  assert.equal(await ask(), 'first');
  assert.equal(second.open, 0);
});

test('when all are down everybody hears it, each server’s reason, and the next caller tries again', async () => {
  const [first, second] = [new ToyServer('first'), new ToyServer('second')];
  const { ask } = poolOf([first, second]);
  first.isUp = false;
  second.isUp = false;

  const heard = await Promise.allSettled([ask(), ask(), ask(), ask()]);
  assert.deepEqual(
    heard.map((each) => (each.status === 'rejected' ? String(each.reason) : each.value)),
    Array(4).fill('Error: first: is down; second: is down'),
  );
  assert.equal(first.attempts, 2, 'one for the first who came, one for all who came meanwhile');
  first.isUp = true;
  assert.equal(await ask(), 'first', 'although it failed a moment ago');
});

test('who comes while an attempt fails gets an attempt of his own', async () => {
  const server = new ToyServer('one');
  const { ask } = poolOf([server]);
  let open = (): void => undefined;
  server.gate = new Promise((resolve) => {
    open = resolve;
  });
  server.isUp = false;

  const early = ask();
  const late = ask();
  open();

  await assert.rejects(early, /is down/);
  await assert.rejects(late, /is down/);
  assert.equal(server.attempts, 2);
});

test('a list that is left in the middle gives its connection up, a closed pool takes nobody', async () => {
  const server = new ToyServer('one');
  const { ask, pool } = poolOf([server], 1);

  for await (const rows of pool.stream(STATEMENT)) {
    assert.deepEqual(rows, [['one']]);
    break;
  }
  assert.equal(server.open, 0);
  let pieces = 0;
  for await (const _ of pool.stream(STATEMENT)) pieces += 1;
  assert.deepEqual([pieces, server.open], [2, 1]);
  assert.equal(await ask(), 'one');
  pool.close();
  assert.equal(server.open, 0);
  await assert.rejects(ask(), /the settings have changed/);
});
