/**
 * The settings file `authcustomrc`: which module of the site's own is asked, and how long it may take.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';

const DEFAULT_LIMIT_SECONDS = 10;
/** A caller of authdaemond waits 30 s, and should hear of a module that hangs. */
const MAX_LIMIT_SECONDS = 20;

/** The settings, read. */
export interface CustomSettings {
  /** Absolute path of an ES module. */
  readonly modulePath: string;
  readonly limitMs: number;
}

/** Reads the settings; for RcFile. */
export function interpretCustomSettings(settings: Settings): CustomSettings {
  const modulePath = settings.text('CUSTOM_MODULE', '');
  if (!modulePath.startsWith('/')) {
    settings.problem(
      'CUSTOM_MODULE',
      `CUSTOM_MODULE is ${modulePath === '' ? 'missing' : 'no absolute path'}`,
      'write the path of the module, beginning with a /',
    );
  } else if (statSync(modulePath, { throwIfNoEntry: false })?.isFile() !== true) {
    settings.warning('CUSTOM_MODULE', `there is no file ${modulePath}`, 'put the module there');
  }
  const range = { min: 1, max: MAX_LIMIT_SECONDS };
  return { modulePath, limitMs: settings.integer('CUSTOM_TIMEOUT', DEFAULT_LIMIT_SECONDS, range) * 1000 };
}

/** The path of the settings file. */
export function customSettingsPath(configDirectory: string): string {
  return join(configDirectory, 'authcustomrc');
}

/** Tells which file the module is now: another text when it was replaced. */
export function moduleStamp(path: string): string {
  const state = statSync(path, { throwIfNoEntry: false });
  return state === undefined ? 'missing' : `${state.ino} ${state.size} ${state.mtimeMs}`;
}

/** Looks for mistakes in the file; for `--check`. */
export function checkCustomSettings(configDirectory: string) {
  return readRcFile(customSettingsPath(configDirectory), interpretCustomSettings);
}
