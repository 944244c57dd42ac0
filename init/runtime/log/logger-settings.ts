/**
 * The settings of a mail service's log in Courier's words: LOGTO is ours, LOGGEROPTS and SSLLOGGEROPTS are Courier's.
 */

import type { Settings } from '../settings/settings-file.js';
import { type LogSettings, SYSLOG_FACILITIES } from './log-destinations.js';

const MEGABYTE = 1_000_000;

/** LOGFORMAT and LOGMAXMB, for every daemon's log. */
export function readLogForm(settings: Settings): Pick<LogSettings, 'format' | 'maxFileOctets'> {
  return {
    format: settings.choice('LOGFORMAT', 'courier', ['courier', 'json']) === 'json' ? 'json' : 'courier',
    maxFileOctets: settings.integer('LOGMAXMB', 1000, { max: 1_000_000 }) * MEGABYTE,
  };
}

/** Reads where the log goes, and under which name; `daemon` is the name without a setting. */
export function readLog(settings: Settings, daemon: string, pidFile: string): LogSettings {
  const destination = settings.text('LOGTO', 'auto');
  if (!['auto', 'stdout', 'stderr', 'syslog', 'journal'].includes(destination) && !destination.startsWith('/')) {
    const remedy = 'write auto, stdout, stderr, syslog, journal, or the absolute path of a file';
    settings.problem('LOGTO', `LOGTO=${destination} is not known`, remedy);
  }
  const options = readLoggerOptions(settings, 'LOGGEROPTS', daemon);
  // One daemon serves both; the names differ in Courier because there are two.
  readLoggerOptions(settings, 'SSLLOGGEROPTS', `${daemon}-ssl`);
  return { destination, ...readLogForm(settings), ...options, fallbackFile: `${pidFile.replace(/\.pid$/, '')}.log` };
}

function readLoggerOptions(settings: Settings, name: string, defaultTag: string): { name: string; facility: number } {
  let tag = defaultTag;
  let facility = SYSLOG_FACILITIES['mail'] ?? 2;
  for (const option of settings
    .text(name, `-name=${defaultTag}`)
    .split(/\s+/)
    .filter((word) => word !== '')) {
    const [, key, value = ''] = /^-(\w+)=(.*)$/.exec(option) ?? [];
    const number = Object.hasOwn(SYSLOG_FACILITIES, value) ? SYSLOG_FACILITIES[value] : undefined;
    if (key === 'name' && value !== '') tag = value;
    else if (key === 'facility' && number !== undefined) facility = number;
    else if (key === 'facility') {
      const remedy = `write one of ${Object.keys(SYSLOG_FACILITIES).join(', ')}`;
      settings.problem(name, `${name}: Unknown facility name '${value}'`, remedy);
    } else settings.warning(name, `${name}: ${option} has no effect`, 'only -name= and -facility= are used');
  }
  return { name: tag, facility };
}
