/**
 * The modules by name: which are built in, and which names Courier knows that this daemon cannot serve.
 */
import type { AccountStore } from '../stores/account-store.js';
import { StoreModule } from '../stores/store-module.js';
import type { AuthModule, ModuleContext } from './module.js';

/** Makes modules; each is loaded, with its driver, only when it is switched on. */
const builders: Readonly<Record<string, (context: ModuleContext) => Promise<AuthModule>>> = {
  authuserdb: inStore(async (context) => new (await import('../userdb/userdb-store.js')).UserdbStore(context)),
};

/** Names that are right in a Courier set-up and have no module here. */
const COURIER_MODULES: ReadonlySet<string> = new Set([
  'authpam',
  'authmysql',
  'authpgsql',
  'authldap',
  'authpipe',
  'authshadow',
  'authpwd',
  'authcustom',
  'authsqlite',
  'authvchkpw',
]);

/** Names of the modules that are built in. */
export const BUILT_IN_MODULES: readonly string[] = Object.keys(builders);

/** Makes the module of that name, or tells why there is none. */
export async function buildModule(name: string, context: ModuleContext): Promise<AuthModule | string> {
  const build = Object.hasOwn(builders, name) ? builders[name] : undefined;
  if (build !== undefined) return build(context);
  return COURIER_MODULES.has(name)
    ? `${name} is a module of Courier that this authdaemond does not have; its accounts cannot log in here`
    : `${name} is not the name of a module`;
}

function inStore(build: (context: ModuleContext) => Promise<AccountStore>) {
  return async (context: ModuleContext): Promise<AuthModule> => new StoreModule(await build(context), context);
}
