/**
 * A client in a thread of its own that asks NOOP again and again, and tells at the end how long the slowest answer took.
 *
 * In the thread of the test it would also wait for what the test itself does with the answers of hundreds of others.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';

const { port, name } = workerData as { port: number; name: string };
const client = await loginClient(port, name, PASSWORD, false);
let over = false;
parentPort?.once('message', () => {
  over = true;
});
parentPort?.postMessage('ready');
let longest = 0;
while (!over) {
  const begin = performance.now();
  await client.must('NOOP');
  longest = Math.max(longest, performance.now() - begin);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
client.close();
parentPort?.postMessage(longest);
