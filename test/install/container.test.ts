/**
 * The container of init/container/Dockerfile without a container engine: what it installs, its start command and its
 * health check, as a user that nobody knows, without capabilities, in a root that cannot be written to.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { buildRoot, checkoutRoot, searchPath } from '../support/paths.js';
import { type Finished, mustRun, processTree, run, waitUntil } from '../support/processes.js';

const UID = 12_345;
const START_SECONDS = 60;
/** Each session is told BYE, which takes ten seconds at most. */
const STOP_SECONDS = 20;

const dockerfile = readFileSync(join(checkoutRoot, 'init', 'container', 'Dockerfile'), 'utf8');

/** The words of the only line of the Dockerfile that begins so. */
function wordsOf(pattern: RegExp): string[] {
  const found = pattern.exec(dockerfile)?.[1];
  assert.ok(found !== undefined, `the Dockerfile has no ${pattern.source}`);
  return found.startsWith('[') ? (JSON.parse(found) as string[]) : found.split(' ');
}

const startCommand = wordsOf(/^CMD (\[.*\])$/m);
const healthCheck = wordsOf(/^HEALTHCHECK .* CMD (\[.*\])$/m);
const environment = wordsOf(/^ENV (.*)$/m);
const installOptions = wordsOf(/^RUN npm run install-system -- (.*)$/m);

let scratch: Scratch;

before(async () => {
  scratch = scratchDirectory('container');
  const image = join(scratch.path, 'image');
  const options = installOptions.map((word) => (word === '/installation' ? image : word));
  await mustRun(['/bin/sh', join(checkoutRoot, 'test', 'support', 'clean-root.sh'), 'make'], {
    environment: { ...process.env, PATH: searchPath } as Record<string, string>,
    seconds: 300,
  });
  // The base of the image has Node; the clean root has not.
  const installer = join(buildRoot, 'init', 'install', 'install-system.js');
  await mustRun([process.execPath, installer, ...options, '--bundle-node']);
  await mustRun(['rm', '-rf', join(image, 'etc'), join(image, 'run'), join(image, 'var')]);
  for (const place of wordsOf(/^RUN mkdir -p (.*)$/m)) mkdirSync(join(image, place), { recursive: true });
});

after(() => scratch.remove());

interface Container {
  readonly child: ChildProcess;
  /** Process 1 as seen from outside. */
  readonly first: number;
  log(): string;
  /** As `docker exec` does it. */
  exec(command: readonly string[], input?: string): Promise<Finished>;
  must(command: readonly string[], input?: string): Promise<string>;
}

async function startContainer(): Promise<Container> {
  const script = join(checkoutRoot, 'test', 'support', 'container.sh');
  const variables = ['/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...environment];
  const child = spawn('/bin/sh', [script, scratch.path, String(UID), ...variables, ...startCommand], {
    env: { PATH: searchPath },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (octets: Buffer) => (log += octets.toString()));
  const first = (): number | undefined => processTree([child.pid ?? 0]).find(isFirstOfNamespace);
  await waitUntil('process 1 is there', () => first() !== undefined || child.exitCode !== null);
  const inside = first() ?? 0;
  const identity = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--no-new-privs'];
  const enter = ['nsenter', '-t', String(inside), '-m', '-u', '-i', '-n', '-p', '-r', '-w', '--', ...identity];
  const exec = async (command: readonly string[], input = ''): Promise<Finished> =>
    run([...enter, ...variables, ...command], { input });
  const must = async (command: readonly string[], input = ''): Promise<string> => {
    const { exitCode, stdout, stderr } = await exec(command, input);
    assert.equal(exitCode, 0, `${command.join(' ')}:\n${stdout}${stderr}\n${log}`);
    return stdout;
  };
  const container = { child, first: inside, log: () => log, exec, must };
  const isOver = async () => child.exitCode !== null || (await exec(healthCheck)).exitCode === 0;
  await waitUntil('the container is healthy', isOver, START_SECONDS).catch((error: unknown) => {
    killAll(inside);
    throw new Error(log, { cause: error });
  });
  assert.equal(child.exitCode, null, log);
  return container;
}

/** Its last number is the one that it has in its own namespace. */
function isFirstOfNamespace(pid: number): boolean {
  return /\t1$/.test(statusOf(pid, 'NSpid'));
}

function hasEnded({ child }: { readonly child: ChildProcess }): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The kernel ends all other processes of a namespace with the first. */
function killAll(first: number): void {
  if (first > 0) process.kill(first, 'SIGKILL');
}

/** As `docker stop` does it. */
async function stop({ child, first, log }: Container): Promise<void> {
  process.kill(first, 'SIGTERM');
  await waitUntil('the container has ended', () => hasEnded({ child }), STOP_SECONDS).catch((error: unknown) => {
    killAll(first);
    throw new Error(log(), { cause: error });
  });
}

/** Values of a line of /proc/PID/status. */
function statusOf(pid: number, name: string): string {
  const path = `/proc/${pid}/status`;
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
}

const perl = `
  my ($port, @lines) = @ARGV;
  my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 20) or die "port $port: $@\\n";
  print scalar <$socket>;
  for (@lines) { print $socket "$_\\r\\n"; while (my $line = <$socket>) { print $line; last if $line =~ /^(a |[+]|-)/; } }`;

test('a container serves mail as any user, without rights, from a root that cannot be written to', async () => {
  const container = await startContainer();
  try {
    const { must, exec, first, log } = container;
    const pids = processTree([first]);
    assert.ok(pids.length >= 5, 'three daemons and their processes');
    for (const pid of pids) {
      assert.equal(statusOf(pid, 'Uid'), `${UID}\t${UID}\t${UID}\t${UID}`);
      assert.equal(Number(statusOf(pid, 'CapBnd')), 0);
      assert.equal(statusOf(pid, 'NoNewPrivs'), '1');
    }
    for (const place of ['/', '/usr/lib/angarium', '/etc', '/var', '/run', '/dev']) {
      assert.notEqual((await exec(['touch', `${place}/x`])).exitCode, 0, `${place} can be written to`);
    }

    const hash = (await must(['userdbpw', '-md5'], 'secret\n')).trim();
    await must(['userdb', 'bob', 'set', `uid=${UID}`, `gid=${UID}`, 'home=/srv/mail/bob', `systempw=${hash}`]);
    await must(['makeuserdb']);
    await must(['mkdir', '/srv/mail/bob']);
    await must(['maildirmake', '/srv/mail/bob/Maildir']);
    await must(['deliverquota', '/srv/mail/bob/Maildir'], 'Subject: one\n\nHello\n');
    const connect = ['perl', '-MIO::Socket::INET', '-e', perl];
    assert.match(await must([...connect, '1143', 'a LOGIN bob secret', 'a SELECT INBOX']), /^\* 1 EXISTS\r$/m);
    assert.match(await must([...connect, '1110', 'USER bob', 'PASS secret', 'STAT']), /^\+OK 1 \d+\r$/m);
    await must([...healthCheck, '-u', 'bob'], 'secret\n');
    await must([...healthCheck, '--tls', '--port', '1993']);
    assert.match(log(), /^.*LOGIN, user=bob, ip=.*protocol=IMAP/m);
    assert.match(log(), /^.*LOGIN, user=bob, ip=\[[0-9a-f.:]+\], port=\[\d+\]$/m);

    // Whose parent is gone, is the child of process 1.
    await must(['sh', '-c', 'sleep 0.1 & sleep 0.1 & true']);
    const zombies = () => processTree([first]).filter((pid) => /^Z/.test(statusOf(pid, 'State')));
    await waitUntil('nothing dead is left', () => zombies().length === 0);
  } finally {
    await stop(container);
  }
  const { exitCode, signalCode } = container.child;
  assert.deepEqual({ exitCode, signalCode }, { exitCode: 0, signalCode: null }, container.log());
});

test('when one of its servers dies, the container ends, and says so', async () => {
  const container = await startContainer();
  const { child, first, log } = container;
  const isSupervisor = (pid: number) => /bin\/imapd/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  const supervisor = processTree([first])
    .filter((pid) => isSupervisor(pid))
    .at(-1);
  assert.ok(supervisor !== undefined);

  process.kill(supervisor, 'SIGKILL');

  const isOver = () => hasEnded({ child });
  await waitUntil('the container has ended', isOver, STOP_SECONDS).finally(() => isOver() || killAll(first));
  assert.equal(child.exitCode, 137, log());
  assert.match(log(), /start: imapd ended with 137/);
});
