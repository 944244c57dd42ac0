/**
 * Debian's couriertls behind couriertcpd: the TLS of Courier without a mail protocol, for comparisons.
 */
import { spawn } from 'node:child_process';
import { findProgram, freePort, waitForPort } from './processes.js';

/** Runs `use` with a port where couriertls makes the handshake with these settings, and says hello. */
export async function withCouriertls<Result>(
  settings: Readonly<Record<string, string>>,
  use: (port: number) => Promise<Result>,
): Promise<Result> {
  const port = await freePort();
  const [tcpd, tls] = [findProgram('/usr/sbin/couriertcpd'), findProgram('/usr/bin/couriertls')];
  const words = ['-address=127.0.0.1', '-maxperip=100', String(port), tls, '-server', '-tcpd', '/bin/echo', 'hello'];
  const env = { TLS_VERIFYPEER: 'NONE', TLS_TRUSTCERTS: '/etc/ssl/certs', ...settings, PATH: '/usr/bin:/bin' };
  const courier = spawn(tcpd, words, { env, stdio: 'ignore' });
  const gone = new Promise((resolve) => courier.once('close', resolve));
  try {
    await waitForPort(port);
    return await use(port);
  } finally {
    courier.kill('SIGTERM');
    await gone;
  }
}
