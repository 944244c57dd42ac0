/**
 * The measurements: what each number is. Every one runs alone against one server that is already up.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { memoryKib, processTree } from '../support/processes.js';
import { BenchConnection } from './connection.js';
import { benchMessage, linkMaildir } from './mail.js';

/** A server that is up, and where its users' mail is. */
export interface BenchServer {
  readonly name: string;
  readonly port: number;
  /** The processes that all its others descend from; their memory counts. */
  readonly roots: readonly number[];
  readonly password: string;
  /** Gives the name of a user that nobody has used, and the home directory. */
  newUser(): { name: string; home: string };
}

export interface BenchSizes {
  readonly messages: number;
  readonly logins: number;
  readonly bodies: number;
  readonly appends: number;
  readonly sessions: number;
}

export interface Bench {
  readonly server: BenchServer;
  readonly master: string;
  readonly owner: { uid: number; gid: number };
  readonly sizes: BenchSizes;
}

/** One number. `better` says which way. */
export interface Measured {
  readonly what: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly value: number;
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

const milliseconds = (what: string, value: number): Measured => ({
  what,
  unit: 'ms',
  better: 'lower',
  value: value * 1000,
});

function userWith({ server, master, owner }: Bench, count: number): string {
  const user = server.newUser();
  linkMaildir(master, user.home, count, owner);
  return user.name;
}

const CLIENTS_AT_ONCE = 8;

/** Connect, greeting, LOGIN, LOGOUT, without TLS, from eight clients at once. */
async function logins(bench: Bench): Promise<Measured[]> {
  const { server, sizes } = bench;
  const users = Array.from({ length: CLIENTS_AT_ONCE }, () => userWith(bench, 1));
  const client = async (user: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const connection = await BenchConnection.login(server.port, user, server.password);
      await connection.command('LOGOUT');
      connection.close();
    }
  };
  const each = Math.ceil(sizes.logins / CLIENTS_AT_ONCE);
  await Promise.all(users.map((user) => client(user, 2)));
  const took = await seconds(() => Promise.all(users.map((user) => client(user, each))));
  return [{ what: 'logins', unit: '/s', better: 'higher', value: (each * CLIENTS_AT_ONCE) / took }];
}

/** A large mailbox: first without any index of the server, then with what the server has kept. */
async function largeMailbox(bench: Bench): Promise<Measured[]> {
  const { server, sizes } = bench;
  const user = userWith(bench, sizes.messages);
  const measured: Measured[] = [];
  const time = async (what: string, connection: BenchConnection, command: string): Promise<void> => {
    measured.push(milliseconds(what, await seconds(() => connection.command(command))));
  };
  const first = await BenchConnection.login(server.port, user, server.password);
  await time('SELECT, first', first, 'SELECT INBOX');
  await time('FETCH FLAGS', first, 'UID FETCH 1:* (FLAGS)');
  const envelopes = 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)';
  await time('FETCH ENVELOPE, first', first, envelopes);
  await time('FETCH BODYSTRUCTURE, first', first, 'FETCH 1:* (BODYSTRUCTURE)');
  await time(`FETCH BODY[] of ${sizes.bodies}`, first, `FETCH 1:${sizes.bodies} (BODY.PEEK[])`);
  await time('SEARCH SUBJECT', first, 'UID SEARCH SUBJECT water');
  await first.command('LOGOUT');
  first.close();
  const second = await BenchConnection.login(server.port, user, server.password);
  await time('SELECT, again', second, 'SELECT INBOX');
  await time('FETCH ENVELOPE, again', second, envelopes);
  await time('FETCH BODYSTRUCTURE, again', second, 'FETCH 1:* (BODYSTRUCTURE)');
  await second.command('LOGOUT');
  second.close();
  return measured;
}

/** APPEND of short messages with synchronizing literals, one after the other, and changes of flags. */
async function changes(bench: Bench): Promise<Measured[]> {
  const { server, sizes } = bench;
  const connection = await BenchConnection.login(server.port, userWith(bench, 0), server.password);
  const message = Buffer.from(benchMessage(4).replaceAll('\n', '\r\n'));
  const appended = await seconds(async () => {
    for (let i = 0; i < sizes.appends; i += 1) await connection.command('APPEND INBOX', message);
  });
  await connection.command('SELECT INBOX');
  const stored = await seconds(() => connection.command('UID STORE 1:* +FLAGS (\\Seen)'));
  connection.close();
  return [
    { what: 'APPEND', unit: '/s', better: 'higher', value: sizes.appends / appended },
    { what: 'STORE', unit: '/s', better: 'higher', value: sizes.appends / stored },
  ];
}

/** Memory of one more session that has a small mailbox selected and idles: PSS of all processes, before and after. */
async function memory(bench: Bench): Promise<Measured[]> {
  const { server, sizes } = bench;
  const users = Array.from({ length: Math.ceil(sizes.sessions / 4) }, () => userWith(bench, 20));
  const open = async (user: string): Promise<BenchConnection> => {
    const connection = await BenchConnection.login(server.port, user, server.password);
    await connection.command('SELECT INBOX');
    await connection.idle();
    return connection;
  };
  const connections = await Promise.all(users.slice(0, 2).map(open));
  const before = memoryKib(processTree(server.roots));
  for (let i = 0; i < sizes.sessions; i += 1) connections.push(await open(users[i % users.length] ?? ''));
  const after = memoryKib(processTree(server.roots));
  for (const connection of connections) connection.close();
  return [
    { what: 'memory per idle session', unit: 'KiB', better: 'lower', value: (after - before) / sizes.sessions },
    { what: 'memory with two sessions', unit: 'KiB', better: 'lower', value: before },
  ];
}

/** The groups, by the name that --only takes. Memory first: the server has just been started. */
export const groups: Readonly<Record<string, (bench: Bench) => Promise<Measured[]>>> = {
  memory,
  logins,
  mailbox: largeMailbox,
  changes,
};

/** Where a server keeps its users' homes. */
export function homeOf(directory: string, user: string): string {
  return join(directory, 'mail', user);
}
