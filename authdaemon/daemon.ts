/**
 * Authdaemon: the modules as they are configured now, and their exchange when the settings are read again.
 *
 * Knows no sockets and no signals; main.ts has those.
 */

import { type After, LimitedLines } from '../init/runtime/log/limited-lines.js';
import type { Log } from '../init/runtime/log/log.js';
import { type Look, seriesName } from '../init/runtime/metrics/counts.js';
import { describeProblem } from '../init/runtime/settings/settings-file.js';
import type { ModuleChain, QueuedModule } from './authenticate.js';
import { LoginCache, type RememberedLogins } from './cache/login-cache.js';
import { LoginsInMemory } from './cache/logins-in-memory.js';
import { LookupQueue } from './lookup-queue.js';
import { buildModule } from './modules/built-in-modules.js';
import type { ModuleContext } from './modules/module.js';
import type { AuthdaemonSettings, LoginCacheSettings } from './settings.js';

/** The daemon cannot work with these settings; the text is for the administrator. */
export class UnusableSettings extends Error {}

/** What the daemon works with. */
export interface DaemonParts {
  readonly configDirectory: string;
  readonly log: Log;
  readonly after: After;
  /** Milliseconds that no correction of the clock changes. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** Modules in use, and how many requests they are in use by. */
interface Installed {
  readonly chain: ModuleChain;
  requests: number;
  replaced: boolean;
}

/** The modules, as they are configured now. */
export class Authdaemon {
  readonly #parts: DaemonParts;
  #installed: Installed;

  private constructor(parts: DaemonParts, chain: ModuleChain) {
    this.#parts = parts;
    this.#installed = { chain, requests: 0, replaced: false };
  }

  /** Starts the modules. @throws {UnusableSettings} when the settings are wrong or no module is left. */
  static async start(settings: AuthdaemonSettings, parts: DaemonParts): Promise<Authdaemon> {
    return new Authdaemon(parts, await startModules(settings, parts));
  }

  /** Does something with the modules of this moment. A reload that comes meanwhile leaves them alone until it is done. */
  async withModules<T>(work: (chain: ModuleChain) => Promise<T>): Promise<T> {
    const installed = this.#installed;
    installed.requests += 1;
    try {
      return await work(installed.chain);
    } finally {
      installed.requests -= 1;
      if (installed.replaced) await this.#uninstall(installed);
    }
  }

  /** Takes new settings. Wrong ones are logged, all of them, and the old stay. */
  async reload(settings: AuthdaemonSettings): Promise<void> {
    const { log } = this.#parts;
    // Whatever is wrong with the new settings must not end a daemon that works.
    try {
      const chain = await startModules(settings, this.#parts);
      const old = this.#installed;
      this.#installed = { chain, requests: 0, replaced: false };
      // What other settings let in is not to be remembered, on no machine.
      await chain.cache?.forget();
      old.replaced = true;
      await this.#uninstall(old);
    } catch (error) {
      if (!(error instanceof UnusableSettings)) log.bug(error, 'reading the settings again');
      else for (const line of error.message.split('\n')) log.write('error', line);
      log.write('error', 'the settings were not changed; those from before are still in force');
    }
  }

  /** How many lookups each module has, and how many wait for it. */
  tellLookups(tell: Parameters<Look>[0]): void {
    for (const { module, queue } of this.#installed.chain.modules) {
      const tellOf = (state: string, value: number): void =>
        tell.level(seriesName('authdaemond_lookups', { module: module.name, state }), value);
      tellOf('running', queue.running);
      tellOf('waiting', queue.waiting);
    }
  }

  /** Lets the modules close what is idle. */
  async idle(): Promise<void> {
    for (const { module } of this.#installed.chain.modules) await module.idle();
  }

  /** Stops the modules. */
  async stop(): Promise<void> {
    await stopModules(this.#installed.chain);
  }

  async #uninstall({ chain, requests }: Installed): Promise<void> {
    if (requests > 0) return;
    for (const { module } of chain.modules) this.#parts.log.write('info', `Uninstalling ${module.name}`);
    // What goes wrong with modules of the past is no trouble of the request that was their last.
    await stopModules(chain).catch((error: unknown) => this.#parts.log.bug(error, 'stopping replaced modules'));
  }
}

async function stopModules({ modules, cache }: ModuleChain): Promise<void> {
  for (const { module } of modules) await module.stop();
  await cache?.stop();
}

async function startModules(settings: AuthdaemonSettings, parts: DaemonParts): Promise<ModuleChain> {
  const { file, moduleNames, lookupsAtOnce, debugLogin, defaultOptions, temporaryFailure } = settings;
  const { log, now } = parts;
  if (file.problems.length > 0) throw new UnusableSettings(file.problems.map(describeProblem).join('\n'));
  for (const warning of file.warnings) log.write('warning', describeProblem(warning));
  log.write('info', `modules="${moduleNames.join(' ')}", daemons=${lookupsAtOnce}`);
  const modules = await installModules(settings, parts);
  if (modules.length === 0) {
    throw new UnusableSettings(
      `none of the modules in authmodulelist ("${moduleNames.join(' ')}") is available; name one that is, such as authuserdb`,
    );
  }
  const chain = { modules, defaultOptions, debugLogin, temporaryFailure, log, now };
  if (settings.cache === undefined) return chain;
  return { ...chain, cache: await startCache(settings.cache, modules, parts) };
}

/** What each module is given. */
export function moduleContext(settings: AuthdaemonSettings, configDirectory: string, log: Log): ModuleContext {
  const { debugLogin, lookupsAtOnce, ldapTls, renewHash, directory: stateDirectory } = settings;
  const context = { log, debugLogin, configDirectory, stateDirectory, lookupsAtOnce, ldapTls };
  return renewHash === undefined ? context : { ...context, renewHash };
}

async function installModules(
  settings: AuthdaemonSettings,
  { configDirectory, log, after }: DaemonParts,
): Promise<QueuedModule[]> {
  const modules: QueuedModule[] = [];
  for (const name of settings.moduleNames) {
    log.write('info', `Installing lib${name}`);
    const module = await buildModule(name, moduleContext(settings, configDirectory, limitedLog(name, log, after)));
    if (typeof module === 'string') {
      log.write('info', module);
      continue;
    }
    await module.start();
    modules.push({ module, queue: new LookupQueue(settings.lookupsAtOnce) });
    log.write('info', `Installation complete: ${name}`);
  }
  return modules;
}

/** A back end that is down has a thousand logins complain of it, which one line tells as well. */
function limitedLog(name: string, log: Log, after: After): Log {
  const lines = new LimitedLines(log, after);
  return {
    write: (level, text) => {
      if (level === 'warning' || level === 'error') lines.write(level, `${name} (${level})`, text);
      else log.write(level, text);
    },
    bug: (error, where) => log.bug(error, where),
  };
}

async function startCache(
  settings: LoginCacheSettings,
  modules: readonly QueuedModule[],
  parts: DaemonParts,
): Promise<LoginCache> {
  return new LoginCache({
    logins: await startRememberedLogins(settings, parts),
    moduleNames: modules.map(({ module }) => module.name),
    addressMatters: modules.some(({ module }) => module.dependsOnAddress === true),
    stamp: () => modules.map(({ module }) => module.stamp?.() ?? '').join(' '),
  });
}

async function startRememberedLogins(
  { redis, lifetimeMs, maxLogins }: LoginCacheSettings,
  { log, now, wallClock }: DaemonParts,
): Promise<RememberedLogins> {
  if (redis === undefined) return new LoginsInMemory({ lifetimeMs, maxLogins, now });
  const { LoginsInRedis } = await import('./cache/logins-in-redis.js');
  return new LoginsInRedis({ ...redis, lifetimeMs, now: wallClock, log });
}
