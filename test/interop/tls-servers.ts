/** Ours and Debian's Dovecot, each with a port for STARTTLS and one with TLS, for tests that run against both. */
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

/** How each is started in an empty directory. Both have COMPRESS. */
export const tlsServers: Readonly<Record<string, Start>> = { ours, Dovecot: dovecot };
