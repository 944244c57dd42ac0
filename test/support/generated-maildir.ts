/**
 * Maildirs that a test writes itself, and one IMAP client of our session in memory on them.
 */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { FactCache } from '../../imapd/cache/fact-cache.js';
import { serveSession } from '../../imapd/session/dialogue.js';
import { Session } from '../../imapd/session/session.js';
import { logTo } from '../../init/runtime/log/log.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { ImapClient } from './imap-client.js';
import { copyMaildir, scratchDirectory } from './maildir-fixture.js';
import { memoryTarget, testSettings } from './memory-target.js';
import { testStore } from './test-store.js';
import type { TargetConnection } from './transcript-target.js';

/** A message file. */
export interface WrittenMessage {
  readonly octets: Buffer | string;
  /** Letters after `:2,`. */
  readonly flagLetters?: string;
  /** Milliseconds since 1970. */
  readonly internalDate?: number;
}

/** Fills `cur` of INBOX; the UIDs will be 1, 2, 3, … in this order. Gives the paths. */
export function writeMessages(maildir: string, messages: Iterable<WrittenMessage>): string[] {
  const cur = join(maildir, 'cur');
  mkdirSync(cur, { recursive: true });
  const paths: string[] = [];
  for (const { octets, flagLetters = '', internalDate = 1_700_000_000_000 } of messages) {
    const number = String(paths.length + 1).padStart(6, '0');
    const path = join(cur, `1600${number}.M${number}.mx:2,${flagLetters}`);
    writeFileSync(path, octets);
    utimesSync(path, internalDate / 1000, internalDate / 1000);
    paths.push(path);
  }
  return paths;
}

/** What a test is given. */
export interface Place {
  readonly maildir: string;
  /** A client that is logged in. */
  readonly client: ImapClient;
  /** Another connection to the same account, octet by octet. */
  connect(): Promise<TargetConnection>;
}

/** Runs a test with an empty maildir that `prepare` may fill, and cleans up after it. */
export async function withMaildir(
  prepare: (maildir: string) => void,
  run: (place: Place) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const home = scratchDirectory('generated');
  const maildir = join(home.path, 'Maildir');
  copyMaildir('empty', maildir);
  prepare(maildir);
  const target = await memoryTarget({ maildir, settings, options: {} });
  const connections: TargetConnection[] = [];
  const connect = async (): Promise<TargetConnection> => {
    const connection = await target.connect(connections.length + 1, { loggedIn: true, plain: false });
    connections.push(connection);
    return connection;
  };
  try {
    await run({ maildir, client: new ImapClient(await connect()), connect });
  } finally {
    for (const connection of connections) connection.close();
    await target.close();
    home.remove();
  }
}

/** A session whose client does not read unless the test does: what waits is in the two streams. */
export async function withSilentClient(
  maildir: string,
  run: (client: Duplex, logged: readonly string[]) => Promise<void>,
  changes: Readonly<Record<string, string>> = {},
): Promise<void> {
  const settings = testSettings(changes);
  const warn = (): void => undefined;
  const store = testStore();
  const [client, stream] = duplexPair();
  const logged: string[] = [];
  const log = logTo((_level, line) => logged.push(line));
  const account = { address: 'bob', home: maildir, maildir, uid: 0, gid: 0, options: {} };
  const parts = { stream, unread: Buffer.alloc(0), account, remote: { ip: '::1', port: 1 }, tls: true };
  const facts = new FactCache({ fileSystem: realFileSystem, clock: realClock, warn });
  const session = new Session({ ...parts, maildir: store.open(maildir), facts, settings, log, clock: realClock });
  const serving = serveSession(session);
  await run(client, logged);
  // A pair of streams does not pass on that its other end is gone, as a socket does.
  stream.destroy();
  await serving;
  await facts.close();
  await store.close();
}
