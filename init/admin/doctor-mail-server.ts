/**
 * One mail server: its settings, certificate, ports, user, directories and limits, and the running server, if it runs.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { loginIdentity } from '../runtime/login/login-identity.js';
import { askControl } from '../runtime/service/control.js';
import { bindAddress } from '../runtime/service/listen.js';
import type { MailServiceSettings } from '../runtime/settings/mail-service-settings.js';
import type { MailServiceConfiguration } from '../runtime/settings/service-configuration.js';
import { openFilesTrouble } from '../runtime/system/open-files.js';
import { checkTlsFiles } from '../runtime/tls/tls-files.js';
import { diskFinding } from './doctor-machine.js';
import { type Finding, ok, settingsFindings, trouble, warning } from './finding.js';

/** Examines a server by its settings. */
export async function mailServerFindings(name: string, settings: MailServiceSettings<unknown>): Promise<Finding[]> {
  const { configuration, problems, warnings, startAtBoot } = settings;
  const found = settingsFindings(name, problems, warnings);
  // What is derived from wrong settings would be wrong, too.
  if (problems.length > 0) return found;
  const running = await askControl(configuration.controlSocket, 'status').catch(() => undefined);
  return [
    ...found,
    ...certificateFindings(name, configuration),
    ...userFindings(name, configuration),
    ...directoryFindings(name, configuration),
    ...(running === undefined ? await portFindings(name, configuration, startAtBoot) : runningFindings(name, running)),
    ...limitFindings(name, configuration, running),
  ];
}

function certificateFindings(name: string, { tls }: MailServiceConfiguration): Finding[] {
  const { problems, warnings } = checkTlsFiles(tls, Date.now());
  const good = problems.length === 0 ? [ok(name, `the certificate ${tls.certificateFile} can be used`)] : [];
  return [...good, ...problems.map((text) => trouble(name, text)), ...warnings.map((text) => warning(name, text))];
}

function userFindings(name: string, { loginUser }: MailServiceConfiguration): Finding[] {
  try {
    const identity = loginIdentity(loginUser);
    if (identity !== undefined) return [ok(name, `before login, clients talk to ${loginUser}`)];
    return [warning(name, 'examined without root: what root alone may see is not looked at')];
  } catch (error) {
    return [trouble(name, messageOf(error))];
  }
}

function directoryFindings(name: string, { stateDirectory, cacheDirectory }: MailServiceConfiguration): Finding[] {
  const directories = [stateDirectory, ...(cacheDirectory === undefined ? [] : [cacheDirectory])];
  return directories.flatMap((directory) => {
    try {
      accessSync(directory, constants.W_OK | constants.X_OK);
      return [ok(name, `${directory} can be written to`), diskFinding(directory)];
    } catch (error) {
      // The server makes what is missing, if it may.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [diskFinding(directory)];
      return [trouble(name, `${directory} cannot be written to (${messageOf(error)}); give it to who runs ${name}`)];
    }
  });
}

async function portFindings(
  name: string,
  { services }: MailServiceConfiguration,
  startAtBoot: readonly string[],
): Promise<Finding[]> {
  const found = [warning(name, `does not run; start it with ${name}.rc start, or systemctl start ${name}`)];
  for (const service of startAtBoot) {
    for (const address of services[service]?.addresses ?? []) {
      const refused = await bindAddress(address, 0).then((handle) => handle.close(), messageOf);
      if (refused !== undefined) found.push(trouble(service, refused));
    }
  }
  return found;
}

function runningFindings(name: string, status: string): Finding[] {
  const [first = ''] = status.split('\n');
  if (!first.startsWith('ready ')) return [warning(name, `is not ready: ${first}`)];
  return [ok(name, `runs: ${first.slice('ready '.length)}`)];
}

/** Of the running server, if there is one: a shell has other limits. */
function limitFindings(name: string, { limits }: MailServiceConfiguration, status: string | undefined): Finding[] {
  const [, pid = 'self'] = /^ready pid=(\d+)/.exec(status ?? '') ?? [];
  const [, limit] = /^Max open files\s+(\d+)/m.exec(limitsOf(pid)) ?? [];
  if (limit === undefined) return [];
  const text = openFilesTrouble(limits.connections, Number(limit));
  return [text === undefined ? ok(name, `${limit} files may be open, enough for MAXDAEMONS`) : warning(name, text)];
}

function limitsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/limits`, 'utf8');
  } catch {
    // It is another user's, or has ended, or this is not Linux.
    return '';
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
