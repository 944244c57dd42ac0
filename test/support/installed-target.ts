/**
 * Our installed programs as a target of transcripts, over TLS; `Connection: plain` begins without.
 *
 * Starting a server costs a second, so one is kept for each set of changed settings; every transcript has a user of its
 * own, whom the transcript knows as `bob`.
 */
import { dirname, join } from 'node:path';
import { ImapClient, openConnection } from './imap-client.js';
import { type Scratch, scratchDirectory } from './maildir-fixture.js';
import { PASSWORD } from './peer-servers.js';
import { giveToMailUser } from './peer-targets.js';
import { type OurServers, type OurUser, startOurs, writeAccounts } from './start.js';
import {
  type MakeTarget,
  type TargetConnection,
  type TargetNeeds,
  userOf,
  writeSharedIndex,
} from './transcript-target.js';

interface Installed {
  readonly servers: OurServers;
  readonly scratch: Scratch;
}

/** The servers of one test file. `close` when its tests are over. */
export class InstalledPrograms {
  readonly #protocol: 'imap' | 'pop3';
  readonly #installed = new Map<string, Promise<Installed>>();

  constructor(protocol: 'imap' | 'pop3' = 'imap') {
    this.#protocol = protocol;
  }

  /** For `transcriptTests`. */
  readonly target: MakeTarget = async (needs) => {
    const { servers, scratch } = await this.#serversFor(needs.settings);
    writeSharedIndex(sharedIndexIn(scratch), needs);
    const home = dirname(needs.maildir);
    giveToMailUser(home);
    const options = Object.entries(needs.options).map(([name, value]) => `${name}=${value}`);
    const bob: OurUser = { name: 'bob', home, ...(options.length > 0 ? { options: options.join() } : {}) };
    const others = Object.entries(needs.accounts ?? {}).map(([name, maildir]) => ({ name, home: dirname(maildir) }));
    await writeAccounts(servers.configuration, [bob, ...others]);
    return {
      name: 'our installed programs over TLS',
      async connect(number, { loggedIn, plain, smap }): Promise<TargetConnection> {
        const ports = servers.pop3 ?? servers;
        const connection = await openConnection(plain ? ports.port : ports.tlsPort, !plain);
        if (!loggedIn) return connection;
        const { name } = userOf(needs, number);
        if (servers.pop3 !== undefined) return logInWithPop3(connection, name);
        const client = new ImapClient(connection);
        await client.response();
        if (smap) {
          await logInWithSmap(connection, name);
          return connection;
        }
        await client.must(`LOGIN ${name} ${PASSWORD}`);
        return connection;
      },
      close: () => Promise.resolve(),
    };
  };

  async close(): Promise<void> {
    for (const installed of this.#installed.values()) {
      const { servers, scratch } = await installed;
      await servers.stop();
      scratch.remove();
    }
  }

  #serversFor(settings: TargetNeeds['settings']): Promise<Installed> {
    const key = JSON.stringify(settings);
    const known = this.#installed.get(key);
    if (known !== undefined) return known;
    const starting = startWith(settings, this.#protocol);
    this.#installed.set(key, starting);
    return starting;
  }
}

/** Reads the answer away, as of a login of IMAP. */
async function logInWithSmap(connection: TargetConnection, name: string): Promise<void> {
  connection.send(Buffer.from(`\\SMAP1 LOGIN ${name} ${PASSWORD}\n`));
  let answer = '';
  while (!answer.endsWith('\n')) {
    const octets = await connection.receive();
    if (octets === undefined) break;
    answer += octets.toString();
  }
  if (answer !== '+OK SMAP1 LOGIN Ok.\n') throw new Error(`SMAP login: ${answer}`);
}

/** Reads the answers away, the last of which a mail worker gives. */
async function logInWithPop3(connection: TargetConnection, name: string): Promise<TargetConnection> {
  connection.send(Buffer.from(`USER ${name}\r\nPASS ${PASSWORD}\r\n`));
  let said = '';
  while (said.split('\r\n').length < 4) {
    const octets = await connection.receive();
    if (octets === undefined) break;
    said += octets.toString();
  }
  if (!said.endsWith('+OK logged in.\r\n')) throw new Error(`POP3 login: ${said}`);
  return connection;
}

async function startWith(settings: TargetNeeds['settings'], protocol: 'imap' | 'pop3'): Promise<Installed> {
  const scratch = scratchDirectory('installed');
  const places = { IMAP_SHAREDINDEXFILE: sharedIndexIn(scratch) };
  const changed = protocol === 'imap' ? { settings: { ...places, ...settings } } : { settings: places, pop3: settings };
  const servers = await startOurs({ directory: scratch.path, users: [], ...changed });
  return { servers, scratch };
}

function sharedIndexIn({ path }: Scratch): string {
  return join(path, 'shared-index');
}
