/**
 * Ours, Debian's Dovecot, and Dovecot behind ours, each with a port for STARTTLS and one with TLS, for tests that run
 * against all of them.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type MailUser, startDovecot } from '../support/peer-servers.js';
import { freePort } from '../support/processes.js';
import { makeCertificate, startOurs } from '../support/start.js';

/** A server that is up. */
export interface TlsServer {
  readonly port: number;
  readonly tlsPort: number;
  readonly certificate: string;
  stop(): Promise<void>;
}

type Start = (directory: string, users: readonly MailUser[]) => Promise<TlsServer>;

const ours: Start = async (directory, users) => {
  const { port, tlsPort, configuration, stop } = await startOurs({ directory, users });
  return { port, tlsPort, certificate: join(configuration, 'imapd.pem'), stop };
};

const dovecot: Start = async (directory, users) => {
  const certificate = join(directory, 'imapd.pem');
  await makeCertificate(certificate);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const { stop } = await startDovecot({ directory, users, port, tls: { port: tlsPort, certificate }, compress: true });
  return { port, tlsPort, certificate, stop };
};

/** Y2: the clients' server is ours, which passes all of them on to a server that can do other things. */
const dovecotBehindOurs: Start = async (directory, users) => {
  const [before, behind] = [join(directory, 'before'), join(directory, 'behind')];
  for (const each of [before, behind]) mkdirSync(each);
  const backEnd = await dovecot(behind, users);
  const accounts = users.map((user) => ({ ...user, options: `mailhost=127.0.0.1:${backEnd.port}` }));
  const settings = { IMAP_PROXY: '1', IMAP_PROXY_FOREIGN: '1' };
  const { port, tlsPort, configuration, stop } = await startOurs({ directory: before, users: accounts, settings });
  const stopBoth = async (): Promise<void> => {
    await stop();
    await backEnd.stop();
  };
  return { port, tlsPort, certificate: join(configuration, 'imapd.pem'), stop: stopBoth };
};

/** How each is started in an empty directory. All have COMPRESS. */
export const tlsServers: Readonly<Record<string, Start>> = {
  ...{ ours, Dovecot: dovecot, 'Dovecot behind ours': dovecotBehindOurs },
};
