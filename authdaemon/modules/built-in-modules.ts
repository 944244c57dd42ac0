/**
 * The modules by name: which are built in, and which names Courier knows that this daemon cannot serve.
 */
import { realClock } from '../../init/runtime/system/real-clock.js';
import type { LearningModule } from '../learn/settings.js';
import type { AccountStore } from '../stores/account-store.js';
import { StoreModule } from '../stores/store-module.js';
import type { AuthModule, ModuleContext } from './module.js';

/** A module of the table; it is loaded, with its driver, only when it is switched on or checked. */
interface BuiltInModule {
  build(context: ModuleContext): Promise<AuthModule>;
  /** Reads the settings file that the module has to itself, for `--check`. Absent: it has none. */
  check?(configDirectory: string): Promise<RcCheck>;
}

/** What is wrong with a settings file, a line each; readRcFile() gives this and more. */
export interface RcCheck {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Stores that can write passwords. */
const stores: Readonly<Record<LearningModule, (context: ModuleContext) => Promise<AccountStore>>> = {
  authuserdb: async (context) => new (await import('../userdb/userdb-store.js')).UserdbStore(context),
  authldap: async (context) => new (await import('../ldap/ldap-store.js')).LdapStore(context),
  authmysql: async (context) => {
    const [{ SqlStore }, { MYSQL }] = await Promise.all([
      import('../sql/sql-store.js'),
      import('../sql/mysql-store.js'),
    ]);
    return new SqlStore(MYSQL, context, realClock.ticks);
  },
  authpgsql: async (context) => {
    const [{ SqlStore }, { PGSQL }] = await Promise.all([
      import('../sql/sql-store.js'),
      import('../sql/pgsql-store.js'),
    ]);
    return new SqlStore(PGSQL, context, realClock.ticks);
  },
};

const modules: Readonly<Record<string, BuiltInModule>> = {
  authuserdb: { build: inStore(stores.authuserdb) },
  authldap: {
    build: inStore(stores.authldap),
    check: async (configDirectory) => (await import('../ldap/settings.js')).checkLdapSettings(configDirectory),
  },
  authmysql: {
    build: inStore(stores.authmysql),
    check: async (configDirectory) => (await import('../sql/mysql-settings.js')).checkMysqlSettings(configDirectory),
  },
  authcustom: {
    build: async (context) => new (await import('../custom/custom-module.js')).CustomModule(context),
    check: async (configDirectory) => (await import('../custom/settings.js')).checkCustomSettings(configDirectory),
  },
  authlearn: {
    build: async (context) => {
      const { LearnModule } = await import('../learn/learn-module.js');
      return new LearnModule(context, (name, given) => stores[name](given));
    },
    check: async (configDirectory) => (await import('../learn/settings.js')).checkLearnSettings(configDirectory),
  },
  authpam: { build: async (context) => new (await import('../system/pam-module.js')).PamModule(context) },
  authpgsql: {
    build: inStore(stores.authpgsql),
    check: async (configDirectory) => (await import('../sql/pgsql-settings.js')).checkPgsqlSettings(configDirectory),
  },
  authpipe: { build: async (context) => new (await import('../pipe/pipe-module.js')).PipeModule(context) },
  authpwd: {
    build: inStore(async (context) => new (await import('../system/passwd-store.js')).PasswdStore('authpwd', context)),
  },
  authshadow: {
    build: async (context) => new (await import('../system/passwd-store.js')).ShadowModule(context, realClock.now),
  },
  authvchkpw: {
    build: inStore(async (context) => new (await import('../vpopmail/vpopmail-store.js')).VpopmailStore(context)),
    check: async (configDirectory) => (await import('../vpopmail/settings.js')).checkVpopmailSettings(configDirectory),
  },
};

/** Names that are right in a Courier set-up and have no module here. */
const COURIER_MODULES: ReadonlySet<string> = new Set(['authsqlite']);

/** Names of the modules that are built in. */
export const BUILT_IN_MODULES: readonly string[] = Object.keys(modules);

/** Makes the module of that name, or tells why there is none. */
export async function buildModule(name: string, context: ModuleContext): Promise<AuthModule | string> {
  const module = builtIn(name);
  if (module !== undefined) return module.build(context);
  return COURIER_MODULES.has(name)
    ? `${name} is a module of Courier that this authdaemond does not have; its accounts cannot log in here`
    : `${name} is not the name of a module`;
}

/** Looks for mistakes in the settings file of a module; undefined when it has none of its own, or is not built in. */
export async function checkModule(name: string, configDirectory: string): Promise<RcCheck | undefined> {
  return builtIn(name)?.check?.(configDirectory);
}

function builtIn(name: string): BuiltInModule | undefined {
  return Object.hasOwn(modules, name) ? modules[name] : undefined;
}

function inStore(build: (context: ModuleContext) => Promise<AccountStore>) {
  return async (context: ModuleContext): Promise<AuthModule> => new StoreModule(await build(context), context);
}
