/**
 * The supervisor of a mail service: the only process that stays root. It binds ports, reads settings and keys, starts
 * login processes and mail workers, and ends them. Nothing that a stranger sent is parsed here.
 *
 *     await superviseMailService({ name: 'imapd', loginModule, workerModule, load, authenticator, open: ['imapd'] });
 *
 * SIGTERM and SIGINT end the service, SIGHUP reads settings and certificates again. It knows no mail protocol and no
 * authdaemond: `authenticator` is handed in.
 */
import { randomBytes } from 'node:crypto';
import { followActivity } from './activity.js';
import { isProgramOpenToAll } from './children.js';
import { ConnectionTable } from './connections.js';
import { AlreadyRunning, serveControl } from './control.js';
import type { Identity } from './drop-privileges.js';
import { bindAddress, describeAddress } from './listen.js';
import type { Log } from './log.js';
import { type OpenLog, openLog } from './log-destinations.js';
import { LoginPool } from './login-pool.js';
import type { RawHandle } from './raw-handles.js';
import { notifyReadiness } from './readiness.js';
import type { MailServiceConfiguration } from './service-configuration.js';
import { type Authenticator, SessionBroker } from './session-broker.js';
import { describeProblem, type SettingsProblem } from './settings-file.js';
import { keepYoungGenerationSmall } from './small-heap.js';
import { makeSocketDirectory, NoPlaceForSockets, removeSocketDirectory } from './socket-directory.js';
import { findSystemUser } from './system-users.js';
import { readTlsMaterial, type TlsMaterial } from './tls-helpers.js';
import { WorkerPool } from './worker-pool.js';

/** What settings files say: a configuration, or everything that is wrong with them. */
export interface LoadedConfiguration {
  readonly configuration: MailServiceConfiguration;
  readonly problems: readonly SettingsProblem[];
  readonly warnings: readonly SettingsProblem[];
}

/** What a mail service is made of. */
export interface MailServiceOptions {
  /** `imapd`: the name of the processes. */
  readonly name: string;
  /** File URLs of the modules that call serveLogins() and serveMail(). */
  readonly loginModule: string;
  readonly workerModule: string;
  readonly load: () => LoadedConfiguration;
  readonly authenticator: (configuration: MailServiceConfiguration, log: Log) => Authenticator;
  /** Services whose ports are opened at the start. */
  readonly open: readonly string[];
  /** Nobody looks at stdout and stderr. */
  readonly daemon: boolean;
  /** A parent without which this process must not live on: its pid. */
  readonly keeper?: number;
}

/** The service cannot start, for reasons that the administrator must know; each line is one. */
export class StartFailure extends Error {}

/** Exit code for a bug, as in sysexits.h. */
const EXIT_BUG = 70;

/** How long an earlier supervisor of the same ports may take to go. */
const BIND_PATIENCE_MS = 5_000;

/** How often it is looked whether the keeper is still there. */
const KEEPER_CHECK_MS = 1_000;

/** Everything ends within this time: children are killed before. */
const END_MS = 10_000;

/**
 * Runs a mail service until it is told to end; resolves when the last child is gone.
 *
 * @throws {StartFailure} when it cannot start.
 */
export async function superviseMailService(options: MailServiceOptions): Promise<void> {
  keepYoungGenerationSmall();
  followActivity();
  const loaded = options.load();
  if (loaded.problems.length > 0) throw new StartFailure(loaded.problems.map(describeProblem).join('\n'));
  const log = await openLog(loaded.configuration.log, options.daemon);
  for (const warning of loaded.warnings) log.write('warning', describeProblem(warning));
  process.on('uncaughtException', (error) => {
    // The children end with us; whoever started us starts us again.
    log.bug(error, 'the supervisor');
    process.exit(EXIT_BUG);
  });
  if (process.geteuid?.() === 0 && !isProgramOpenToAll()) {
    log.write('warning', 'other users cannot read this program where it stands, so it is loaded as root: move it');
  }
  // Whoever has the control socket is the only supervisor here, and may clean up behind others.
  let supervisor: Supervisor | undefined;
  const obey = async (command: string) => (supervisor === undefined ? 'starting' : await supervisor.obey(command));
  const control = await serveControl(loaded.configuration.controlSocket, obey).catch(startFailure);
  try {
    supervisor = new Supervisor(options, loaded.configuration, log);
    await supervisor.run();
  } catch (error) {
    if (error instanceof NoPlaceForSockets) startFailure(error);
    throw error;
  } finally {
    control.close();
  }
}

function startFailure(error: unknown): never {
  if (error instanceof StartFailure || error instanceof AlreadyRunning) throw error;
  throw new StartFailure(error instanceof Error ? error.message : String(error));
}

class Supervisor {
  readonly #options: MailServiceOptions;
  readonly #log: OpenLog;
  readonly #connections: ConnectionTable;
  readonly #workers: WorkerPool;
  readonly #logins: LoginPool;
  readonly #broker: SessionBroker;
  readonly #socketDirectory: string;
  readonly #ticketKeys = randomBytes(48);
  /** Ids of the listeners of each open service. */
  readonly #open = new Map<string, number[]>();
  #configuration: MailServiceConfiguration;
  #authenticator: Authenticator;
  #tls: TlsMaterial | undefined;
  #nextListener = 1;
  #ready = false;
  #ending = false;
  #ended: () => void = () => {};

  constructor(options: MailServiceOptions, configuration: MailServiceConfiguration, log: OpenLog) {
    const { name, loginModule, workerModule } = options;
    const { sessionSettings: settings, umask, workersPerUid, loginSeconds, defaultMaildir } = configuration;
    const { cacheDirectory } = configuration;
    this.#options = options;
    this.#configuration = configuration;
    this.#log = log;
    this.#authenticator = options.authenticator(configuration, log);
    this.#connections = new ConnectionTable(configuration.limits, (text) => log.write('alert', text));
    const identity = loginIdentity(configuration.loginUser);
    this.#socketDirectory = makeSocketDirectory(configuration.stateDirectory, name, identity);
    this.#workers = new WorkerPool({
      ...{ module: workerModule, title: name, log, settings, umask, workersPerUid, cacheDirectory },
      socketDirectory: this.#socketDirectory,
      sessionEnded: (sessionId) => this.#broker.sessionEnded(sessionId),
    });
    this.#broker = new SessionBroker({
      ...{ log, connections: this.#connections, workers: this.#workers, defaultMaildir },
      authenticator: {
        authenticate: (question) => this.#authenticator.authenticate(question),
        beginExchange: (beginning, from) => this.#authenticator.beginExchange(beginning, from),
      },
    });
    this.#logins = new LoginPool({
      ...{ module: loginModule, title: name, log, identity, settings, loginSeconds },
      receive: (login, message, handle) => this.#broker.receive(login, message, handle),
      lost: (keys) => this.#broker.lost(keys),
    });
  }

  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    try {
      this.#readCertificates();
      await this.#logins.start(this.#configuration.loginProcesses);
      this.#logins.useTls(this.#tls, this.#configuration.startTls);
      for (const service of this.#options.open) await this.#openService(service);
    } catch (error) {
      await this.#giveUp();
      startFailure(error);
    }
    process.on('SIGTERM', () => this.#end('SIGTERM'));
    process.on('SIGINT', () => this.#end('SIGINT'));
    process.on('SIGHUP', () => this.#reloadOnSignal());
    // Node would open a debugger's port, as root.
    process.on('SIGUSR1', () => {});
    this.#watchKeeper();
    this.#workers.prepareSpare();
    this.#ready = true;
    await notifyReadiness('READY=1');
    this.#log.write('info', `started: ${this.#describe()}`);
    await ended;
  }

  /** Acts on a command of the control socket, and gives the words of the answer. */
  async obey(command: string): Promise<string> {
    const [verb, service = ''] = command.trim().split(' ');
    if (verb === 'status') return await this.#status();
    if (verb === 'forget-delays') return this.#forgetDelays();
    if (this.#ending) throw new Error('the server is ending');
    if (verb === 'reload') return this.#reload();
    if (verb === 'open') await this.#openService(service);
    else if (verb === 'close') this.#closeService(service);
    else throw new Error(`${command} is not a command`);
    return [...this.#open.keys()].join(' ');
  }

  /** The first line is about the service, the others are about its processes. */
  async #status(): Promise<string> {
    const service = `${this.#ready ? 'ready' : 'starting'} pid=${process.pid} ${this.#describe()}`;
    const processes = await Promise.all([this.#logins.describe(), this.#workers.describe()]);
    return [service, ...processes.flat()].join('\n');
  }

  #forgetDelays(): string {
    this.#logins.forgetDelays();
    this.#workers.forgetDelays();
    return 'delays are measured anew';
  }

  #describe(): string {
    const ports = [...this.#open.keys()].map((service) => {
      const addresses = this.#configuration.services[service]?.addresses ?? [];
      return `${service} on ${addresses.map(describeAddress).join(',')}`;
    });
    return [...ports, `${this.#connections.count} connections`, `${this.#workers.size} mail workers`].join(', ');
  }

  async #openService(service: string): Promise<void> {
    const description = this.#configuration.services[service];
    if (description === undefined) throw new Error(`${service} is not a service of this program`);
    if (this.#open.has(service)) return;
    const { tls: isTls } = description;
    if (isTls) this.#requireCertificate();
    const bound: RawHandle[] = [];
    try {
      for (const address of description.addresses) bound.push(await bindAddress(address, BIND_PATIENCE_MS));
    } catch (error) {
      for (const handle of bound) handle.close();
      throw error;
    }
    const ids: number[] = [];
    this.#open.set(service, ids);
    for (const handle of bound) {
      ids.push(this.#nextListener);
      const description = { id: this.#nextListener, service, tls: isTls };
      this.#nextListener += 1;
      await this.#logins.listen(description, handle);
    }
  }

  /** Sessions that came through the port go on; they end with the server. */
  #closeService(service: string): void {
    for (const id of this.#open.get(service) ?? []) this.#logins.stopListening(id);
    this.#open.delete(service);
  }

  /** Without a certificate there is no TLS, and port 143 still works: the log says why STARTTLS is missing. */
  #readCertificates(): void {
    try {
      this.#requireCertificate();
    } catch (error) {
      const consequence = this.#tls === undefined ? 'no STARTTLS' : 'the certificate read before stays in use';
      this.#log.write('error', `TLS: ${error instanceof Error ? error.message : error} (${consequence})`);
    }
  }

  #requireCertificate(): void {
    const warn = (text: string) => this.#log.write('warning', `TLS: ${text}`);
    this.#tls = readTlsMaterial(this.#configuration.tls, this.#ticketKeys, warn);
    this.#logins.useTls(this.#tls, this.#configuration.startTls);
  }

  #reloadOnSignal(): void {
    try {
      this.#reload();
    } catch (error) {
      this.#log.write('error', error instanceof Error ? error.message : String(error));
    }
  }

  #reload(): string {
    this.#log.reopen();
    const { configuration, problems, warnings } = this.#options.load();
    for (const problem of problems) this.#log.write('error', `settings not changed: ${describeProblem(problem)}`);
    if (problems.length > 0) {
      this.#readCertificates();
      throw new Error(`${problems.length} problems in the settings, which stay as they were: see the log`);
    }
    for (const warning of warnings) this.#log.write('warning', describeProblem(warning));
    this.#apply(configuration);
    this.#log.write('info', `settings read again: ${this.#describe()}`);
    return 'settings read again';
  }

  #apply(configuration: MailServiceConfiguration): void {
    const { sessionSettings: settings, umask, workersPerUid, loginSeconds, limits, cacheDirectory } = configuration;
    const portsBefore = JSON.stringify(this.#configuration.services);
    this.#configuration = configuration;
    this.#authenticator = this.#options.authenticator(configuration, this.#log);
    this.#connections.limits = limits;
    this.#broker.reload(configuration.defaultMaildir);
    this.#workers.reload({ settings, umask, workersPerUid, cacheDirectory });
    this.#logins.reload({ settings, loginSeconds });
    this.#readCertificates();
    if (JSON.stringify(configuration.services) !== portsBefore) {
      this.#log.write('warning', 'ports and addresses have changed: they take effect at the next start');
    }
  }

  #watchKeeper(): void {
    const { keeper } = this.#options;
    if (keeper === undefined) return;
    setInterval(() => {
      if (process.ppid !== keeper) this.#end('the control script has gone');
    }, KEEPER_CHECK_MS).unref();
  }

  #end(why: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#log.write('info', `ending: ${why}, ${this.#connections.count} connections`);
    void notifyReadiness('STOPPING=1');
    for (const service of [...this.#open.keys()]) this.#closeService(service);
    this.#endChildren().then(
      () => {
        this.#log.write('info', 'ended');
        this.#ended();
      },
      (error: unknown) => this.#log.bug(error, 'ending'),
    );
  }

  async #endChildren(): Promise<void> {
    const deadline = Date.now() + END_MS;
    this.#workers.end('server shut down');
    this.#logins.end();
    while (this.#workers.size + this.#logins.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    removeSocketDirectory(this.#socketDirectory);
  }

  async #giveUp(): Promise<void> {
    this.#ending = true;
    for (const service of [...this.#open.keys()]) this.#closeService(service);
    await this.#endChildren();
  }
}

/** @throws {StartFailure} when root has nobody to be. */
function loginIdentity(loginUser: string): Identity | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const user = findSystemUser(loginUser);
  if (user === undefined) {
    throw new StartFailure(
      `LOGINUSER=${loginUser}: there is no such user; name one that may do nothing, such as nobody`,
    );
  }
  if (user.uid === 0) throw new StartFailure(`LOGINUSER=${loginUser} is root; name a user that may do nothing`);
  return { uid: user.uid, gid: user.gid };
}
