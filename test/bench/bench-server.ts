/**
 * A server that is measured: ours, Debian's Courier or Debian's Dovecot, its accounts, and what its processes use.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { type MailUser, PASSWORD, type PeerServer, startCourier, startDovecot } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, memoryKib, mustRun, processTree, waitForPort } from '../support/processes.js';
import { makeCertificate, startOurs } from '../support/start.js';
import { BenchConnection, type ServerAddress } from './connection.js';

/** Accounts of each server: more than the largest measurement has sessions. */
const ACCOUNTS = 2000;
/** Far above what is opened, so that no limit is measured. */
const MAX_CONNECTIONS = '20000';
/** Of a clock tick in /proc. */
const TICK_MILLISECONDS = 10;

interface StartPlaces {
  readonly directory: string;
  readonly users: readonly MailUser[];
  readonly certificate: string;
  /** Where POP3 is to be spoken, if it is. */
  readonly pop3Port?: number | undefined;
}

/** A server that is up. */
interface RunningServer extends PeerServer {
  /** Asks our supervisor, as an administrator does: `status`, `forget-delays`. */
  control?(question: string): Promise<string>;
  /** Where POP3 is spoken, if that is not where it was to be. */
  readonly pop3Port?: number;
}

/** POP3 of Dovecot, with its defaults. */
function dovecotPop3(port: number): string {
  return `
protocols = imap pop3
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}
`;
}

const starts: Readonly<Record<string, (places: StartPlaces) => Promise<RunningServer>>> = {
  ours: async ({ directory, users, pop3Port }) => {
    const settings = { IMAP_TLS_REQUIRED: '0', MAXDAEMONS: MAX_CONNECTIONS, MAXPERIP: MAX_CONNECTIONS };
    const limits = { MAXDAEMONS: MAX_CONNECTIONS, MAXPERIP: MAX_CONNECTIONS };
    const wanted = pop3Port === undefined ? {} : { pop3: limits };
    const ours = await startOurs({ directory, users, settings, ...wanted });
    const { port, tlsPort, configuration } = ours;
    const environment = { COURIER_CONFDIR: configuration };
    const control = (question: string) => mustRun([join(programs, 'imapd'), '--control', question], { environment });
    const pop3 = ours.pop3 && { pop3Port: ours.pop3.port };
    return { name: 'ours', port, tlsPort, roots: ours.roots(), stop: () => ours.stop(), control, ...pop3 };
  },
  courier: async ({ directory, users, certificate, pop3Port }) => {
    const tls = { port: await freePort(), certificate };
    const courier = pop3Port === undefined ? {} : { courier: { pop3Port } };
    return startCourier({ directory, users, port: await freePort(), tls, ...courier });
  },
  dovecot: async ({ directory, users, certificate, pop3Port }) => {
    const tls = { port: await freePort(), certificate };
    const more = pop3Port === undefined ? {} : { more: dovecotPop3(pop3Port) };
    return startDovecot({ directory, users, port: await freePort(), tls, ...more });
  },
};

/** The servers that can be measured. */
export const serverNames: readonly string[] = Object.keys(starts);

export interface BenchAccount {
  readonly name: string;
  readonly home: string;
}

export class BenchServer {
  readonly name: string;
  readonly #scratch: Scratch;
  readonly #accounts: readonly BenchAccount[];
  #used = 0;
  #starts = 0;
  #running: RunningServer | undefined;
  #pop3Port: number | undefined;

  /** Makes the places of a server; `start` starts it. */
  constructor(name: string) {
    this.name = name;
    this.#scratch = scratchDirectory(`bench-${name}`);
    const mail = join(this.#scratch.path, 'mail');
    mkdirSync(mail);
    giveToMailUser(mail);
    this.#accounts = Array.from({ length: ACCOUNTS }, (_, i) => {
      const account = `u${String(i + 1).padStart(4, '0')}`;
      return { name: account, home: join(mail, account) };
    });
  }

  async start({ pop3 = false } = {}): Promise<void> {
    this.#starts += 1;
    const directory = join(this.#scratch.path, `run${this.#starts}`);
    mkdirSync(directory);
    const certificate = join(directory, 'certificate.pem');
    await makeCertificate(certificate);
    const server = join(directory, 'server');
    mkdirSync(server);
    this.#pop3Port = pop3 ? await freePort() : undefined;
    const places = { directory: server, users: this.#accounts, certificate, pop3Port: this.#pop3Port };
    this.#running = await starts[this.name]?.(places);
    this.#pop3Port &&= this.#running?.pop3Port ?? this.#pop3Port;
    if (this.#pop3Port !== undefined) await waitForPort(this.#pop3Port);
    if (this.#running === undefined)
      throw new Error(`there is no server ${this.name}; known: ${serverNames.join(', ')}`);
  }

  /** Starts it anew; mail stays. */
  async restart(options: { readonly pop3?: boolean } = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** Stops it and removes all that was made for it. */
  async remove(): Promise<void> {
    await this.stop();
    this.#scratch.remove();
  }

  /** An account that nobody has used. */
  newAccount(): BenchAccount {
    const account = this.#accounts[this.#used];
    this.#used += 1;
    if (account === undefined) throw new Error('all accounts are used up');
    return account;
  }

  /** What our own server tells of itself; undefined for the others. */
  async control(question: string): Promise<string | undefined> {
    return this.#running?.control?.(question);
  }

  login(account: BenchAccount, tls = false): Promise<BenchConnection> {
    return BenchConnection.login(this.address(tls), account.name, PASSWORD);
  }

  address(tls: boolean): ServerAddress {
    const port = tls ? this.#running?.tlsPort : this.#running?.port;
    if (port === undefined) throw new Error(`${this.name} has no ${tls ? 'TLS ' : ''}port`);
    return { port, tls };
  }

  /** Where POP3 is spoken. */
  get pop3Port(): number {
    if (this.#pop3Port === undefined) throw new Error(`${this.name} was started without POP3`);
    return this.#pop3Port;
  }

  get processes(): number[] {
    return processTree(this.#running?.roots ?? []);
  }

  /** PSS of all processes. */
  memoryKib(): number {
    return memoryKib(this.processes);
  }

  /** User and system time of all processes so far, of those too that have ended. */
  cpuMilliseconds(): number {
    return this.processes.reduce((sum, pid) => sum + cpuOf(pid), 0);
  }
}

/**
 * The time of the threads that live, to the microsecond, and of the children that have ended, in ticks.
 *
 * /proc/PID/stat has the former in ticks only, which is too coarse for an answer of a millisecond.
 */
function cpuOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const living = threads.reduce(
      (sum, thread) => sum + threadMilliseconds(`/proc/${pid}/task/${thread}/schedstat`),
      0,
    );
    // After the name, which may hold anything: state is field 3, cutime and cstime are fields 16 and 17.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return living + (Number(fields[13]) + Number(fields[14])) * TICK_MILLISECONDS;
  } catch {
    return 0; // It has ended.
  }
}

function threadMilliseconds(path: string): number {
  try {
    return Number(readFileSync(path, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return 0; // It has ended.
  }
}
