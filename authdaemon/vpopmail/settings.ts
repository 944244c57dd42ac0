/**
 * The settings file `authvchkpwrc`: where vpopmail keeps its domains.
 */
import { join } from 'node:path';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';

/** The settings, read. */
export interface VpopmailSettings {
  /** Where vpopmail is installed; its domains are in `domains/`. */
  readonly home: string;
  /** qmail's list of domains, which says where a domain is and which one an alias means. It may be missing. */
  readonly assignPath: string;
  /** For login names without a domain; absent: such names are nobody. */
  readonly defaultDomain?: string;
}

/** Reads the settings; for RcFile. */
export function interpretVpopmailSettings(settings: Settings): VpopmailSettings {
  const home = absolute(settings, 'VPOPMAIL_HOME', '/home/vpopmail');
  const assignPath = absolute(settings, 'VPOPMAIL_ASSIGN', '/var/qmail/users/assign');
  const defaultDomain = settings.optionalText('VPOPMAIL_DEFAULT_DOMAIN')?.toLowerCase();
  return defaultDomain === undefined ? { home, assignPath } : { home, assignPath, defaultDomain };
}

/** The path of the settings file. */
export function vpopmailSettingsPath(configDirectory: string): string {
  return join(configDirectory, 'authvchkpwrc');
}

/** Looks for mistakes in the file; for `--check`. */
export function checkVpopmailSettings(configDirectory: string) {
  return readRcFile(vpopmailSettingsPath(configDirectory), interpretVpopmailSettings);
}

function absolute(settings: Settings, name: string, defaultPath: string): string {
  const path = settings.text(name, defaultPath);
  if (!path.startsWith('/')) settings.problem(name, `${name}=${path} is no absolute path`, 'begin it with a /');
  return path;
}
