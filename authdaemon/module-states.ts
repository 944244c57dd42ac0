/**
 * Which modules there are, which are switched on, and whether those can be reached now: `authdaemond --modules`.
 *
 * Builds the modules anew and asks nobody's running daemon. Knows no output.
 */
import type { Log } from '../init/runtime/log/log.js';
import type { After } from './answer-log.js';
import { moduleContext } from './daemon.js';
import { BUILT_IN_MODULES, buildModule } from './modules/built-in-modules.js';
import type { AuthModule } from './modules/module.js';
import type { AuthdaemonSettings } from './settings.js';

/** A back end that has not answered by then is out of reach for logins, too. */
const ANSWER_MS = 5000;

/** One module, for one line. */
export interface ModuleState {
  readonly name: string;
  readonly isBuiltIn: boolean;
  readonly isEnabled: boolean;
  /** Why it cannot be reached; absent when it can, or was not asked: only what is enabled is asked. */
  readonly trouble?: string;
}

/** Gives the enabled modules in their order, then the others. */
export async function moduleStates(
  settings: AuthdaemonSettings,
  { configDirectory, log, after }: { readonly configDirectory: string; readonly log: Log; readonly after: After },
): Promise<ModuleState[]> {
  const { moduleNames } = settings;
  const names = [...new Set([...moduleNames, ...BUILT_IN_MODULES])];
  return Promise.all(
    names.map(async (name): Promise<ModuleState> => {
      const state = { name, isBuiltIn: BUILT_IN_MODULES.includes(name), isEnabled: moduleNames.includes(name) };
      if (!state.isBuiltIn || !state.isEnabled) return state;
      const late = new Promise<string>((resolve) => {
        after(ANSWER_MS, () => resolve(`no answer within ${ANSWER_MS / 1000} s`));
      });
      const context = moduleContext(settings, configDirectory, log);
      const trouble = await Promise.race([troubleOf(() => buildModule(name, context)), late]);
      return trouble === undefined ? state : { ...state, trouble };
    }),
  );
}

async function troubleOf(build: () => Promise<AuthModule | string>): Promise<string | undefined> {
  // One that cannot even be started is out of reach, and the others are still to be told.
  try {
    const module = await build();
    if (typeof module === 'string') return module;
    await module.start();
    const trouble = await module.trouble();
    await module.stop();
    return trouble;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
