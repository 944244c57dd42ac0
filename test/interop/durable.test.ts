/**
 * The order of system calls of APPEND, COPY and MOVE, as the kernel sees them: the message and its directory are synced
 * before the client is told OK.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { processesCalled, waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';
import { TestHome } from '../support/test-home.js';

const CALLS = 'fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,writev,sendto,sendmsg';

function workerOf(roots: readonly number[]): number {
  const [worker] = processesCalled('mail worker for', roots);
  assert.ok(worker !== undefined, 'there is no mail worker');
  return worker;
}

/** Calls that were finished, in the order in which they finished. */
function finishedCalls(trace: string): string[] {
  const begun = new Map<string, string>();
  const finished: string[] = [];
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (call.endsWith('<unfinished ...>')) begun.set(thread, call);
    else if (call.startsWith('<...')) finished.push(`${begun.get(thread) ?? ''}${call}`);
    else if (call !== '') finished.push(call);
  }
  return finished;
}

test('attack 58: a message and its directory are synced before the OK', { timeout: 300_000 }, async () => {
  const home = new TestHome('durable', { maildir: 'three-messages' });
  const ours = await startOurs({ directory: home.directory('server'), users: [home.user] });
  try {
    const client = await loginClient(ours.port, 'bob', PASSWORD, false);
    await client.must('SELECT INBOX');
    const file = home.beside('trace');
    const pid = String(workerOf(ours.roots()));
    const tracer = spawn('strace', ['-f', '-y', '-s', '200', '-e', `trace=${CALLS}`, '-o', file, '-p', pid]);
    let said = '';
    tracer.stderr.on('data', (octets: Buffer) => {
      said += octets.toString();
    });
    await waitUntil('strace has attached', () => said.includes('attached'));

    await client.must('APPEND INBOX.Archive', Buffer.from('Subject: traced\r\n\r\nHello.\r\n'));
    await client.must('UID COPY 1 INBOX.Archive');
    await client.must('UID MOVE 2 INBOX.Archive');
    tracer.kill('SIGINT');
    await new Promise((resolve) => tracer.once('close', resolve));

    const calls = finishedCalls(readFileSync(file, 'utf8'));
    const answers = ['t3 OK', 't4 OK', 't5 OK'].map((answer) => calls.findIndex((call) => call.includes(answer)));
    assert.ok(!answers.includes(-1), calls.join('\n'));
    const [appended = 0, copied = 0, moved = 0] = answers;
    const archive = join(home.maildir, '.Archive');
    const between = (from: number, to: number, call: RegExp, what: string): number => {
      const at = calls.findIndex((text, index) => index > from && index < to && call.test(text));
      assert.ok(at >= 0, `${what} is missing between:\n${calls.slice(from + 1, to + 1).join('\n')}`);
      return at;
    };
    const shown = /^(rename|link)\w*\(.*\/\.Archive\/(cur|new)\//;
    const syncedDirectory = new RegExp(`^f(data)?sync\\(\\d+<${archive}/(cur|new)>`);
    const syncedFile = between(-1, appended, /^f(data)?sync\(\d+<[^>]*\/tmp\//, 'the sync of the message');
    const renamed = between(syncedFile, appended, shown, 'the rename into the folder');
    between(renamed, appended, syncedDirectory, 'the sync of the directory');
    between(between(appended, copied, shown, 'the copy'), copied, syncedDirectory, 'the sync after COPY');
    between(between(copied, moved, shown, 'the move'), moved, syncedDirectory, 'the sync after MOVE');
    client.close();
  } finally {
    await ours.stop();
    home.remove();
  }
});
