/**
 * `angarium doctor`: looks at everything that must be right for mail to work, after an installation, an upgrade, or when
 * something does not work. It changes nothing.
 *
 *     ok       imapd: the settings have no mistakes
 *     error    imapd-ssl: port 993 cannot be opened: dovecot (pid 4711) listens there
 *
 * The exit code is 0 when there is no error.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readImapdSettings } from '../../imapd/settings/settings-reader.js';
import { readPop3dSettings } from '../../pop3d/settings/settings-reader.js';
import { accountFindings, authenticationFindings } from './doctor-authentication.js';
import { clockFindings, kernelFindings } from './doctor-machine.js';
import { mailServerFindings } from './doctor-mail-server.js';
import type { Finding } from './finding.js';
import { trouble } from './finding.js';

/** What the command line says. */
export interface DoctorOptions {
  readonly directory: string;
  /** An account to look at, too. */
  readonly user?: string | undefined;
  readonly json?: boolean | undefined;
}

const SERVERS = { imapd: readImapdSettings, pop3d: readPop3dSettings } as const;

/** Prints what is found. */
export async function doctor({ directory, user, json }: DoctorOptions): Promise<number> {
  const findings = await findingsOf(directory, user);
  for (const finding of findings) {
    const { state, about, text } = finding;
    process.stdout.write(`${json === true ? JSON.stringify(finding) : `${state.padEnd(8)} ${about}: ${text}`}\n`);
  }
  return findings.some(({ state }) => state === 'error') ? 1 : 0;
}

async function findingsOf(directory: string, user: string | undefined): Promise<Finding[]> {
  const present = Object.entries(SERVERS).filter(([name]) => existsSync(join(directory, name)));
  if (present.length === 0) {
    const remedy = 'say where they are with --config or COURIER_CONFDIR';
    return [trouble('settings', `${directory} has neither imapd nor pop3d; ${remedy}`)];
  }
  const findings: Finding[] = [];
  for (const [name, read] of present) findings.push(...(await mailServerFindings(name, read(directory))));
  findings.push(...(await authenticationFindings(directory)));
  const { configuration } = SERVERS.imapd(directory);
  findings.push(...clockFindings(configuration.cacheDirectory ?? configuration.stateDirectory, Date.now()));
  findings.push(...kernelFindings());
  if (user !== undefined) findings.push(...(await accountFindings(directory, user, configuration.defaultMaildir)));
  return once(findings);
}

/** Both servers may have the same disk. */
function once(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
