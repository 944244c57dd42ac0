/**
 * Authdaemon: the modules as they are configured now, and their exchange when the settings are read again.
 *
 * Knows no sockets and no signals; main.ts has those.
 */
import type { Log } from '../init/runtime/log.js';
import { describeProblem } from '../init/runtime/settings-file.js';
import type { ModuleChain } from './authenticate.js';
import { LookupQueue } from './lookup-queue.js';
import { buildModule } from './modules/built-in-modules.js';
import type { AuthModule } from './modules/module.js';
import type { AuthdaemonSettings } from './settings.js';

/** The daemon cannot work with these settings; the text is for the administrator. */
export class UnusableSettings extends Error {}

/** The modules and the line before them. */
export class Authdaemon {
  readonly queue: LookupQueue;
  readonly #log: Log;
  readonly #configDirectory: string;
  #chain: ModuleChain;

  private constructor(start: { log: Log; configDirectory: string; chain: ModuleChain; lookupsAtOnce: number }) {
    this.#log = start.log;
    this.#configDirectory = start.configDirectory;
    this.#chain = start.chain;
    this.queue = new LookupQueue(start.lookupsAtOnce);
  }

  /** Starts the modules. @throws {UnusableSettings} when the settings are wrong or no module is left. */
  static async start(settings: AuthdaemonSettings, configDirectory: string, log: Log): Promise<Authdaemon> {
    const chain = await startModules(settings, configDirectory, log);
    return new Authdaemon({ log, configDirectory, chain, lookupsAtOnce: settings.lookupsAtOnce });
  }

  /** The modules at this moment. */
  get chain(): ModuleChain {
    return this.#chain;
  }

  /** Takes new settings. Wrong ones are logged, all of them, and the old stay. */
  async reload(settings: AuthdaemonSettings): Promise<void> {
    // Whatever is wrong with the new settings must not end a daemon that works.
    try {
      const chain = await startModules(settings, this.#configDirectory, this.#log);
      const old = this.#chain;
      this.#chain = chain;
      this.queue.atOnce = settings.lookupsAtOnce;
      for (const module of old.modules) await this.#uninstall(module);
    } catch (error) {
      if (!(error instanceof UnusableSettings)) this.#log.bug(error, 'reading the settings again');
      else for (const line of error.message.split('\n')) this.#log.write('error', line);
      this.#log.write('error', 'the settings were not changed; those from before are still in force');
    }
  }

  /** Lets the modules close what is idle. */
  async idle(): Promise<void> {
    for (const module of this.#chain.modules) await module.idle();
  }

  /** Stops the modules. */
  async stop(): Promise<void> {
    for (const module of this.#chain.modules) await module.stop();
  }

  async #uninstall(module: AuthModule): Promise<void> {
    this.#log.write('info', `Uninstalling ${module.name}`);
    await module.stop();
  }
}

async function startModules(settings: AuthdaemonSettings, configDirectory: string, log: Log): Promise<ModuleChain> {
  const { file, moduleNames, lookupsAtOnce, debugLogin, defaultOptions } = settings;
  if (file.problems.length > 0) throw new UnusableSettings(file.problems.map(describeProblem).join('\n'));
  for (const warning of file.warnings) log.write('warning', describeProblem(warning));
  log.write('info', `modules="${moduleNames.join(' ')}", daemons=${lookupsAtOnce}`);
  const modules: AuthModule[] = [];
  for (const name of moduleNames) {
    log.write('info', `Installing lib${name}`);
    const module = await buildModule(name, { log, debugLogin, configDirectory, lookupsAtOnce });
    if (typeof module === 'string') {
      log.write('info', module);
      continue;
    }
    await module.start();
    modules.push(module);
    log.write('info', `Installation complete: ${name}`);
  }
  if (modules.length > 0) return { modules, defaultOptions, debugLogin, log };
  throw new UnusableSettings(
    `none of the modules in authmodulelist ("${moduleNames.join(' ')}") is available; name one that is, such as authuserdb`,
  );
}
