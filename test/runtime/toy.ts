/**
 * Starts the toy service with a directory, ports and certificate of its own, and talks to it line by line.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { makeCertificate } from '../../init/runtime/tls/certificate.js';
import { freePort } from '../support/processes.js';

const DAY_MS = 86_400_000;

/** Makes PEM text for localhost; `organization` tells one from another. */
export function certificateFor(organization: string): string {
  const now = Date.now();
  return makeCertificate({
    names: ['localhost', '127.0.0.1'],
    organization,
    notBefore: now - DAY_MS,
    notAfter: now + DAY_MS,
  });
}

/** A running toy service. */
export class Toy {
  readonly directory = mkdtempSync(join(tmpdir(), 'toy-'));
  readonly log: string[] = [];
  ended: Promise<void> = Promise.resolve();
  port = 0;
  tlsPort = 0;
  #process: ChildProcess | undefined;
  #configuration: Record<string, unknown> = {};

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get certificate(): string {
    return join(this.directory, 'cert.pem');
  }

  /** Writes the configuration, which SIGHUP reads again. */
  configure(changes: Record<string, unknown>): void {
    this.#configuration = { ...this.#configuration, ...changes };
    writeFileSync(join(this.directory, 'toy.json'), JSON.stringify(this.#configuration));
  }

  /** Starts the service; resolves when its ports are open. `uid`: as whom, from root. */
  async start(changes: Record<string, unknown> = {}, uid?: number): Promise<void> {
    chmodSync(this.directory, 0o755);
    if (this.port === 0) [this.port, this.tlsPort] = [await freePort(), await freePort()];
    writeFileSync(this.certificate, certificateFor('first'));
    this.configure({ ...this.#defaults(), ...changes });
    if (uid !== undefined) for (const path of [this.directory, this.certificate]) chownSync(path, uid, uid);
    const program = fileURLToPath(new URL('./toy-service.js', import.meta.url));
    this.#process = spawn(process.execPath, [program, join(this.directory, 'toy.json')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const service = this.#process;
    this.ended = new Promise((resolve) => service.once('exit', () => resolve()));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log.push(...text.split('\n').filter((line) => line !== ''));
    });
    const failed = this.ended.then(() => Promise.reject(new Error(this.log.join('\n'))));
    failed.catch(() => {});
    await Promise.race([this.logged(/started:/), failed]);
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM');
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Waits for a line of the log. */
  async logged(pattern: RegExp): Promise<string> {
    return await eventually(
      () => this.log.find((line) => pattern.test(line)),
      () => `${pattern} in\n${this.log.join('\n')}`,
    );
  }

  async client(): Promise<Client> {
    return await this.clientOn(connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true }));
  }

  async tlsClient(): Promise<Client> {
    return await this.clientOn(await securely(this.tlsPort));
  }

  async clientOn(socket: Socket): Promise<Client> {
    const client = new Client(socket);
    await client.line();
    return client;
  }

  #defaults(): Record<string, unknown> {
    const state = join(this.directory, 'state');
    return {
      open: ['toy', 'toy-ssl'],
      services: {
        toy: { tls: false, addresses: [{ host: '::', port: this.port }] },
        'toy-ssl': { tls: true, addresses: [{ host: '127.0.0.1', port: this.tlsPort }] },
      },
      ...{ limits: { connections: 500, perAddress: 400 }, loginProcesses: 2, loginUser: 'nobody', loginSeconds: 30 },
      ...{ workersPerUid: 2, umask: 0o22, defaultMaildir: 'Maildir', startTls: true, stateDirectory: state },
      controlSocket: join(state, 'toy.control'),
      authdaemonDirectory: this.directory,
      tls: {
        ...{ certificateFile: this.certificate, minVersion: 'TLSv1.2', startTlsMinVersion: 'TLSv1.2' },
        ...{ maxVersion: 'TLSv1.3', serverPreference: false, alpn: ['toy'], clientCertificate: 'none' },
      },
      log: { destination: 'stderr', name: 'toy', facility: 2, fallbackFile: join(state, 'toy.log') },
      sessionSettings: { greeting: 'READY' },
    };
  }
}

/** One end of a conversation in lines. */
export class Client {
  readonly socket: Socket;
  #received = '';
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** The next line; undefined at the end. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#received.indexOf('\n');
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a line and gives the answer. */
  async ask(text: string): Promise<string | undefined> {
    this.send(`${text}\n`);
    return await this.line();
  }

  /** All lines up to the end. */
  async rest(): Promise<string[]> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const lines = this.#received.split('\n');
    this.#received = lines.pop() ?? '';
    return lines;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A TLS connection to a port of this machine, after the handshake. */
export async function securely(port: number, options: object = {}): Promise<TLSSocket> {
  const halfOpen = { rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connectTls({ port, host: '127.0.0.1', ...halfOpen, ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', () => resolve());
    socket.once('error', reject);
  });
  return socket;
}

/** Waits until `look` finds something. */
export async function eventually<Found>(
  look: () => Found | undefined,
  missing: () => string,
  ms = 30_000,
): Promise<Found> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, `waited in vain for ${missing()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs `use` with a service of its own. */
export async function withToy(
  use: (toy: Toy) => Promise<void>,
  changes: Record<string, unknown> = {},
  uid?: number,
): Promise<void> {
  const toy = new Toy();
  try {
    await toy.start(changes, uid);
    await use(toy);
  } finally {
    await toy.stop();
  }
}
