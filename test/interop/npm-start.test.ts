/**
 * Somebody clones the repository and types `npm start`: mail can be read, and is still there after a second start.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { freePortBase, mustRun, processTree, waitUntil } from '../support/processes.js';
import { isAlive } from '../support/start.js';

/** Packages come over the network, and the compiler runs. */
const READY_SECONDS = 240;

/** A registry may be behind a certificate that only npm needs to know. */
const CA_CERTIFICATES = process.env['ANGARIUM_TEST_CA_CERTS'] ?? process.env['NODE_EXTRA_CA_CERTS'] ?? '';

interface Started {
  readonly child: ChildProcess;
  said(): string;
}

/** `npm start` in a process group of its own, as a terminal would. */
function npmStart(clone: string, home: string, portBase: number, registry: string): Started {
  const ids = process.getuid?.() === 0 ? mailIds() : {};
  const child = spawn('npm', ['start'], {
    cwd: clone,
    env: {
      PATH: `${join(process.execPath, '..')}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      ANGARIUM_PORT_BASE: String(portBase),
      npm_config_registry: registry,
      npm_config_prefer_offline: 'true',
      ...(CA_CERTIFICATES === '' ? {} : { NODE_EXTRA_CA_CERTS: CA_CERTIFICATES }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...ids,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (octets: Buffer) => (said += octets.toString()));
  return { child, said: () => said };
}

async function untilReady({ child, said }: Started): Promise<void> {
  const over = (): boolean => /^Ready\.$/m.test(said()) || child.exitCode !== null;
  await waitUntil('npm start says Ready.', over, READY_SECONDS).catch((error: unknown) => {
    throw new Error(said(), { cause: error });
  });
  assert.match(said(), /^Ready\.$/m);
}

/** Ctrl-C: everything in the foreground gets SIGINT, and nothing may be left. */
async function interrupt({ child, said }: Started): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const family = processTree([child.pid]);
  process.kill(-child.pid, 'SIGINT');
  await waitUntil('nothing is left after Ctrl-C', () => !family.some(isAlive), 60).catch((error: unknown) => {
    for (const pid of family.filter(isAlive)) process.kill(pid, 'SIGKILL');
    throw new Error(said(), { cause: error });
  });
}

test('npm start in a fresh clone serves mail, and keeps it', { timeout: 1_000_000 }, async () => {
  const scratch = scratchDirectory('clone');
  const clone = join(scratch.path, 'clone');
  const home = join(scratch.path, 'home');
  mkdirSync(home);
  await mustRun(['git', 'clone', '--quiet', '--no-hardlinks', checkoutRoot, clone]);
  giveToMailUser(scratch.path);
  const registry = (await mustRun(['npm', 'config', 'get', 'registry'], { environment: npmEnvironment() })).trim();
  const portBase = await freePortBase([110, 143, 993, 995]);
  try {
    const first = npmStart(clone, home, portBase, registry);
    try {
      await untilReady(first);
      const client = await loginClient(portBase + 143, 'demo', 'demo', false);
      const { untagged } = await client.must('SELECT INBOX');
      assert.match(untagged.join('\n'), /^\* [1-9]\d* EXISTS$/m);
      const { untagged: bodies } = await client.must('FETCH 1 (ENVELOPE BODY[])');
      assert.match(bodies.join('\n'), /Subject: /);
      await client.must('APPEND INBOX', Buffer.from('Subject: kept\r\n\r\nHello.\r\n'));
      await client.must('LOGOUT');
      const mail = ['curl', '--silent', '--user', 'demo:demo', `pop3://127.0.0.1:${portBase + 110}/1`];
      assert.match(await mustRun(mail), /^Subject: /m);
    } finally {
      await interrupt(first);
    }

    const second = npmStart(clone, home, portBase, registry);
    try {
      await untilReady(second);
      const client = await loginClient(portBase + 993, 'demo', 'demo', true);
      await client.must('SELECT INBOX');
      assert.match((await client.must('SEARCH SUBJECT kept')).untagged.join(), /\* SEARCH \d+/);
      await client.must('LOGOUT');
    } finally {
      await interrupt(second);
    }
  } finally {
    scratch.remove();
  }
});

/** npm as the one who runs the tests has set it up. */
function npmEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };
}
