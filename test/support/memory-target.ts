/**
 * Our mail session as a target of transcripts: no process, no port, one end of a pair of streams.
 *
 * All connections of a transcript are sessions of one store, as in one mail worker. Those that begin before login have
 * one user, `bob`.
 */
import { dirname, join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { LoginSession, serveBeforeLogin } from '../../imapd/before-login/login-session.js';
import { FactCache } from '../../imapd/cache/fact-cache.js';
import { ImapServer } from '../../imapd/mail-server.js';
import { mailStore } from '../../imapd/mail-store.js';
import { serveSession } from '../../imapd/session/dialogue.js';
import { Session } from '../../imapd/session/session.js';
import type { SessionSettings } from '../../imapd/settings/session-settings.js';
import { readSessionSettings } from '../../imapd/settings/session-settings-reader.js';
import { Sharing } from '../../imapd/sharing/sharing.js';
import { serveSmap } from '../../imapd/smap/dialogue.js';
import { logTo } from '../../init/runtime/log/log.js';
import type { RefusedLogin } from '../../init/runtime/login/before-login.js';
import { ProxyRoutes } from '../../init/runtime/proxy/proxy-route.js';
import { readProxySettings } from '../../init/runtime/proxy/proxy-settings.js';
import { describeProblem, Settings } from '../../init/runtime/settings/settings-file.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { SessionAccount, WorkerSession } from '../../init/runtime/worker/mail-worker.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { MEMORY_LOCAL, MemoryLoginClient } from './memory-login.js';
import { checkoutRoot } from './paths.js';
import { PASSWORD } from './peer-servers.js';
import type { ConnectOptions, MakeTarget, TargetConnection, TargetNeeds } from './transcript-target.js';
import { Inbox, userOf, writeSharedIndex } from './transcript-target.js';

/** Settings of a session in tests: those of etc/ unless the transcript changes them. */
export function testSettings(changes: Readonly<Record<string, string>> = {}): SessionSettings {
  const settings = changedSettings(changes);
  const read = readSessionSettings(settings, new Settings('etc/authdaemonrc'));
  if (settings.problems.length > 0) throw new Error(settings.problems.map(describeProblem).join('\n'));
  return { ...read, sanityCheck: false, loginDelaySeconds: 0 };
}

function changedSettings(changes: Readonly<Record<string, string>>): Settings {
  const settings = new Settings('etc/imapd');
  for (const name of ['imapd-ssl', 'imapd']) settings.readFile(join(checkoutRoot, 'etc', name), false);
  const lines = Object.entries(changes).map(([name, value]) => `${name}="${value}"\n`);
  settings.addText('the transcript', lines.join(''));
  return settings;
}

/** Sessions of `bob` in this process. What the mail store warns of, and every bug, makes the transcript fail. */
export const memoryTarget: MakeTarget = async (needs) => {
  const sharedIndexFile = join(dirname(needs.maildir), 'shared-index');
  writeSharedIndex(sharedIndexFile, needs);
  const settings = testSettings({ IMAP_SHAREDINDEXFILE: sharedIndexFile, ...needs.settings });
  const troubles: string[] = [];
  const log = logTo((level, line) => {
    if (level === 'error') troubles.push(line);
  });
  const store = mailStore(settings, realClock, () => undefined);
  const facts = new FactCache({
    fileSystem: realFileSystem,
    clock: realClock,
    warn: (text) => void troubles.push(text),
  });
  const runLoginExec = async (): Promise<void> => undefined;
  const server = new ImapServer({ store, facts, fileSystem: realFileSystem, settings, clock: realClock, runLoginExec });
  const sharing = new Sharing(store, realFileSystem);
  const running: Promise<void>[] = [];
  const serve = (connection: number, stream: Duplex, { loggedIn, plain, smap }: ConnectOptions): Promise<void> => {
    const account = accountOf(needs, connection);
    const remote = { ip: '127.0.0.1', port: 40_000 + connection };
    const arrival = { stream, account, remote, tls: !plain, log };
    const refusal = refusalOf(needs, arrival);
    if (!loggedIn) return serveFromGreeting({ ...arrival, server, settings, refusal });
    const maildir = store.open(account.maildir);
    const parts = { stream, unread: Buffer.alloc(0), account, remote, maildir, facts, settings, log, clock: realClock };
    let returned: Buffer | undefined;
    const giveBack = (unread: Buffer) => {
      returned = unread;
    };
    const session = new Session({ ...parts, tls: true, sharing, giveBack });
    if (smap) return serveSmap(session);
    return serveSession(session).then(async () => {
      if (returned !== undefined) await serveFromGreeting({ ...arrival, server, settings, refusal, returned });
    });
  };

  return {
    name: 'our session in memory',
    connect(connection, options): Promise<TargetConnection> {
      const [client, stream] = duplexPair();
      running.push(serve(connection, stream, options));
      const inbox = new Inbox();
      client.on('data', (octets: Buffer) => inbox.push(octets));
      client.once('end', () => inbox.end());
      client.once('close', () => inbox.end());
      client.on('error', (error) => inbox.end(error));
      return Promise.resolve({
        send: (octets) => void client.write(octets),
        receive: () => inbox.receive(),
        startTls: () => Promise.resolve(),
        close: () => void client.end(),
      });
    },
    async close() {
      await Promise.all(running);
      await facts.close();
      await store.close();
      if (troubles.length > 0) throw new Error(`in the log:\n${troubles.join('\n')}`);
    },
  };
};

interface Arrival extends Pick<WorkerSession, 'stream' | 'account' | 'remote' | 'tls' | 'log'> {
  readonly server: ImapServer;
  readonly settings: SessionSettings;
  readonly refusal: RefusedLogin | undefined;
  /** See MemoryLoginParts. */
  readonly returned?: Buffer;
}

/** What the supervisor says to a login for which it needs no mail worker. */
function refusalOf({ settings }: TargetNeeds, { account, tls, log }: Omit<Arrival, 'server' | 'settings' | 'refusal'>) {
  const routes = new ProxyRoutes(readProxySettings(changedSettings(settings), 'IMAP'), log);
  const outcome = routes.routeOf({ kind: 'account', account }, { tls, authType: 'login' });
  return outcome?.kind === 'refused' ? outcome : undefined;
}

/** What login process and mail worker do, one after the other, for as often as the client logs in. */
async function serveFromGreeting({ server, settings, ...arrival }: Arrival): Promise<void> {
  const { stream } = arrival;
  let session: Promise<void> | undefined;
  let returned: Buffer | undefined;
  const giveBack = (unread: Buffer) => {
    returned = unread;
  };
  const client: MemoryLoginClient = new MemoryLoginClient({
    ...arrival,
    acceptedAt: realClock.now(),
    passwords: new Map([['bob', PASSWORD]]),
    handOver: ({ tag }, unread) => {
      session = server.serve({ ...arrival, local: MEMORY_LOCAL, tls: client.tls, tag, unread, giveBack });
    },
  });
  await serveBeforeLogin(new LoginSession(client, settings, realClock));
  await session;
  if (returned === undefined) stream.end();
  else await serveFromGreeting({ ...arrival, server, settings, tls: client.tls, returned });
}

function accountOf(needs: TargetNeeds, connection: number): SessionAccount {
  const { name, maildir } = userOf(needs, connection);
  const options = name === 'bob' ? needs.options : {};
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  return { address: name, home: maildir.replace(/\/Maildir$/, ''), maildir, uid, gid, options };
}
