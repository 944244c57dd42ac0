/**
 * A client in a thread of its own that asks NOOP again and again, and tells at the end how long the slowest answer took,
 * less what it and the mail workers stood in line for a processor meanwhile.
 *
 * In the thread of the test it would also wait for what the test itself does with the answers of hundreds of others.
 */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { processTree } from '../support/processes.js';
import { ownThread, ProcessorLine, threadsOfAll } from '../support/processor-line.js';

/** Which workers there are is looked at again after so many commands. */
const COMMANDS_PER_LOOK = 50;

const { port, name, roots } = workerData as { port: number; name: string; roots: readonly number[] };
const client = await loginClient(port, name, PASSWORD, false);
let workers: number[] = [];
let over = false;
parentPort?.once('message', () => {
  over = true;
});
parentPort?.postMessage('ready');

const own = new ProcessorLine(ownThread);
const others = new ProcessorLine(() => threadsOfAll(workers));
const looks: { at: number; stoodInLine: number }[] = [];
let longest = 0;
for (let count = 0; !over; count += 1) {
  if (count % COMMANDS_PER_LOOK === 0) workers = processTree(roots).filter(isMailWorker);
  const [begin, ownBefore, othersBefore] = [performance.now(), own.look(), others.look()];
  looks.push({ at: begin, stoodInLine: othersBefore });
  await client.must('NOOP');
  const took = performance.now() - begin;
  longest = Math.max(longest, took - (own.look() - ownBefore) - (others.look() - othersBefore));
  await new Promise((resolve) => setTimeout(resolve, 5));
}
looks.push({ at: performance.now(), stoodInLine: others.look() });
client.close();
parentPort?.postMessage({ longest, looks });

function isMailWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('mail worker');
  } catch {
    return false;
  }
}
