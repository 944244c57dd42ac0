/**
 * Group `folders`: the state of a thousand folders, as a client asks for it when it starts.
 */
import { type Bench, capabilitiesOf } from './bench.js';
import type { BenchConnection } from './connection.js';
import { folderName } from './mailbox-files.js';

const MESSAGES_EACH = 10;
const STATUS = 'STATUS (MESSAGES UNSEEN UIDNEXT)';
const LATER_SESSIONS = 4;

/** LIST with STATUS, first and in new sessions. */
export async function measureFolders(bench: Bench): Promise<void> {
  const account = bench.server.newAccount();
  const { folders } = bench.sizes;
  bench.master.fillFolders(account.home, folders, MESSAGES_EACH);
  for (let session = 0; session <= LATER_SESSIONS; session += 1) {
    const connection = await bench.server.login(account);
    const timed = await bench.timed(await asking(connection, folders));
    bench.keepTimed(session === 0 ? 'list_status_first' : 'list_status', timed);
    const told = timed.result.match(new RegExp(`^\\* STATUS [^(]*\\([^)]*MESSAGES ${MESSAGES_EACH}[ )]`, 'gm'));
    bench.expect('LIST-STATUS: folders with the right number of messages', told?.length ?? 0, folders);
    await bench.leave(connection);
  }
}

/** The quickest way that this server offers. */
async function asking(connection: BenchConnection, folders: number): Promise<() => Promise<string>> {
  const announced = await capabilitiesOf(connection);
  if (announced.includes('LIST-STATUS')) {
    return async () => (await connection.command(`LIST "" "INBOX.*" RETURN (${STATUS})`)).text();
  }
  const [, items] = STATUS.split(/ (.*)/);
  return async () => {
    await connection.command('LIST "" "INBOX.*"');
    const commands = Array.from({ length: folders }, (_, i) => [
      Buffer.from(`STATUS INBOX.${folderName(i + 1)} ${items}`),
    ]);
    return (await connection.pipeline(commands)).text();
  };
}
