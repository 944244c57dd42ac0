/**
 * The thread of a client that asks for much: logs in, selects INBOX, says so, and repeats one command until it is ended.
 */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { BenchConnection, type ServerAddress } from './connection.js';

/** What the thread is started with. */
export interface HeavyWork {
  readonly address: ServerAddress;
  readonly name: string;
  readonly password: string;
  readonly command: string;
}

const work = workerData as HeavyWork;
const connection = await BenchConnection.login(work.address, work.name, work.password);
await connection.command('SELECT INBOX');
parentPort?.postMessage('ready');
if (parentPort !== null) await once(parentPort, 'message');
for (;;) await connection.command(work.command, { keep: false });
