/**
 * One mail service with all its parts, from its start to its end: ports, certificates, limits, login processes and mail
 * workers, what it tells and what it is told. Part of the supervisor.
 */

import type { ConnectionTable } from '../limits/connections.js';
import { ServiceLimits } from '../limits/service-limits.js';
import type { OpenLog } from '../log/log-destinations.js';
import { loginIdentity } from '../login/login-identity.js';
import { LoginPool } from '../login/login-pool.js';
import { count } from '../metrics/counts.js';
import { METRICS_SERVICE } from '../metrics/page-requests.js';
import { proxyPlaces, proxyRoutes } from '../proxy/proxy-service.js';
import type { MailServiceConfiguration } from '../settings/service-configuration.js';
import { describeProblem } from '../settings/settings-file.js';
import { ServiceCertificates } from '../tls/service-certificates.js';
import { askAll } from '../worker/live-sessions.js';
import { WorkerPool } from '../worker/worker-pool.js';
import { activatedSockets } from './activated-sockets.js';
import { Administration } from './administration.js';
import { IsEnding } from './control.js';
import { KeeperWatch } from './keeper-watch.js';
import type { MailServiceOptions } from './mail-service-options.js';
import { changesForNextStart } from './next-start.js';
import type { ServiceManager } from './service-manager.js';
import { ServicePorts } from './service-ports.js';
import { ServiceWatch } from './service-watch.js';
import { type Authenticator, SessionBroker } from './session-broker.js';
import { makeSocketDirectory, removeSocketDirectory } from './socket-directory.js';
import { startFailure } from './start-failure.js';

/** Everything ends within this time: children are killed before. */
const END_MS = 10_000;

/** A running service. */
export class SupervisedService {
  readonly #options: MailServiceOptions;
  readonly #log: OpenLog;
  readonly #limits: ServiceLimits;
  readonly #connections: ConnectionTable;
  readonly #workers: WorkerPool;
  readonly #logins: LoginPool;
  readonly #broker: SessionBroker;
  readonly #ports: ServicePorts;
  readonly #certificates: ServiceCertificates;
  readonly #administration: Administration;
  readonly #watch: ServiceWatch;
  readonly #keeper: KeeperWatch;
  readonly #socketDirectory: string;
  #configuration: MailServiceConfiguration;
  #authenticator: Authenticator;
  #reloads: Promise<unknown> = Promise.resolve();
  #ready = false;
  #started: Promise<void> = Promise.resolve();
  #ending = false;
  #ended: () => void = () => {};

  constructor(
    options: MailServiceOptions,
    configuration: MailServiceConfiguration,
    log: OpenLog,
    manager: ServiceManager,
  ) {
    const { name, loginModule, workerModule } = options;
    const { sessionSettings: settings, umask, workersPerUid, loginSeconds, defaultMaildir } = configuration;
    const { cacheDirectory } = configuration;
    this.#options = options;
    this.#configuration = configuration;
    this.#log = log;
    this.#authenticator = options.authenticator(configuration, log);
    const asked: Authenticator = {
      authenticate: (question) => this.#authenticator.authenticate(question),
      beginExchange: (beginning, from) => this.#authenticator.beginExchange(beginning, from),
    };
    this.#limits = new ServiceLimits(name, configuration, asked, log);
    this.#connections = this.#limits.connections;
    const identity = loginIdentity(configuration.loginUser);
    this.#socketDirectory = makeSocketDirectory(configuration.stateDirectory, name, identity);
    this.#workers = new WorkerPool({
      ...{ module: workerModule, title: name, log, settings, umask, workersPerUid, cacheDirectory },
      socketDirectory: this.#socketDirectory,
      sessionEnded: (sessionId) => this.#broker.sessions.ended(sessionId),
      givingBack: (sessionId) => this.#broker.sessions.givingBack(sessionId),
      givenBack: (sessionId, unread, handle) => this.#broker.sessions.givenBack(sessionId, unread, handle),
    });
    this.#broker = new SessionBroker({
      ...{ log, connections: this.#connections, workers: this.#workers, defaultMaildir },
      routes: proxyRoutes(configuration, log),
      authenticator: this.#limits.authenticator,
    });
    this.#logins = new LoginPool({
      ...{ module: loginModule, title: name, log, identity, settings, loginSeconds },
      proxyProtocol: configuration.proxyProtocol,
      proxyPlaces: proxyPlaces(configuration),
      receive: (login, message, handle) => this.#broker.receive(login, message, handle),
      lost: (keys) => this.#broker.lost(keys),
      metrics: () => this.#administration.page(),
    });
    this.#administration = new Administration({
      ...{ name, log },
      ask: (kind, choice) => askAll([this.#workers.live, this.#logins.live], kind, choice),
      connections: () => this.#connections.count,
      authPending: () => this.#broker.waiting,
      authSocket: () => `${this.#configuration.authdaemonDirectory}/socket`,
      certificateExpiry: () => this.#certificates.expiry,
    });
    const children = () => this.#logins.children;
    const busy = () => this.#workers.busy;
    this.#watch = new ServiceWatch({ manager, log, describe: () => this.#describe(), children, busy });
    this.#keeper = new KeeperWatch(options.keeper, () => this.#end('the control script has gone'));
    this.#ports = new ServicePorts(this.#logins, configuration.services);
    this.#certificates = new ServiceCertificates(log, (material, startTls) => this.#logins.useTls(material, startTls));
  }

  /** Starts it, and resolves when it has ended. @throws {StartFailure} */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    this.#started = this.#start();
    await this.#started;
    await ended;
  }

  async #start(): Promise<void> {
    try {
      this.#certificates.readIfPossible(this.#configuration);
      await this.#logins.start(this.#configuration.loginProcesses);
      for (const service of servicesAtStart(this.#options.open)) await this.#openService(service);
      await this.#openMetrics();
    } catch (error) {
      await this.#giveUp();
      startFailure(error);
    }
    process.on('SIGTERM', () => this.#end('SIGTERM'));
    process.on('SIGINT', () => this.#end('SIGINT'));
    // Node would open a debugger's port, as root.
    process.on('SIGUSR1', () => {});
    this.#keeper.start();
    this.#workers.prepareSpare();
    this.#ready = true;
    this.#ports.started();
    this.#watch.ready();
    this.#log.write('info', `started: ${this.#describe()}`);
  }

  /** For a signal, which may come before run() is where it can follow it. */
  reloadWhenStarted(): void {
    const reloaded = this.#started.then(() => this.#reload());
    // What is wrong is in the log.
    reloaded.catch(() => undefined);
  }

  /** Acts on a command of the control socket, and gives the words of the answer. */
  async obey(command: string): Promise<string> {
    const [verb = '', service = ''] = command.trim().split(' ');
    if (verb === 'status') return await this.#status();
    const rest = command.trim().slice(verb.length).trim();
    const answer = this.#limits.obey(verb, rest) ?? this.#administration.obey(verb, rest);
    if (answer !== undefined) return await answer;
    if (verb === 'forget-delays') return this.#forgetDelays();
    await this.#started;
    this.#keeper.look();
    if (verb === 'close') return await this.#close(service);
    if (this.#ending) throw new IsEnding();
    if (verb === 'reload') return await this.#reload();
    if (verb !== 'open') throw new Error(`${command} is not a command`);
    await this.#openService(service);
    // Whoever hears OK must find a server that stays.
    if (this.#ending) throw new IsEnding();
    return this.#ports.open.join(' ');
  }

  /** Nothing listens any more when it is answered; a server that ends has closed everything. */
  async #close(service: string): Promise<string> {
    this.#ports.closeSet(service);
    await this.#logins.acted();
    return this.#ports.open.join(' ');
  }

  /** The first line is about the service, the others are about its processes. */
  async #status(): Promise<string> {
    if (this.#ready) this.#keeper.look();
    const state = this.#ready ? 'ready' : 'starting';
    const service = `${this.#ending ? 'ending' : state} pid=${process.pid} ${this.#describe()}`;
    const processes = await Promise.all([this.#logins.describe(), this.#workers.describe()]);
    return [service, ...this.#certificates.describe(), ...processes.flat()].join('\n');
  }

  #forgetDelays(): string {
    this.#logins.forgetDelays();
    this.#workers.forgetDelays();
    return 'delays are measured anew';
  }

  #describe(): string {
    const figures = [`${this.#connections.count} connections`, `${this.#workers.size} mail workers`];
    const { passedOn } = this.#broker;
    if (passedOn > 0) figures.push(`${passedOn} sessions passed on`);
    return [...this.#ports.words(), ...figures].join(', ');
  }

  async #openService(service: string): Promise<void> {
    const { tls } = this.#ports.describe(service);
    if (this.#ports.open.includes(service)) return;
    if (tls) this.#certificates.read(this.#configuration);
    await this.#ports.openSet(service);
  }

  /** Whoever wants figures and cannot have them has mail all the same. */
  async #openMetrics(): Promise<void> {
    if (this.#configuration.services[METRICS_SERVICE] === undefined) return;
    const trouble = (error: unknown) => this.#log.write('error', `no figures: ${(error as Error).message}`);
    await this.#ports.openSet(METRICS_SERVICE).catch(trouble);
  }

  /** One after the other. @throws {Error} with everything that is wrong; nothing has changed then. */
  #reload(): Promise<string> {
    const reload = () => this.#watch.whileReloading(() => this.#readAgain());
    const reloaded = this.#reloads.then(reload, reload);
    this.#reloads = reloaded;
    return reloaded;
  }

  async #readAgain(): Promise<string> {
    this.#log.reopen();
    const { configuration, problems, warnings } = this.#options.load();
    const wrong = problems.map(describeProblem);
    if (wrong.length === 0) {
      const refused = (error: unknown) => wrong.push(error instanceof Error ? error.message : String(error));
      await this.#ports.follow(configuration.services).catch(refused);
    }
    if (wrong.length > 0) count('reloads_failed_total').value += 1;
    for (const problem of wrong) this.#log.write('error', `settings not changed: ${problem}`);
    if (wrong.length > 0) {
      this.#certificates.readIfPossible(this.#configuration);
      throw new Error([...wrong, 'the settings stay as they were'].join('\n'));
    }
    for (const warning of warnings) this.#log.write('warning', describeProblem(warning));
    this.#apply(configuration);
    await this.#openMetrics();
    // Whoever reads the line finds the new settings in force for every connection from now on.
    await this.#logins.acted();
    this.#log.write('info', `settings read again: ${this.#describe()}`);
    return 'settings read again';
  }

  #apply(configuration: MailServiceConfiguration): void {
    const { sessionSettings: settings, umask, workersPerUid, loginSeconds, cacheDirectory } = configuration;
    const later = changesForNextStart(this.#configuration, configuration).join(', ');
    if (later !== '') this.#log.write('warning', `a change takes effect at the next start: ${later}`);
    this.#configuration = configuration;
    this.#authenticator = this.#options.authenticator(configuration, this.#log);
    this.#limits.reload(configuration);
    const { defaultMaildir } = configuration;
    this.#broker.reload({ defaultMaildir, routes: proxyRoutes(configuration, this.#log) });
    this.#workers.reload({ settings, umask, workersPerUid, cacheDirectory });
    const { proxyProtocol } = configuration;
    this.#logins.reload({ settings, loginSeconds, proxyProtocol, proxyPlaces: proxyPlaces(configuration) });
    this.#certificates.readIfPossible(configuration);
  }

  #end(why: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#log.write('info', `ending: ${why}, ${this.#connections.count} connections`);
    this.#watch.ending();
    this.#certificates.stop();
    this.#ports.closeAll();
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
    await this.#limits.stop();
    removeSocketDirectory(this.#socketDirectory);
  }

  async #giveUp(): Promise<void> {
    this.#ending = true;
    this.#ports.closeAll();
    await this.#endChildren();
  }
}

/** Those that were asked for, and those for which systemd has opened the ports. */
function servicesAtStart(open: readonly string[]): Set<string> {
  return new Set([...open, ...activatedSockets().keys()]);
}
