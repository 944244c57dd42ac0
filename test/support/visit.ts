/** One client's visit to a server that is there for it alone. */
import { ImapClient } from './imap-client.js';
import type { MakeTarget } from './transcript-target.js';

/** Opens the maildir with a server, lets `work` use it, and closes it. */
export async function withServer<T>(
  make: MakeTarget,
  maildir: string,
  work: (client: ImapClient) => Promise<T>,
): Promise<T> {
  const target = await make({ maildir, settings: {}, options: {} });
  try {
    const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
    const result = await work(client);
    await client.send('LOGOUT');
    client.close();
    return result;
  } finally {
    await target.close();
  }
}
