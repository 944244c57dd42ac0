/**
 * A TLS server in this process, made of settings as an administrator writes them, and `openssl s_client` in front of it.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { Settings } from '../../../init/runtime/settings/settings-file.js';
import { readTlsFiles } from '../../../init/runtime/tls/tls-files.js';
import { TlsContexts, type TlsSettings } from '../../../init/runtime/tls/tls-helpers.js';
import { readTlsSettings } from '../../../init/runtime/tls/tls-settings.js';
import { mustRun, run } from '../../support/processes.js';

/** Certificates of a test, made by openssl in a directory of their own. */
export class Certificates {
  readonly directory = mkdtempSync(join(tmpdir(), 'certificates-'));

  at(name: string): string {
    return join(this.directory, name);
  }

  /** A certificate that signs itself: NAME.pem and NAME.key. */
  async selfSigned(name: string, more: readonly string[] = [], kind: 'ec' | 'rsa' = 'ec'): Promise<void> {
    const files = ['-keyout', this.at(`${name}.key`), '-out', this.at(`${name}.pem`)];
    const subject = ['-subj', `/O=${name}/CN=localhost`];
    await this.openssl('req', '-x509', ...NEW_KEY[kind], '-nodes', '-days', '30', ...subject, ...files, ...more);
  }

  /** A certificate that `by` signs. */
  async signed(name: string, by: string, days = 30): Promise<void> {
    const request = ['-keyout', this.at(`${name}.key`), '-out', this.at(`${name}.csr`)];
    await this.openssl('req', ...NEW_KEY.ec, '-nodes', '-subj', `/O=${name}/CN=localhost`, ...request);
    const authority = ['-CA', this.at(`${by}.pem`), '-CAkey', this.at(`${by}.key`), '-CAcreateserial'];
    const files = ['-in', this.at(`${name}.csr`), '-out', this.at(`${name}.pem`)];
    await this.openssl('x509', '-req', ...files, ...authority, '-days', String(days));
  }

  openssl(...words: readonly string[]): Promise<string> {
    return mustRun(['openssl', ...words], { directory: this.directory });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const NEW_KEY = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
} as const;

/** What the lines of imapd-ssl mean. @throws {Error} when something is wrong with them. */
export function settingsOf(text: string): { settings: TlsSettings; warnings: readonly string[] } {
  const file = new Settings('imapd-ssl');
  file.addText('imapd-ssl', text);
  const settings = readTlsSettings(file, '/etc/courier/imapd.pem', 'imap');
  if (file.problems.length > 0) throw new Error(file.problems.map(({ what }) => what).join('\n'));
  return { settings, warnings: file.warnings.map(({ what }) => what) };
}

export interface TlsServer {
  readonly port: number;
  /** What openssl s_client says of a connection; empty when it is refused. */
  client(...words: readonly string[]): Promise<string>;
  /** The versions of TLS that it speaks. */
  versions(): Promise<string[]>;
  /** The suites that it accepts under a version, found by taking away the one that it chose until it chooses none. */
  suites(version: 'tls1' | 'tls1_2'): Promise<string[]>;
}

/** Who reads it has been let in: a refusal may come after what the client takes for the end of the handshake. */
const GREETING = '* OK welcome\r\n';

const VERSIONS = { tls1: 'TLSv1', tls1_1: 'TLSv1.1', tls1_2: 'TLSv1.2', tls1_3: 'TLSv1.3' } as const;

/** Runs `use` with a server of these settings. */
export async function withTlsServer(text: string, use: (server: TlsServer) => Promise<void>): Promise<void> {
  const { settings } = settingsOf(text);
  const { material } = readTlsFiles(settings, Date.now());
  const contexts = new TlsContexts({ ...material, ticketKeys: [randomBytes(48)] });
  const open = new Set<TLSSocket>();
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    contexts.secure(socket, socket.localAddress ?? '', false).then(
      (secured) => {
        open.add(secured);
        secured.on('error', () => undefined);
        secured.end(GREETING);
        secured.resume();
      },
      () => socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', () => resolve()));
  const { port } = listener.address() as AddressInfo;
  try {
    await use(new OpensslClient(port));
  } finally {
    for (const socket of open) socket.destroy();
    listener.close();
  }
}

class OpensslClient implements TlsServer {
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async client(...words: readonly string[]): Promise<string> {
    const command = ['openssl', 's_client', '-connect', `127.0.0.1:${this.port}`, '-ign_eof', ...words];
    const { stdout } = await run(command, { seconds: 20 });
    return stdout.includes(GREETING) ? stdout : '';
  }

  async versions(): Promise<string[]> {
    const found: string[] = [];
    for (const [word, version] of Object.entries(VERSIONS)) {
      if ((await this.client(`-${word}`, '-cipher', 'ALL:@SECLEVEL=0')) !== '') found.push(version);
    }
    return found;
  }

  async suites(version: 'tls1' | 'tls1_2'): Promise<string[]> {
    const found: string[] = [];
    for (;;) {
      const others = found.map((suite) => `:!${suite}`).join('');
      const said = await this.client(`-${version}`, '-cipher', `ALL:COMPLEMENTOFALL${others}:@SECLEVEL=0`);
      const [, suite] = /^New, \S+, Cipher is (\S+)$/m.exec(said) ?? [];
      if (suite === undefined) return found;
      found.push(suite);
    }
  }
}
