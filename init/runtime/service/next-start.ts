/**
 * Settings that a running service cannot change: what it was started with stays until its next start.
 */
import type { MailServiceConfiguration } from '../settings/service-configuration.js';

const NAMES: Readonly<Partial<Record<keyof MailServiceConfiguration, string>>> = {
  loginUser: 'LOGINUSER',
  loginProcesses: 'the number of login processes',
  controlSocket: 'PIDFILE',
  log: 'where the log goes',
};

/** Names what differs, for the administrator. */
export function changesForNextStart(before: MailServiceConfiguration, after: MailServiceConfiguration): string[] {
  const keys = Object.keys(NAMES) as (keyof typeof NAMES)[];
  return keys.flatMap((key) => {
    const name = NAMES[key];
    return name === undefined || JSON.stringify(before[key]) === JSON.stringify(after[key]) ? [] : [name];
  });
}
