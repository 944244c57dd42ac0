/**
 * Our POP3 session as a target of transcripts: no process, no port, one end of a pair of streams.
 *
 * All connections of a transcript are sessions of one mail worker. There is one user, `bob`.
 */
import { dirname, join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { type Log, logTo } from '../../init/runtime/log/log.js';
import { describeProblem, Settings } from '../../init/runtime/settings/settings-file.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { SessionAccount, WorkerSession } from '../../init/runtime/worker/mail-worker.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { LoginSession, serveBeforeLogin } from '../../pop3d/before-login/login-session.js';
import { Pop3Server } from '../../pop3d/mail-server.js';
import type { SessionSettings } from '../../pop3d/settings/session-settings.js';
import { readSessionSettings } from '../../pop3d/settings/settings-reader.js';
import { MEMORY_LOCAL, MemoryLoginClient } from './memory-login.js';
import { checkoutRoot } from './paths.js';
import { PASSWORD } from './peer-servers.js';
import { testStore } from './test-store.js';
import { type ConnectOptions, Inbox, type MakeTarget, type TargetConnection } from './transcript-target.js';

/** Settings of a POP3 session in tests: those of etc/ unless the test changes them. */
export function pop3TestSettings(changes: Readonly<Record<string, string>> = {}): SessionSettings {
  const settings = new Settings('etc/pop3d');
  for (const name of ['pop3d-ssl', 'pop3d']) settings.readFile(join(checkoutRoot, 'etc', name), false);
  const lines = Object.entries(changes).map(([name, value]) => `${name}="${value}"\n`);
  settings.addText('the transcript', lines.join(''));
  const read = readSessionSettings(settings, new Settings('etc/authdaemonrc'));
  if (settings.problems.length > 0) throw new Error(settings.problems.map(describeProblem).join('\n'));
  return { ...read, sanityCheck: false, loginDelaySeconds: 0 };
}

/** Sessions of `bob` in this process. Every bug makes the transcript fail. */
export const pop3MemoryTarget: MakeTarget = async (needs) => {
  const settings = pop3TestSettings(needs.settings);
  const troubles: string[] = [];
  const log = logTo((level, line) => {
    if (level === 'error' && !line.includes('LOGIN REFUSED')) troubles.push(line);
  });
  const store = testStore({ useLocks: true });
  const runLoginExec = async (): Promise<void> => undefined;
  const server = new Pop3Server({ store, fileSystem: realFileSystem, settings, clock: realClock, runLoginExec });
  const account = {
    ...{ address: 'bob', home: dirname(needs.maildir), maildir: needs.maildir, options: needs.options },
    ...{ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  };
  const running: Promise<void>[] = [];
  return {
    name: 'our session in memory',
    async connect(connection, options): Promise<TargetConnection> {
      const [client, stream] = duplexPair();
      const remote = { ip: '127.0.0.1', port: 40_000 + connection };
      running.push(served({ server, settings, log, account, remote, stream }, options));
      const inbox = new Inbox();
      client.on('data', (octets: Buffer) => inbox.push(octets));
      client.once('end', () => inbox.end());
      client.once('close', () => inbox.end());
      client.on('error', (error) => inbox.end(error));
      if (options.loggedIn) await readWelcome(inbox);
      return {
        send: (octets) => void client.write(octets),
        receive: () => inbox.receive(),
        startTls: () => Promise.resolve(),
        close: () => void client.end(),
      };
    },
    async close() {
      await Promise.all(running);
      await store.close();
      if (troubles.length > 0) throw new Error(`in the log:\n${troubles.join('\n')}`);
    },
  };
};

interface Arrival {
  readonly server: Pop3Server;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly account: SessionAccount;
  readonly remote: WorkerSession['remote'];
  readonly stream: Duplex;
}

/** What login process and mail worker do, one after the other. */
async function served(arrival: Arrival, { loggedIn, plain }: ConnectOptions): Promise<void> {
  const { server, settings, ...rest } = arrival;
  const arrived = { ...rest, local: MEMORY_LOCAL, tls: !plain, unread: Buffer.alloc(0), tag: 'ASCII' };
  if (loggedIn) return server.serve(arrived);
  let session: Promise<void> | undefined;
  const client: MemoryLoginClient = new MemoryLoginClient({
    ...arrived,
    acceptedAt: realClock.now(),
    passwords: new Map([['bob', PASSWORD]]),
    handOver: ({ tag }, unread) => {
      session = server.serve({ ...arrived, tls: client.tls, tag, unread });
    },
  });
  await serveBeforeLogin(new LoginSession(client, settings, realClock));
  await session;
  arrival.stream.end();
}

async function readWelcome(inbox: Inbox): Promise<void> {
  let said = '';
  while (!said.endsWith('\r\n')) {
    const octets = await inbox.receive();
    if (octets === undefined) break;
    said += octets.toString();
  }
  if (said !== '+OK logged in.\r\n') throw new Error(`POP3 login: ${said}`);
}
